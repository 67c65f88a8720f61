"""Finished runs side by side: found, ranked by validation, shown."""
