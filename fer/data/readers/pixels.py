"""Parse and check pixels as FER2013 writes them: numbers with spaces between."""

from collections.abc import Sequence
from math import isqrt

import numpy as np

SIDE = 48  # in pixels (Goodfellow et al., arXiv:1307.0414)
LEAST_SIDE = 16  # in pixels, of what a message takes for an image of another size
SPACE = (ord(" ") - ord("0")) % 256  # a space on the scale where digits are 0 to 9
# Other writers' lists of numbers, such as "[70, 80]" and "70;80", with spaces instead.
AS_SPACES = bytes.maketrans(b"[](),;|\t", b" " * 8)


def parse_block(texts: Sequence[bytes], *, side: int = SIDE) -> np.ndarray | None:
    """Parse many faces at once: uint8 [N, side, side]; None if a text has not FER2013's usual form.

    That form is numbers from 0 to 255 of one to three digits with single spaces between. `parse`
    reads other forms and names faults.
    """
    count = side * side
    digits = np.frombuffer(b" ".join(texts) + b" ", np.uint8) - np.uint8(ord("0"))
    ends = np.flatnonzero(digits > 9)  # the character after each number
    wanted = np.cumsum([len(text) + 1 for text in texts]) - 1
    if len(ends) != len(texts) * count or (ends[count - 1 :: count] != wanted).any():
        return None
    ones, tens, hundreds, thousands = (digits[ends - place] for place in (1, 2, 3, 4))
    two = tens <= 9
    three = two & (hundreds <= 9)
    four = three & (thousands <= 9)
    if (digits[ends] != SPACE).any() or (ones > 9).any() or four.any():
        return None
    values = ones + 10 * (tens * two) + np.uint16(100) * (hundreds * three)
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(-1, side, side)


def parse(text: bytes, *, side: int = SIDE) -> np.ndarray:
    """Parse one face: uint8 [side, side]. Raises ValueError for anything but whole numbers 0-255.

    The numbers may stand between brackets and commas, and be written as 70.0.
    """
    values = _numbers(text)
    if len(values) != side * side:
        raise ValueError(
            f"{len(values)} pixels, expected {side * side} ({side}x{side}){_hint(values)}"
        )
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise ValueError(f"pixel {wrong}, expected 0-255")
    return values.astype(np.uint8).reshape(side, side)


def _numbers(text: bytes) -> np.ndarray:
    """The whole numbers in a text: int64 [n]. Raises ValueError for anything else."""
    spaced = text.translate(AS_SPACES)
    try:
        return np.fromstring(spaced, dtype=np.int64, sep=" ")
    except ValueError:
        pass
    try:
        values = np.fromstring(spaced, dtype=np.float64, sep=" ")
        if np.isfinite(values).all() and (values == values.round()).all():
            return values.astype(np.int64)
    except ValueError:  # a word that is no number, which the next lines find
        pass
    wrong = next((word for word in spaced.split() if not _is_whole(word)), text)
    raise ValueError(f"pixel {shown(wrong)}, expected a whole number 0-255")


def _is_whole(word: bytes) -> bool:
    try:
        return float(word).is_integer()
    except ValueError:
        return False


def _hint(values: np.ndarray) -> str:
    """What to choose for a number of pixels that makes a square of another side."""
    side = isqrt(len(values))
    square = side**2 == len(values) and side >= LEAST_SIDE
    return f"; images of {side}x{side} need data.size={side}" if square else ""


def count_outside(text: bytes, *, planes: int, side: int = SIDE) -> int:
    """The number of values of `planes` computed planes outside 0-255.

    Raises ValueError for anything but side * side numbers per plane.
    """
    try:
        values = np.fromstring(text, dtype=np.float64, sep=" ")
    except ValueError:
        raise ValueError("a computed plane contains what is no number") from None
    if len(values) != planes * side * side:
        raise ValueError(
            f"{len(values)} values of computed planes, expected {planes * side * side} "
            f"({planes} x {side}x{side})"
        )
    return int(((values < 0) | (values > 255)).sum())


def shown(field: bytes) -> str:
    """A field for an error line: quoted and shortened."""
    return repr(field[:20].decode(errors="replace"))
