"""What takes time and leaves a folder: training, evaluation, comparison."""
