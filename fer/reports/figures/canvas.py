"""What the figures share: sizes, colours, table cells, plain text and PNG output."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from fer.common import fonts
from fer.common.files import replacing

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # no warnings of weights

DPI = 150  # a figure of 8 inches is 1200 pixels wide, about 100 kB
LONGEST = 22  # characters of a class name that still fit next to a bar
INK, MUTED, LINE = "#1d2127", "#5b6470", "#dfe2e6"
TRAIN, VALIDATION, MARK = "#8a929c", "#1f5fbf", "#c2410c"


def pixels(figure: Figure) -> np.ndarray:
    """The figure as a picture: uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    with _fonts_of(figure):
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@contextmanager
def _fonts_of(figure: Figure) -> Iterator[None]:
    """Draw a figure with fonts that have its characters, without a warning for each that none has."""
    texts = figure.findobj(Text)
    shown = "".join(sorted({each for text in texts for each in text.get_text()}))
    if (families := fonts.families(shown)) != [fonts.OWN]:
        for text in texts:
            text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG at 150 dots an inch."""
    buffer = BytesIO()
    with _fonts_of(figure):
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(png_bytes(figure))


def blank(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def open_axes(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def cells(axis: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    """Draw a table of `counts` [R, C], each above its percentage `share` [R, C], which also shades it."""
    axis.imshow(np.nan_to_num(share), cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        # At 67 % of this map, white and ink have an equal contrast of 4 to the blue.
        style = {"ha": "center", "color": "white" if share[row, column] > 67 else INK}
        at = {"xy": (column, row), "textcoords": "offset points"}
        axis.annotate(f"{count:,}", xytext=(0, 2), size=9.5, **at, **style)
        text = percent_text(share[row, column], ".0f")
        axis.annotate(text, xytext=(0, -10), size=8, **at, **style)


def slanted(names: Sequence[str]) -> dict[str, object]:
    """The text style of column names: slanted if one of them is long."""
    long = max(map(len, names)) > 8
    return {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if long else {}


def note(axis: Axes, text: str) -> None:
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color=MUTED)
    axis.grid(False)
    axis.tick_params(left=False, labelleft=False)


def shortened(classes: Sequence[str]) -> list[str]:
    return [plain(n if len(n) <= LONGEST else n[: LONGEST - 1] + "…") for n in classes]


def plain(text: str) -> str:
    return text.replace("$", r"\$")


def percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # NaN for a class without images
        return 100 * np.divide(part, whole)


def percent_text(percent: float, form: str = ".1f") -> str:
    return f"{percent:{form}} %" if np.isfinite(percent) else "–"
