"""Which facial action units an emotion shows, and how strongly."""

import re

import numpy as np

from fer.data.labels import EMOTIONS

# The units of each emotion in FACS notation: numbers name action units, a letter from A, a trace,
# to E, the utmost, their intensity (none: D). After the emotion prediction tables of Ekman and
# Friesen's "Facial Action Coding System" (1978) and its Investigator's Guide (with Hager, 2002).
PROTOTYPES = {
    "angry": ("4+5+7+23", "4+5+7+24", "4+5+7+17+24", "4+5+7+10+23+25", "4+5+7+10+22+23+26"),
    "disgust": ("9", "9+17", "9+15+16", "9+15+16+26", "10+17", "10+16+25"),
    "fear": ("1+2+4+5", "1+2+4+5+20", "1+2+4+5+20+25", "1+2+4+5+20+26", "1+2+4+5+27"),
    "happy": ("12", "6+12", "6+12+25", "6+12E+25", "6+12+26"),
    "sad": ("1+4+15", "1+4+15+17", "1+4+11+15B", "1+4+15+64", "1+4+15+25"),
    "surprise": ("1+2+5B", "1+2+5B+26", "1+2+5B+27", "1+2+26", "1+2+27"),
    "neutral": ("",),
}
# FACS only ranks its letters; the values are spread by eye.
INTENSITY = {"A": 0.2, "B": 0.4, "C": 0.6, "D": 0.85, "E": 1.0, "": 0.85}
UNITS = 65  # numbers in use go up to 64, eyes down

# Set so that a linear classifier of pixels fails on half the faces, a small CNN on one in eight
# (measured on 4,800 training and 1,000 test faces: 44 % and 88 % right).
STRENGTH = (0.35, 1.1)  # of an expression as a whole
MIXED = 0.25  # how often another emotion shows through
REST = 0.1  # spread of the movements that mean nothing
TALKING = 0.2  # how often the lips are parted for no reason


def parse(code: str) -> np.ndarray:
    """The intensities [65] in 0-1, indexed by unit number, of a FACS `code` such as `1+2+5B+26`."""
    units = np.zeros(UNITS)
    for number, letter in re.findall(r"(\d+)([A-E]?)", code):
        units[int(number)] = INTENSITY[letter]
    return units


EXPRESSIONS = tuple(np.stack([parse(code) for code in PROTOTYPES[name]]) for name in EMOTIONS)


def pick(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """One of the emotion's expressions [65], each unit a little weaker or stronger than tabled."""
    expressions = EXPRESSIONS[emotion]
    return expressions[rng.integers(len(expressions))] * rng.uniform(0.6, 1.2, UNITS)


def sample(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """Intensities [2, 65] of the units on a face's right and left side, 0 to 1.2.

    A prototype of the emotion at some strength, at times with a trace of another emotion, over the
    small movements of a face at rest; so weak expressions of two emotions can look alike.
    """
    units = rng.uniform(*STRENGTH) * pick(emotion, rng)
    if rng.random() < MIXED:
        units += rng.uniform(0, 0.45) * pick(rng.integers(len(EMOTIONS)), rng)
    units += np.maximum(0, rng.normal(0, REST, UNITS))
    units[25] += (rng.random() < TALKING) * rng.random()
    lopsided = rng.normal(0, 0.12) * np.array([[1.0], [-1.0]])
    return np.clip(units * (1 + lopsided), 0, 1.2)
