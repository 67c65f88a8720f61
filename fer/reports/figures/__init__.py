"""Figures: pure functions from arrays to `matplotlib.figure.Figure`. Each emotion has a fixed colour.

Nothing here uses pyplot, which has global state and is not safe in threads. A user's names never reach
matplotlib's mathematics parser, which is not safe in threads either and fails at a lone dollar.
"""

from fer.data.labels import colours
from fer.reports.figures.canvas import pixels, png_bytes, save
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
from fer.reports.figures.training import confusion, coverage, curves, reliability

__all__ = [
    "agreement",
    "class_counts",
    "class_examples",
    "colours",
    "confusion",
    "coverage",
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
