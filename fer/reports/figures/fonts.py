"""A font of the system for characters that matplotlib's own font lacks, such as Chinese class names."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

log = logging.getLogger(__name__)

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # no warnings of weights

OWN = "DejaVu Sans"  # comes with matplotlib
BOXES = "Last Resort"  # a font of matplotlib's that draws a box for every character


@contextmanager
def fitting(figure: Figure) -> Iterator[None]:
    """Draw a figure with fonts that have its characters. Without one, log a single note."""
    texts = figure.findobj(Text)
    lacking = frozenset("".join(text.get_text() for text in texts)) - _characters(_path(OWN))
    lacking = frozenset(character for character in lacking if character.isprintable())
    families = [OWN, *_families(lacking)] if lacking else [OWN]
    if len(families) > 1:
        for text in texts:
            text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield


@cache
def _families(characters: frozenset[str]) -> list[str]:
    """The names of fonts that have the characters, as few as possible. What none has is noted once."""
    left, found = set(characters), []
    fonts = {
        entry.name: entry.fname for entry in font_manager.fontManager.ttflist if _is_plain(entry)
    }
    covered = {name: left & _characters(path) for name, path in sorted(fonts.items())}
    while left and covered:
        best = max(covered, key=lambda name: (len(covered[name] & left), "Sans" in name))
        if not covered[best] & left:
            break
        found.append(best)
        left -= covered[best]
    if left:
        shown = "".join(sorted(left)[:8])
        log.info("note: no font here has %s; figures show boxes, the html pages do not", shown)
    return found


def _is_plain(entry: font_manager.FontEntry) -> bool:
    usual = entry.style == "normal" and entry.weight in (400, "normal", "regular")
    return usual and not entry.name.startswith(BOXES)


def _path(family: str) -> str:
    return font_manager.findfont(family)


@cache
def _characters(path: str) -> frozenset[str]:
    """The characters of a font file. None for one that cannot be drawn."""
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (RuntimeError, OSError):
        return frozenset()
