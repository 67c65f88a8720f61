"""Figures of a run: learning curves, confusion matrix, calibration, coverage."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fer.reports.figures.canvas import (
    MARK,
    MUTED,
    TRAIN,
    VALIDATION,
    blank,
    cells,
    note,
    open_axes,
    percent,
    percent_text,
    shortened,
    slanted,
)


def confusion(matrix: np.ndarray, classes: Sequence[str]) -> Figure:
    """Confusion matrix: counts and row percentages, recall to the right, precision on top.

    matrix: int [C, C], true classes in rows, predicted ones in columns; ValueError for another shape
    """
    matrix, size = np.asarray(matrix), len(classes)
    if matrix.shape != (size, size):
        raise ValueError(
            f"matrix: shape {matrix.shape}, expected {(size, size)}, one row per class"
        )
    share = percent(matrix, matrix.sum(1, keepdims=True))
    side, margin = max(0.78 * size, 2.6), 0.09 * max(map(len, shortened(classes)))
    figure = blank(side + margin + 1.8, side + margin + 1.2)
    axis = figure.subplots()
    cells(axis, matrix, share)
    _confusion_labels(axis, matrix, shortened(classes))
    accuracy = percent_text(percent(np.trace(matrix), matrix.sum()), ".2f")
    figure.suptitle(f"accuracy {accuracy}, {matrix.sum():,} images", fontsize=11)
    return figure


def _confusion_labels(axis: Axes, matrix: np.ndarray, names: Sequence[str]) -> None:
    true, predicted, hits, ticks = matrix.sum(1), matrix.sum(0), np.diag(matrix), range(len(names))
    axis.set_xticks(ticks, names, **slanted(names))
    axis.set_yticks(ticks, [f"{name}\n{n:,}" for name, n in zip(names, true, strict=True)])
    right, top = axis.secondary_yaxis("right"), axis.secondary_xaxis("top")
    right.set_yticks(ticks, [percent_text(p) for p in percent(hits, true)], weight="bold")
    top.set_xticks(ticks, [percent_text(p) for p in percent(hits, predicted)], size=8.5)
    axis.set(xlabel="predicted", ylabel="true")
    right.set_ylabel("recall", labelpad=8)
    top.set_xlabel("precision")
    for each in (axis, right, top):
        each.tick_params(length=0)
        each.spines[:].set_visible(False)


# Panels of `curves`: title -> column of metrics.csv, label, colour and style of each line.
PANELS = {
    "loss": (
        ("train/loss", "train", TRAIN, "-"),
        ("val/loss", "validation", VALIDATION, "-"),
    ),
    "accuracy and mean recall, %": (
        ("train/acc", "train accuracy", TRAIN, "-"),
        ("val/acc", "validation accuracy", VALIDATION, "-"),
        ("val/mean_acc", "validation mean recall", VALIDATION, ":"),
    ),
    "learning rate": (("lr", None, MUTED, "-"),),
    "seconds per epoch": (("seconds", None, MUTED, "-"),),
}


def curves(history: Sequence[Mapping[str, float | None]]) -> Figure:
    """Loss, accuracy, mean recall, learning rate and seconds by epoch.

    A line marks the highest val/acc, the first of equal ones.

    history: rows of metrics.csv; a number may be missing, None or NaN
    """
    epochs = np.array([row.get("epoch", i) for i, row in enumerate(history)], dtype=float)
    figure = blank(9.4, 4.9)
    axes = figure.subplots(2, 2, sharex=True, height_ratios=(4, 1))
    for axis, (title, lines) in zip(axes.flat, PANELS.items(), strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        for key, label, colour, style in lines:
            _line(axis, epochs, _column(history, key), label=label, color=colour, linestyle=style)
        open_axes(axis)
    _mark_best(axes[0], epochs, _column(history, "val/acc"))
    for axis in axes[0]:
        if axis.lines:
            axis.legend(edgecolor="none", fontsize=8.5)
    for axis in axes[1]:
        top = 1.15 * axis.dataLim.ymax if axis.lines else 0
        axis.set(xlabel="epoch", ylim=(0, top or 1))
        axis.yaxis.set_major_locator(MaxNLocator(3))
        # The default formatter uses the mathematics parser for powers of ten.
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs):
        room = max(0.5, 0.02 * np.ptp(epochs))
        axes[1, 0].set_xlim(epochs.min() - room, epochs.max() + room)
    for axis in axes.flat:
        if not axis.lines:
            note(axis, "not recorded")
    return figure


def _column(history: Sequence[Mapping[str, float | None]], key: str) -> np.ndarray:
    values = [row.get(key) for row in history]
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    return 100 * numbers if key.endswith("acc") else numbers


def _line(axis: Axes, x: np.ndarray, y: np.ndarray, **style: str | None) -> None:
    known = np.isfinite(y)
    if known.any():
        # A line through one point is invisible, so few epochs get markers.
        marker = "o" if known.sum() < 10 else None
        axis.plot(x[known], y[known], marker=marker, markersize=4, linewidth=1.8, **style)


def _mark_best(panels: Sequence[Axes], epochs: np.ndarray, accuracy: np.ndarray) -> None:
    if not np.isfinite(accuracy).any():
        return
    best = int(np.nanargmax(accuracy))
    text = f"highest accuracy: {percent_text(accuracy[best], '.2f')}, epoch {epochs[best]:g}"
    for axis in panels:
        if axis.lines:
            axis.axvline(epochs[best], color=MARK, linewidth=1, linestyle="--")
    panels[1].plot(epochs[best], accuracy[best], "o", color=MARK, label=text, markersize=6)


def reliability(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> Figure:
    """Accuracy by confidence, with the expected calibration error (ECE), above a histogram of confidences.

    confidence: float [N] in [0, 1], probability of the predicted class; NaN rows are left out
    correct: [N], 1 where the prediction is right
    bins: number of bins, of equal width

    Source: Guo et al., "On Calibration of Modern Neural Networks" (arXiv:1706.04599).
    """
    known = np.isfinite(confidence)
    sure, right = np.asarray(confidence)[known], np.asarray(correct, dtype=float)[known]
    figure = blank(5.2, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    lower.set(xlabel="confidence", ylabel="images, %")
    for axis in (upper, lower):
        open_axes(axis)
    if not len(sure):
        note(upper, "no images")
        return figure
    left, share, belief, hits = _binned(sure, right, bins)
    style = {"width": 1 / bins, "align": "edge", "linewidth": 0.8}
    upper.bar(left, hits, color=VALIDATION, edgecolor="white", label="accuracy", **style)
    gap = {"facecolor": "none", "edgecolor": MARK, "hatch": "////"}
    label = "gap to the mean confidence"
    upper.bar(left, belief - hits, bottom=hits, label=label, **gap, **style)
    upper.plot(
        (0, 1), (0, 1), color=MUTED, linestyle="--", linewidth=1, label="perfectly calibrated"
    )
    lower.bar(left, 100 * share, color=TRAIN, edgecolor="white", **style)
    upper.legend(frameon=False, fontsize=8.5, loc="upper left")
    ece = share @ np.abs(hits - belief)
    text = f"ECE {ece:.4f}: accuracy {right.mean():.3f}, mean confidence {sure.mean():.3f}"
    upper.set_title(text, loc="left", fontsize=10)
    return figure


def _binned(sure: np.ndarray, right: np.ndarray, bins: int) -> tuple[np.ndarray, ...]:
    """Left edge, fraction of rows, mean confidence and accuracy of each bin with rows."""
    index = np.clip((sure * bins).astype(int), 0, bins - 1)
    number, belief, hits = (np.bincount(index, weights, bins) for weights in (None, sure, right))
    filled = np.flatnonzero(number)
    number, belief, hits = number[filled], belief[filled], hits[filled]
    return filled / bins, number / len(sure), belief / number, hits / number


def coverage(
    confidence: np.ndarray, correct: np.ndarray, marked: Sequence[float] = (0.5, 0.7, 0.9)
) -> Figure:
    """Accuracy of the surest predictions by their fraction of all, where less sure ones are not answered.

    confidence, correct: as of `reliability`, without NaN
    marked: lowest confidences that get a mark, as of `fer predict --abstain`
    """
    figure = blank(5.2, 3.8)
    axis = figure.subplots()
    axis.set(xlabel="answered, % of the images", ylabel="accuracy of the answers, %", xlim=(0, 100))
    open_axes(axis)
    if not len(confidence):
        note(axis, "no images")
        return figure
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    accuracy = 100 * np.cumsum(correct[order]) / answered
    # A few of the surest images alone give a noisy line.
    shown = answered >= min(50, len(order))
    axis.plot(100 * answered[shown] / len(order), accuracy[shown], color=VALIDATION, linewidth=1.8)
    for least in marked:
        if number := int((confidence >= least).sum()):
            place = 100 * number / len(order), accuracy[number - 1]
            axis.plot(*place, "o", color=MARK, markersize=5)
            axis.annotate(
                f"{least:g}", place, xytext=(4, 4), textcoords="offset points", fontsize=8.5
            )
    axis.set_title("marks: lowest confidence of an answer", loc="left", fontsize=10)
    return figure
