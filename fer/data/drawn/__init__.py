"""A made-up data set in FER2013's format: faces drawn from numbers, for tests and first steps.

No photograph is behind them, so they may be shown and shared. Each face moves the action units of
its emotion; everything else about it is random.
"""

import numpy as np

from fer.common.errors import InputError
from fer.data.drawn import units
from fer.data.drawn.face import features, folds
from fer.data.drawn.person import Person
from fer.data.drawn.photo import FLAT, Light, Pose, backdrop, paint, photograph
from fer.data.drawn.strokes import sample
from fer.data.labels import EMOTIONS
from fer.data.readers.pixels import SIDE

INK = 4 * SIDE  # drawn large and shrunk, so that edges come out smooth
RELIEF = 2 * SIDE  # blurred anyway
# FER2013's images per emotion (Goodfellow et al., arXiv:1307.0414).
FREQUENCIES = np.array((4953, 547, 5121, 8989, 6077, 4002, 6198))
TEXT = [str(value) for value in range(256)]


def draw(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """A face uint8 [48, 48] of a random person showing `emotion`, an index into EMOTIONS."""
    if not 0 <= emotion < len(EMOTIONS):
        raise ValueError(f"emotion {emotion}: expected 0 to {len(EMOTIONS) - 1}")
    right, left = units.sample(emotion, rng)
    person, pose, light = sample(Person, rng), sample(Pose, rng), sample(Light, rng)
    ink = paint(backdrop(INK, rng), features(person, right, left), pose)
    relief = np.full((RELIEF, RELIEF), FLAT, np.uint8)
    relief = paint(relief, folds(person, right, left), pose, times=FLAT)
    return photograph(ink, relief, light, rng)


def sizes(count: int) -> tuple[int, int, int]:
    """How many of `count` images each part gets: FER2013's 80, 10 and 10 %, but 7 at least."""
    least = len(EMOTIONS)
    if count < 3 * least:
        raise InputError(f"count {count}: expected {3 * least} or more, 7 emotions in 3 parts")
    test = max(least, round(0.1 * count))
    return count - 2 * test, test, test


def emotions(count: int) -> np.ndarray:
    """The emotions [count] of a part's images: one of each first, then at FER2013's frequencies.

    An emotion's k-th image comes where Sainte-Laguë's method puts it, so that every beginning of
    the sequence is as balanced as it can be.
    """
    k = np.arange(count)[:, None]
    place = np.where(k == 0, 0, (k + 0.5) / FREQUENCIES)
    return np.argsort(place, axis=None, kind="stable")[:count] % len(EMOTIONS)
