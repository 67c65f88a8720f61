"""A font of the system for characters that matplotlib's own font lacks, such as Chinese class names."""

import importlib.util
import logging
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # half a second, only where a name needs another font
    from matplotlib.font_manager import FontEntry

log = logging.getLogger(__name__)

OWN = "DejaVu Sans"  # comes with matplotlib
# Latin, Greek, Cyrillic and punctuation, which OWN has. They need no look into its file.
COMMON = re.compile("[\0-\u052f\u2010-\u2027]*")
BOXES = "Last Resort"  # a font of matplotlib's that draws a box for every character


@cache
def families(text: str) -> list[str]:
    """The names of fonts that have the characters of a text, the own one first, as few as possible.

    What none has is noted once.
    """
    found, left = [OWN], _rare(text)
    while left:
        covered = {name: left & characters(file) for name, file in _others().items()}
        best = max(covered, key=lambda name: (len(covered[name]), "Sans" in name), default=OWN)
        if not covered.get(best):
            _note(frozenset(left))
            break
        found.append(best)
        left -= covered[best]
    return found


@cache
def file_for(text: str) -> str:
    """The file of one font that has as many characters of a text as possible, the own one if it has all."""
    if not (rare := _rare(text)):
        return own_file()
    files = [own_file(), *_others().values()]
    best = max(files, key=lambda file: len(set(text) & characters(file)))
    if left := rare - characters(best):
        _note(frozenset(left))
    return best


def _rare(text: str) -> set[str]:
    """The characters of a text that the own font lacks."""
    if COMMON.fullmatch(text):
        return set()
    return {each for each in text if each.isprintable()} - characters(own_file())


@cache
def _note(lacking: frozenset[str]) -> None:
    shown = "".join(sorted(lacking)[:8])
    log.info("note: no font here has %s; pictures show boxes, the html pages do not", shown)


@cache
def _others() -> dict[str, str]:
    """The files of the system's upright fonts of usual weight, by name."""
    from matplotlib import font_manager

    entries = font_manager.fontManager.ttflist
    return {entry.name: entry.fname for entry in entries if _is_usual(entry)}


def _is_usual(entry: "FontEntry") -> bool:
    usual = entry.style == "normal" and entry.weight in (400, "normal", "regular")
    return usual and not entry.name.startswith((OWN, BOXES))


@cache
def own_file() -> str:
    """DejaVu Sans of matplotlib, which has Latin, Greek, Cyrillic, Arabic and many symbols."""
    spec = importlib.util.find_spec("matplotlib")  # found without importing it
    assert spec is not None and spec.origin is not None  # a dependency
    return str(Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf")


@cache
def characters(file: str) -> frozenset[str]:
    """The characters of a font file. None for one that cannot be drawn."""
    from matplotlib import font_manager

    try:
        return frozenset(map(chr, font_manager.get_font(file).get_charmap()))
    except (RuntimeError, OSError):
        return frozenset()
