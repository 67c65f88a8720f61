"""Blocks of rows parsed at once against each row parsed by itself."""

import numpy as np
import pytest

from fer.data.readers.pixels import parse, parse_block

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 48, 48), dtype=np.uint8)
IMAGES[1] = RNG.integers(0, 10, (48, 48))  # numbers of one digit
IMAGES[2] = RNG.integers(100, 256, (48, 48))  # of three


def text(image: np.ndarray) -> bytes:
    return " ".join(map(str, image.ravel())).encode()


TEXTS = [text(image) for image in IMAGES]


@pytest.mark.parametrize("order", [[0], [1], [2], [0, 1, 2, 3, 4], [1, 0], [2, 1], [4, 3, 3]])
def test_a_block_is_its_rows(order):
    texts = [TEXTS[index] for index in order]
    found = parse_block(texts)
    np.testing.assert_array_equal(found, IMAGES[order])
    np.testing.assert_array_equal(found, np.stack([parse(one) for one in texts]))
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        TEXTS[0] + b" ",
        b" " + TEXTS[0],
        TEXTS[0].replace(b" ", b"  ", 1),
        TEXTS[0].replace(b" ", b"\t", 1),
        TEXTS[0] + b" 7",
        TEXTS[0].rsplit(b" ", 1)[0],
        TEXTS[0].rsplit(b" ", 1)[0] + b" 256",
        TEXTS[0].rsplit(b" ", 1)[0] + b" 999",
        TEXTS[0].rsplit(b" ", 1)[0] + b" 1000",
        TEXTS[0].rsplit(b" ", 1)[0] + b" 0007",
        TEXTS[0].rsplit(b" ", 1)[0] + b" -1",
        TEXTS[0].rsplit(b" ", 1)[0] + b" 1.5",
        TEXTS[0].rsplit(b" ", 1)[0] + b" \xff",
        b"1000 " + TEXTS[0].split(b" ", 1)[1],
        b"x " + TEXTS[0].split(b" ", 1)[1],
    ],
)
def test_what_is_not_in_the_plainest_form_is_left_to_the_row(bad):
    for block in ([bad], [TEXTS[1], bad, TEXTS[2]], [bad, TEXTS[1]], [TEXTS[1], bad]):
        assert parse_block(block) is None


def test_pixels_may_not_move_from_row_to_row():
    short, long = TEXTS[0].rsplit(b" ", 1)[0], TEXTS[1] + b" 7"
    assert parse_block([short, long]) is None


def test_the_row_by_itself_is_read_in_other_spellings():
    odd = TEXTS[0].replace(b" ", b"  ", 3) + b" "
    np.testing.assert_array_equal(parse(odd), IMAGES[0])
