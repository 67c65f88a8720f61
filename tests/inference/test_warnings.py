"""Warnings of faces made by hand: each measure, and each warning alone."""

import numpy as np
import pytest

from fer.inference import warnings

BOX, PICTURE = (100.0, 100.0, 80.0, 100.0), (640, 480)
FRONT = np.array([[120, 140], [160, 140], [140, 160], [125, 180], [155, 180]], np.float32)


def face(mean: float = 128, spread: float = 50) -> np.ndarray:
    """A crop of coarse noise with this mean and standard deviation: uint8 [48, 48]."""
    chance = np.random.default_rng(0).normal(size=(48, 48))
    return (mean + spread * (chance - chance.mean()) / chance.std()).clip(0, 255).astype(np.uint8)


def test_a_good_face_has_no_warning() -> None:
    assert warnings.of(face(), BOX, PICTURE, landmarks=FRONT, roll=5) == ()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("small", {"box": (100.0, 100.0, 8.0, 10.0)}),
        ("blurred", {"crop": np.tile(np.arange(48, dtype=np.uint8) * 5, (48, 1))}),
        ("dark", {"crop": face(5, 2)}),
        ("bright", {"crop": face(250, 4)}),
        ("turned", {"roll": -50.0}),
        ("turned", {"landmarks": FRONT + np.array([[0, 0], [0, 0], [30, 0], [0, 0], [0, 0]])}),
        ("cut", {"box": (-40.0, 100.0, 80.0, 100.0)}),
        ("several", {"others": [(0.0, 0.0, 10.0, 10.0), (130.0, 100.0, 80.0, 100.0)]}),
    ],
)
def test_each_reason_gives_its_warning_alone(name: str, change: dict) -> None:
    given = {"crop": face(), "box": BOX, "size": PICTURE, "landmarks": FRONT} | change
    assert warnings.of(**given) == (name,)


def test_several_reasons_stand_in_order() -> None:
    found = warnings.of(np.zeros((48, 48), np.uint8), (-9.0, 0.0, 10.0, 10.0), PICTURE, roll=90)
    assert found == ("small", "blurred", "dark", "turned", "cut")


def test_measures_by_hand() -> None:
    assert warnings.outside((-10.0, -10.0, 20.0, 20.0), (100, 100)) == pytest.approx(0.75)
    assert warnings.outside((200.0, 0.0, 20.0, 20.0), (100, 100)) == 1
    others = [(5.0, 0.0, 10.0, 10.0), (0.0, 9.0, 10.0, 10.0)]
    assert warnings.covered((0.0, 0.0, 10.0, 10.0), others) == pytest.approx(0.5)
    assert warnings.covered((0.0, 0.0, 10.0, 10.0), []) == 0
    # Columns of 0 and 10: deviation 5; neighbours across differ by 10, down by 0.
    columns = np.tile(np.array([0, 10], np.uint8), (4, 2))
    assert warnings.sharpness(columns) == pytest.approx(np.sqrt(100 / 2) / 5)
    assert warnings.sharpness(columns + 90) == pytest.approx(warnings.sharpness(columns))
    assert warnings.sharpness(np.full((4, 4), 7, np.uint8)) == 0


def test_how_far_a_nose_is_aside() -> None:
    assert warnings.aside(None) == 0
    assert warnings.aside(FRONT) == 0
    turned = np.array([[0, 0], [0, 10], [4, 8], [0, 0], [0, 0]], np.float32)
    assert warnings.aside(turned) == pytest.approx(0.3)  # along the line of the eyes, at any roll
    assert warnings.aside(np.zeros((5, 2), np.float32)) == np.inf
