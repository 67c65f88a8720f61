"""Faces from files to batches. A config names a source as `fer.data.FER2013`."""

from typing import Any

SOURCES = ("FER2013", "FERPlus", "Folder", "Parquet", "Drawn")


def __getattr__(name: str) -> Any:
    """A source by its public name, loaded when first asked for: it needs torch, labels do not."""
    if name not in SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fer.data import sources

    return getattr(sources, name)
