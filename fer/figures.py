"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, in the emotions' own colours.

Nothing here touches pyplot: no global state, no window system, safe in threads. Names given by a
user never reach matplotlib's mathematics parser, which is neither safe in threads nor forgiving.
"""

import os
import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fer.labels import COLOURS

DPI = 150  # a figure of 8 inches is 1200 pixels wide: sharp on a page, about 100 kB
LONGEST = 22  # characters of a class name that still fit beside a bar
INK, MUTED, LINE = "#1d2127", "#5b6470", "#dfe2e6"
TRAIN, VALIDATION, MARK = "#8a929c", "#1f5fbf", "#c2410c"


def colours(classes: int) -> list[str]:
    """One hex colour a class: those of `fer.labels`, then `tab20b` in steps that part neighbours."""
    more = colormaps["tab20b"].colors
    # 7 has no divisor in common with the map's 20 colours, so that all of them come up.
    extra = [to_hex(more[7 * i % len(more)]) for i in range(max(0, classes - len(COLOURS)))]
    return [*COLOURS[:classes], *extra]


def class_counts(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Figure:
    """Images per class, one panel a part; a bar's length is the class's share of its part.

    `counts`: part (train, val, test) -> one number a class. ValueError where the lengths differ.
    """
    for part, numbers in counts.items():
        if len(numbers) != len(classes):
            raise ValueError(f"counts[{part!r}]: {len(numbers)} numbers, expected {len(classes)}")
    figure = _figure(3.1 * len(counts) + 1, 0.36 * len(classes) + 0.7)
    panels = figure.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)[0]
    shares = {part: 100 * np.asarray(n) / max(sum(n), 1) for part, n in counts.items()}
    ticks = range(len(classes))
    for axis, (part, numbers) in zip(panels, counts.items(), strict=True):
        bars = axis.barh(ticks, shares[part], color=colours(len(classes)), height=0.72)
        texts = [f"{n:,}  ({s:.1f} %)" for n, s in zip(numbers, shares[part], strict=True)]
        axis.bar_label(bars, texts, padding=4, fontsize=8.5, color=INK)
        axis.set_title(f"{_plain(part)}: {sum(numbers):,} images", loc="left", fontsize=10)
        axis.tick_params(left=False, bottom=False, labelbottom=False)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    longest = max(len(f"{n:,}") for numbers in counts.values() for n in numbers)
    # Room right of the longest bar for "1,234 (12.3 %)" at 8.5 points in a panel of 3 inches.
    panels[0].set_xlim(0, max(1, *(s.max() for s in shares.values())) / (0.66 - 0.03 * longest))
    panels[0].set_yticks(ticks, _names(classes))
    panels[0].invert_yaxis()
    return figure


def confusion(matrix: np.ndarray, classes: Sequence[str]) -> Figure:
    """Confusion matrix: counts and row percentages, with recall to the right, precision on top.

    `matrix`: integers [C, C], rows true, columns predicted. ValueError for another shape.
    """
    matrix, size = np.asarray(matrix), len(classes)
    if matrix.shape != (size, size):
        raise ValueError(f"matrix: shape {matrix.shape}, expected {(size, size)}, one row a class")
    share = _percent(matrix, matrix.sum(1, keepdims=True))
    side, margin = max(0.78 * size, 2.6), 0.09 * max(map(len, _names(classes)))
    figure = _figure(side + margin + 1.8, side + margin + 1.2)
    axis = figure.subplots()
    axis.imshow(np.nan_to_num(share), cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), count in np.ndenumerate(matrix):
        # White and ink read equally well on this map's blue at 67 %, with a contrast of 4.
        style = {"ha": "center", "color": "white" if share[row, column] > 67 else INK}
        at = {"xy": (column, row), "textcoords": "offset points"}
        axis.annotate(f"{count:,}", xytext=(0, 2), size=9.5, **at, **style)
        axis.annotate(_text(share[row, column], ".0f"), xytext=(0, -10), size=8, **at, **style)
    _confusion_labels(axis, matrix, _names(classes))
    accuracy = _text(_percent(np.trace(matrix), matrix.sum()), ".2f")
    figure.suptitle(f"accuracy {accuracy} of {matrix.sum():,} images", fontsize=11)
    return figure


def _confusion_labels(axis: Axes, matrix: np.ndarray, names: Sequence[str]) -> None:
    true, predicted, hits, ticks = matrix.sum(1), matrix.sum(0), np.diag(matrix), range(len(names))
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    axis.set_xticks(ticks, names, **(slanted if max(map(len, names)) > 8 else {}))
    axis.set_yticks(ticks, [f"{name}\n{n:,}" for name, n in zip(names, true, strict=True)])
    right, top = axis.secondary_yaxis("right"), axis.secondary_xaxis("top")
    right.set_yticks(ticks, [_text(p) for p in _percent(hits, true)], weight="bold")
    top.set_xticks(ticks, [_text(p) for p in _percent(hits, predicted)], size=8.5)
    axis.set(xlabel="predicted", ylabel="true")
    right.set_ylabel("recall")
    top.set_xlabel("precision")
    for each in (axis, right, top):
        each.tick_params(length=0)
        each.spines[:].set_visible(False)


# Panels of `curves`: title -> (column of metrics.csv, label, colour, style) of each line.
PANELS = {
    "loss": (
        ("train/loss", "train", TRAIN, "-"),
        ("val/loss", "validation", VALIDATION, "-"),
    ),
    "accuracy, %": (
        ("train/acc", "train", TRAIN, "-"),
        ("val/acc", "validation", VALIDATION, "-"),
        ("val/mean_acc", "validation, mean of classes", VALIDATION, ":"),
    ),
    "learning rate": (("lr", None, MUTED, "-"),),
    "seconds an epoch": (("seconds", None, MUTED, "-"),),
}


def curves(history: Sequence[Mapping[str, float | None]]) -> Figure:
    """Losses, accuracies in percent, learning rate and seconds over the epochs.

    `history`: rows as in metrics.csv; a number may be missing, None or NaN. The epoch of the
    highest val/acc (the first of equal ones) is marked.
    """
    epochs = np.array([row.get("epoch", i) for i, row in enumerate(history)], dtype=float)
    figure = _figure(9.4, 4.9)
    axes = figure.subplots(2, 2, sharex=True, height_ratios=(4, 1))
    for axis, (title, lines) in zip(axes.flat, PANELS.items(), strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        for key, label, colour, style in lines:
            _line(axis, epochs, _column(history, key), label=label, color=colour, linestyle=style)
        _open(axis)
    _mark_best(axes[0], epochs, _column(history, "val/acc"))
    for axis in axes[0]:
        if axis.lines:
            axis.legend(frameon=False, fontsize=8.5)
    for axis in axes[1]:
        top = 1.15 * axis.dataLim.ymax if axis.lines else 0
        axis.set(xlabel="epoch", ylim=(0, top or 1))
        axis.yaxis.set_major_locator(MaxNLocator(3))
        # The default formatter sends powers of ten through the mathematics parser.
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs):
        room = max(0.5, 0.02 * np.ptp(epochs))
        axes[1, 0].set_xlim(epochs.min() - room, epochs.max() + room)
    for axis in axes.flat:
        if not axis.lines:
            _note(axis, "not recorded")
    return figure


def _column(history: Sequence[Mapping[str, float | None]], key: str) -> np.ndarray:
    values = [row.get(key) for row in history]
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    return 100 * numbers if key.endswith("acc") else numbers


def _line(axis: Axes, x: np.ndarray, y: np.ndarray, **style: str | None) -> None:
    known = np.isfinite(y)
    if known.any():
        # A line through one point is invisible: few epochs get markers.
        marker = "o" if known.sum() < 10 else None
        axis.plot(x[known], y[known], marker=marker, markersize=4, linewidth=1.8, **style)


def _mark_best(panels: Sequence[Axes], epochs: np.ndarray, accuracy: np.ndarray) -> None:
    if not np.isfinite(accuracy).any():
        return
    best = int(np.nanargmax(accuracy))
    text = f"highest: {_text(accuracy[best], '.2f')}, epoch {epochs[best]:g}"
    for axis in panels:
        if axis.lines:
            axis.axvline(epochs[best], color=MARK, linewidth=1, linestyle="--")
    panels[1].plot(epochs[best], accuracy[best], "o", color=MARK, label=text, markersize=6)


def faces(
    images: np.ndarray, captions: Sequence[str], *, columns: int = 8, title: str = ""
) -> Figure:
    """A sheet of faces, `columns` in a row, each with its caption (line breaks are kept) below.

    `images`: uint8 [N, H, W]. ValueError where N differs from the number of captions.
    """
    texts = [_wrapped(caption) for caption in captions]
    columns = max(1, min(columns, len(texts)))
    rows = max(1, -(-len(texts) // columns))
    lines = max((text.count("\n") + 1 for text in texts), default=1)
    # In units of a face, 1.15 inches wide: 0.08 between faces, 0.11 for a line of 7 points.
    across, down = 1.08, 1.14 + 0.11 * lines
    figure = _figure(1.15 * across * columns, 1.15 * down * rows + (0.4 if title else 0))
    axis = figure.subplots()
    for i, (image, text) in enumerate(zip(images, texts, strict=True)):
        left, top = across * (i % columns), down * (i // columns)
        extent = (left, left + 1, top + 1, top)
        style = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "bicubic"}
        axis.imshow(image, extent=extent, **style)
        axis.text(left + 0.5, top + 1.04, text, ha="center", va="top", size=7, color=INK)
    axis.set(xlim=(0, across * columns - 0.08), ylim=(down * rows, 0))
    axis.set_axis_off()
    if not texts:
        _note(axis, "no images")
    if title:
        figure.suptitle(_plain(title), fontsize=11)
    return figure


def face_png(image: np.ndarray) -> bytes:
    """One face, uint8 [H, W], as a PNG of its own size."""
    buffer = BytesIO()
    # Three equal channels: the grey colour map rounds some values down by one.
    imsave(buffer, np.stack([image] * 3, axis=-1), format="png")
    return buffer.getvalue()


def reliability(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> Figure:
    """Calibration diagram over a histogram of confidences, with the expected calibration error.

    `confidence`: [N] in [0, 1], the probability of the predicted class; rows that are not finite
    are left out. `correct`: [N], 1 where the prediction was right. Bins of equal width and the
    error as in Guo et al., "On Calibration of Modern Neural Networks" (arXiv:1706.04599).
    """
    known = np.isfinite(confidence)
    sure, right = np.asarray(confidence)[known], np.asarray(correct, dtype=float)[known]
    figure = _figure(5.2, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    lower.set(xlabel="confidence", ylabel="images, %")
    for axis in (upper, lower):
        _open(axis)
    if not len(sure):
        _note(upper, "no images")
        return figure
    left, share, belief, hits = _binned(sure, right, bins)
    style = {"width": 1 / bins, "align": "edge", "linewidth": 0.8}
    upper.bar(left, hits, color=VALIDATION, edgecolor="white", label="accuracy", **style)
    gap = {"facecolor": "none", "edgecolor": MARK, "hatch": "////"}
    label = "distance to the mean confidence"
    upper.bar(left, belief - hits, bottom=hits, label=label, **gap, **style)
    upper.plot((0, 1), (0, 1), color=MUTED, linestyle="--", linewidth=1, label="calibrated")
    lower.bar(left, 100 * share, color=TRAIN, edgecolor="white", **style)
    upper.legend(frameon=False, fontsize=8.5, loc="upper left")
    ece = share @ np.abs(hits - belief)
    text = f"ECE {ece:.4f}: accuracy {right.mean():.3f}, mean confidence {sure.mean():.3f}"
    upper.set_title(text, loc="left", fontsize=10)
    return figure


def _binned(sure: np.ndarray, right: np.ndarray, bins: int) -> tuple[np.ndarray, ...]:
    """Of each bin that is not empty: left edge, share of rows, mean confidence, accuracy."""
    index = np.clip((sure * bins).astype(int), 0, bins - 1)
    number, belief, hits = (np.bincount(index, weights, bins) for weights in (None, sure, right))
    filled = np.flatnonzero(number)
    number, belief, hits = number[filled], belief[filled], hits[filled]
    return filled / bins, number / len(sure), belief / number, hits / number


def pixels(figure: Figure) -> np.ndarray:
    """The figure as a picture: uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG at 150 dots an inch."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Writes the figure as a PNG: whole or not at all (a temporary name, then renamed)."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(png_bytes(figure))
    os.replace(temporary, path)


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _open(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def _note(axis: Axes, text: str) -> None:
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color=MUTED)
    axis.grid(False)
    axis.tick_params(left=False, labelleft=False)


def _names(classes: Sequence[str]) -> list[str]:
    return [_plain(n if len(n) <= LONGEST else n[: LONGEST - 1] + "…") for n in classes]


def _plain(text: str) -> str:
    return text.replace("$", r"\$")


def _wrapped(caption: str) -> str:
    # A no-break space keeps "97 %" together; 22 characters of 7 points fit below a face.
    lines = caption.replace(" %", "\u00a0%").splitlines()
    return _plain("\n".join(textwrap.fill(line, 22, break_on_hyphens=False) for line in lines))


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a class without images has no recall: NaN
        return 100 * np.divide(part, whole)


def _text(percent: float, form: str = ".1f") -> str:
    return f"{percent:{form}} %" if np.isfinite(percent) else "–"
