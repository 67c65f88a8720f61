"""Synthetic faces in FER2013's format, drawn from random numbers, for tests and first steps.

They contain no photographs, so they may be shown and shared. Each face moves the action units of its
emotion. Everything else about it is random.
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

INK = 4 * SIDE  # side in pixels of the drawing, which is then shrunk, so that edges are smooth
RELIEF = 2 * SIDE  # side in pixels of the folds, which are blurred
# Number of images of each emotion in FER2013 (Goodfellow et al., arXiv:1307.0414).
FREQUENCIES = np.array((4953, 547, 5121, 8989, 6077, 4002, 6198))
TEXT = [str(value) for value in range(256)]


def draw(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """A face of a random person: uint8 [48, 48].

    emotion: index into EMOTIONS; ValueError for another number
    """
    if not 0 <= emotion < len(EMOTIONS):
        raise ValueError(f"emotion: {emotion}, expected 0 to {len(EMOTIONS) - 1}")
    right, left = units.sample(emotion, rng)
    person, pose, light = sample(Person, rng), sample(Pose, rng), sample(Light, rng)
    ink = paint(backdrop(INK, rng), features(person, right, left), pose)
    relief = np.full((RELIEF, RELIEF), FLAT, np.uint8)
    relief = paint(relief, folds(person, right, left), pose, times=FLAT)
    return photograph(ink, relief, light, rng)


def sizes(count: int) -> tuple[int, int, int]:
    """The sizes of train, val and test for `count` images: 80, 10 and 10 %, 7 or more each.

    Raises InputError for fewer than 21 images.
    """
    least = len(EMOTIONS)
    if count < 3 * least:
        raise InputError(f"count: {count}, expected {3 * least} or more, 7 emotions in 3 parts")
    test = max(least, round(0.1 * count))
    return count - 2 * test, test, test


def emotions(count: int) -> np.ndarray:
    """The emotions of a part's images: int64 [count], one of each, then at FER2013's frequencies.

    Sainte-Laguë's method orders them, so that the start of the sequence has these frequencies too.
    """
    k = np.arange(count)[:, None]
    place = np.where(k == 0, 0, (k + 0.5) / FREQUENCIES)
    return np.argsort(place, axis=None, kind="stable")[:count] % len(EMOTIONS)
