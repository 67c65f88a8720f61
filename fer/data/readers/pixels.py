"""Parse and check pixels as FER2013 writes them: numbers with spaces between."""

from collections.abc import Sequence

import numpy as np

SIDE = 48  # in pixels (Goodfellow et al., arXiv:1307.0414)
COUNT = SIDE * SIDE
SPACE = (ord(" ") - ord("0")) % 256  # a space on the scale where digits are 0 to 9


def parse_block(texts: Sequence[bytes]) -> np.ndarray | None:
    """Parse many faces at once: uint8 [N, 48, 48]; None if a text has not FER2013's usual form.

    That form is 2,304 numbers from 0 to 255 of one to three digits with single spaces between. `parse`
    reads other forms and names faults.
    """
    digits = np.frombuffer(b" ".join(texts) + b" ", np.uint8) - np.uint8(ord("0"))
    ends = np.flatnonzero(digits > 9)  # the character after each number
    wanted = np.cumsum([len(text) + 1 for text in texts]) - 1
    if len(ends) != len(texts) * COUNT or (ends[COUNT - 1 :: COUNT] != wanted).any():
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
    return values.astype(np.uint8).reshape(-1, SIDE, SIDE)


def parse(text: bytes) -> np.ndarray:
    """Parse one face: uint8 [48, 48]. Raises ValueError for anything but 2,304 numbers 0-255."""
    try:
        values = np.fromstring(text, dtype=np.int64, sep=" ")
    except ValueError:  # find the word at which numpy's parser stopped
        wrong = next((word for word in text.split() if not word.isdigit()), text)
        raise ValueError(f"pixel {shown(wrong)}, expected a whole number 0-255") from None
    if len(values) != COUNT:
        raise ValueError(f"{len(values)} pixels, expected {COUNT} ({SIDE}x{SIDE})")
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise ValueError(f"pixel {wrong}, expected 0-255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def count_outside(text: bytes, *, planes: int) -> int:
    """The number of values of `planes` computed planes outside 0-255.

    Raises ValueError for anything but 2,304 numbers per plane.
    """
    try:
        values = np.fromstring(text, dtype=np.float64, sep=" ")
    except ValueError:
        raise ValueError("a computed plane contains what is no number") from None
    if len(values) != planes * COUNT:
        raise ValueError(
            f"{len(values)} values of computed planes, expected {planes * COUNT} "
            f"({planes} x {SIDE}x{SIDE})"
        )
    return int(((values < 0) | (values > 255)).sum())


def shown(field: bytes) -> str:
    """A field for an error line: quoted and shortened."""
    return repr(field[:20].decode(errors="replace"))
