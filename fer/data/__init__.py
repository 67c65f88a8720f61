"""Faces from their files to batches: readers, cache, splits, augmentation, the drawn set."""
