"""Pixels written as numbers between spaces, FER2013's way, read and checked."""

from collections.abc import Sequence

import numpy as np

SIDE = 48  # pixels; Goodfellow et al., arXiv:1307.0414
COUNT = SIDE * SIDE
SPACE = (ord(" ") - ord("0")) % 256  # a space in the scale where the digits are 0 to 9


def parse_block(texts: Sequence[bytes]) -> np.ndarray | None:
    """Many faces at once, uint8 [N, 48, 48]; None where any text is not in the plainest form.

    That is 2,304 numbers 0-255 of one to three digits with one space between: what every row of
    fer2013.csv is. `parse` reads the other forms and names the faults. Looking at all digits of a
    block together is four times as fast as parsing each text.
    """
    digits = np.frombuffer(b" ".join(texts) + b" ", np.uint8) - np.uint8(ord("0"))
    ends = np.flatnonzero(digits > 9)  # what follows each number; before the first stands the last
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
    """One face, uint8 [48, 48]. ValueError says what its text is instead of 2,304 numbers 0-255."""
    try:
        values = np.fromstring(text, dtype=np.int64, sep=" ")
    except ValueError:  # numpy's parser stops at what is no whole number; find it
        wrong = next((word for word in text.split() if not word.isdigit()), text)
        raise ValueError(f"pixel {shown(wrong)}, expected a whole number 0-255") from None
    if len(values) != COUNT:
        raise ValueError(f"{len(values)} pixels, expected {COUNT} ({SIDE}x{SIDE})")
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise ValueError(f"pixel {wrong}, expected 0-255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def count_outside(text: bytes, *, planes: int) -> int:
    """How many values of `planes` computed planes lie outside 0-255; they may be any numbers.

    ValueError where they are not 2,304 numbers a plane.
    """
    try:
        values = np.fromstring(text, dtype=np.float64, sep=" ")
    except ValueError:
        raise ValueError("a plane beside the original holds what is no number") from None
    if len(values) != planes * COUNT:
        raise ValueError(
            f"{len(values)} values beside the original, expected {planes * COUNT} "
            f"({planes} x {SIDE}x{SIDE})"
        )
    return int(((values < 0) | (values > 255)).sum())


def shown(field: bytes) -> str:
    """A field as an error line shows it: quoted and short."""
    return repr(field[:20].decode(errors="replace"))
