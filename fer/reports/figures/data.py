"""Figures of a dataset: class counts, sheets of images, brightness, votes."""

import textwrap
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from fer.data.labels import colours
from fer.reports.figures.canvas import (
    INK,
    LINE,
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
    plain,
    shortened,
    slanted,
)

RIDGE_BINS = 64  # over 0..255: 4 grey values a bin


def class_counts(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Figure:
    """Images per class, one panel per part. A bar's length is the class's fraction of its part.

    counts: part -> one number per class; ValueError where the lengths differ
    """
    for part, numbers in counts.items():
        if len(numbers) != len(classes):
            raise ValueError(f"counts[{part!r}]: {len(numbers)} numbers, expected {len(classes)}")
    figure = blank(3.1 * len(counts) + 1, 0.36 * len(classes) + 0.7)
    panels = figure.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)[0]
    shares = {part: 100 * np.asarray(n) / max(sum(n), 1) for part, n in counts.items()}
    ticks = range(len(classes))
    for axis, (part, numbers) in zip(panels, counts.items(), strict=True):
        bars = axis.barh(ticks, shares[part], color=colours(classes), height=0.72)
        texts = [f"{n:,}  ({s:.1f} %)" for n, s in zip(numbers, shares[part], strict=True)]
        axis.bar_label(bars, texts, padding=4, fontsize=8.5, color=INK)
        axis.set_title(f"{plain(part)}: {sum(numbers):,} images", loc="left", fontsize=10)
        axis.tick_params(left=False, bottom=False, labelbottom=False)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    longest = max(len(f"{n:,}") for numbers in counts.values() for n in numbers)
    # Room right of the longest bar for "1,234 (12.3 %)" at 8.5 points in a panel of 3 inches.
    panels[0].set_xlim(0, max(1, *(s.max() for s in shares.values())) / (0.66 - 0.03 * longest))
    panels[0].set_yticks(ticks, shortened(classes))
    panels[0].invert_yaxis()
    return figure


