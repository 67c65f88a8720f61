"""What people look at: pages, figures, model cards."""
