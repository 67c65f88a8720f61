"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, in the emotions' own colours.

Nothing here touches pyplot: no global state, no window system, safe in threads. Names given by a
user never reach matplotlib's mathematics parser, which is neither safe in threads nor forgiving.
"""

from fer.reports.figures.canvas import colours, pixels, png_bytes, save
from fer.reports.figures.data import (
    agreement,
    class_counts,
    class_examples,
    distributions,
    face_png,
    faces,
    predictions,
    votes,
)
from fer.reports.figures.training import confusion, curves, reliability

__all__ = [
    "agreement",
    "class_counts",
    "class_examples",
    "colours",
    "confusion",
    "curves",
    "distributions",
    "face_png",
    "faces",
    "pixels",
    "png_bytes",
    "predictions",
    "reliability",
    "save",
    "votes",
]