def faces(
    images: np.ndarray, captions: Sequence[str], *, columns: int = 8, title: str = ""
) -> Figure:
    """A sheet of images, `columns` in a row, each above its caption.

    images: uint8 [N, H, W]
    captions: N texts, whose line breaks are kept; ValueError for another number
    """
    texts = [_wrapped(caption) for caption in captions]
    columns = max(1, min(columns, len(texts)))
    lines = [text.count("\n") + 1 for text in texts] or [1]
    # In units of an image, 1.15 inches: 0.08 between images, 0.11 for a line of 7 points.
    across = 1.08
    rows = [1.14 + 0.11 * max(lines[i : i + columns]) for i in range(0, len(lines), columns)]
    tops = np.cumsum([0, *rows])
    figure = blank(1.15 * across * columns, 1.15 * tops[-1] + (0.4 if title else 0))
    axis = figure.subplots()
    for i, (image, text) in enumerate(zip(images, texts, strict=True)):
        left, top = across * (i % columns), tops[i // columns]
        _place(axis, image, left, top)
        axis.text(left + 0.5, top + 1.04, text, ha="center", va="top", size=7, color=INK)
    axis.set(xlim=(0, across * columns - 0.08), ylim=(tops[-1], 0))
    axis.set_axis_off()
    if not texts:
        note(axis, "no images")
    if title:
        figure.suptitle(plain(title), fontsize=11)
    return figure


def predictions(
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    columns: int = 4,
) -> Figure:
    """A sheet of faces, each with its label above and its three most probable classes as bars.

    images: uint8 [N, H, W]
    probabilities: float [N, classes]
    labels: N indices into `classes`
    """
    names, palette = shortened(classes), colours(classes)
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    figure = blank(2.75 * columns, 1.32 * rows)
    axis = figure.subplots()
    wide, high = 2.35, 1.28  # of a cell, in faces
    for place, (image, row, label) in enumerate(zip(images, probabilities, labels, strict=True)):
        left, top = wide * (place % columns), high * (place // columns)
        _place(axis, image, left, top + 0.2)
        axis.text(left, top + 0.16, f"labelled {names[label]}", size=8, color=MUTED)
        for line, index in enumerate(np.argsort(-row)[:3]):
            height = top + 0.3 + 0.31 * line
            bar = (left + 1.08, height + 0.16), 1.1 * row[index], 0.09
            axis.add_patch(Rectangle(*bar, color=palette[index]))
            text = f"{names[index]} {percent_text(100 * row[index], '.0f')}"
            axis.text(left + 1.08, height + 0.12, text, size=8, color=INK)
    axis.set(xlim=(0, wide * columns), ylim=(high * rows, 0), aspect="equal")
    axis.set_axis_off()
    if not len(images):
        note(axis, "no images")
    return figure


def class_examples(images: Sequence[np.ndarray], classes: Sequence[str]) -> Figure:
    """One row of images per class, its name to the left.

    images: uint8 [n, H, W] for each class; n may differ, and be 0
    """
    names, step = shortened(classes), 1.06
    columns, margin = max(1, *map(len, images)), 0.11 * max(map(len, names)) + 0.1
    figure = blank(0.86 * (step * columns + margin), 0.86 * step * len(names))
    axis = figure.subplots()
    for row, (name, faces_) in enumerate(zip(names, images, strict=True)):
        axis.text(-0.1, step * row + 0.5, name, ha="right", va="center", color=INK)
        for column, image in enumerate(faces_):
            _place(axis, image, step * column, step * row)
    axis.set(xlim=(-margin, step * columns), ylim=(step * len(names), 0), aspect="equal")
    axis.set_axis_off()
    return figure


def _place(axis: Axes, image: np.ndarray, left: float, top: float) -> None:
    """Draw an image one unit wide and high. The y axis points down."""
    extent = (left, left + 1, top + 1, top)
    style = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "bicubic"}
    axis.imshow(image, extent=extent, **style)


def distributions(
    values: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Histograms of a number of the images, one ridge per class, all of one height. A line marks the median.

    values: title -> float [N], one panel each
    labels: int [N]
    """
    figure = blank(4.6 * len(values) + 0.6, 0.55 * len(classes) + 0.9)
    panels = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for axis, (title, numbers) in zip(panels, values.items(), strict=True):
        bins = np.linspace(0, numbers.max(initial=1), RIDGE_BINS + 1)
        grouped = [numbers[labels == index] for index in range(len(classes))]
        _ridges(axis, bins, [np.histogram(each, bins)[0] for each in grouped], colours(classes))
        for row, each in enumerate(grouped):
            if len(each):
                middle = np.median(each)
                line = {"color": INK, "linewidth": 1.6, "zorder": len(classes)}
                axis.plot((middle, middle), (row, row - 0.35), **line)
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(left=False)
    panels[0].set_yticks(range(len(classes)), shortened(classes))
    panels[0].set_ylim(len(classes) - 0.9, -0.95)
    return figure


def _ridges(
    axis: Axes, bins: np.ndarray, counts: Sequence[np.ndarray], shades: Sequence[str]
) -> None:
    """Draw the histograms `counts` in rows, each upwards from its own line in its own shade."""
    for row, (count, colour) in enumerate(zip(counts, shades, strict=True)):
        axis.axhline(row, color=LINE, linewidth=0.8)
        ridge = row - 0.88 * count / max(1, count.max())
        axis.stairs(ridge, bins, baseline=row, fill=True, color=colour, linewidth=0)


def agreement(matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> Figure:
    """FER2013's labels against FER+'s winners: counts and row percentages, equal names outlined.

    matrix: int [len(rows), len(columns)]
    """
    share = percent(matrix, matrix.sum(1, keepdims=True))
    above, left = shortened(columns), shortened(rows)
    figure = blank(0.82 * len(above) + 1.6, 0.62 * len(left) + 1.2)
    axis = figure.subplots()
    cells(axis, matrix, share)
    for row, column in np.argwhere(np.array(rows)[:, None] == np.array(columns)):
        outline = {"fill": False, "edgecolor": MARK, "linewidth": 1.5}
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **outline))
    axis.set_xticks(range(len(above)), above, **slanted(above))
    axis.set(xlabel="winner of the vote", ylabel="label")
    totals = zip(left, matrix.sum(1), strict=True)
    axis.set_yticks(range(len(left)), [f"{name}\n{total:,}" for name, total in totals])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def votes(same: np.ndarray, other: np.ndarray) -> Figure:
    """Images by the number of votes for the winner, those whose label is the winner at the bottom.

    same, other: int [most votes + 1], images by the winner's votes, from 0; the label is, is not the winner
    """
    figure = blank(6, 3.2)
    axis = figure.subplots()
    number = np.arange(len(same))
    axis.bar(number, same, color=VALIDATION, label="label is the winner")
    axis.bar(number, other, bottom=same, color=TRAIN, label="label is another")
    axis.set(xlabel="votes for the winner", ylabel="images", xticks=number)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axis.legend(frameon=False, fontsize=8.5, loc="upper left")
    open_axes(axis)
    return figure


def face_png(image: np.ndarray) -> bytes:
    """One image, uint8 [H, W], as a PNG of the same size."""
    buffer = BytesIO()
    # Three equal channels, because the grey colour map rounds some values down by one.
    imsave(buffer, np.stack([image] * 3, axis=-1), format="png")
    return buffer.getvalue()


def _wrapped(caption: str) -> str:
    # A no-break space keeps "97 %" together. 22 characters of 7 points fit below an image.
    lines = caption.replace(" %", "\u00a0%").splitlines()
    return plain("\n".join(textwrap.fill(line, 22, break_on_hyphens=False) for line in lines))
