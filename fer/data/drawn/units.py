"""The facial action units of each emotion, and their intensities."""

import re

import numpy as np

from fer.data.labels import EMOTIONS

# The units of each emotion in FACS notation: a number is an action unit, a letter its intensity from
# A (a trace) to E (maximum), D without one. They follow the emotion prediction tables in Ekman and
# Friesen, "Facial Action Coding System" (1978), and its Investigator's Guide (with Hager, 2002).
PROTOTYPES = {
    "angry": ("4+5+7+23", "4+5+7+24", "4+5+7+17+24", "4+5+7+10+23+25", "4+5+7+10+22+23+26"),
    "disgust": ("9", "9+17", "9+15+16", "9+15+16+26", "10+17", "10+16+25"),
    "fear": ("1+2+4+5", "1+2+4+5+20", "1+2+4+5+20+25", "1+2+4+5+20+26", "1+2+4+5+27"),
    "happy": ("12", "6+12", "6+12+25", "6+12E+25", "6+12+26"),
    "sad": ("1+4+15", "1+4+15+17", "1+4+11+15B", "1+4+15+64", "1+4+15+25"),
    "surprise": ("1+2+5B", "1+2+5B+26", "1+2+5B+27", "1+2+26", "1+2+27"),
    "neutral": ("",),
}
# FACS only ranks the letters. Their values are set by eye.
INTENSITY = {"A": 0.2, "B": 0.4, "C": 0.6, "D": 0.85, "E": 1.0, "": 0.85}
UNITS = 65  # the highest number in use is 64, eyes down

# Chosen so that a linear classifier of pixels fails on half of the faces and a small CNN on one in
# eight: we measured accuracies of 44 % and 88 % with 4,800 training and 1,000 test faces.
STRENGTH = (0.35, 1.1)  # range of the factor on an expression's intensities
MIXED = 0.25  # fraction of faces with a trace of another emotion
REST = 0.1  # standard deviation of random movements
TALKING = 0.2  # fraction of faces with lips parted at random


def parse(code: str) -> np.ndarray:
    """The intensities of a FACS code such as `1+2+5B+26`: [65], 0 to 1, indexed by unit number."""
    units = np.zeros(UNITS)
    for number, letter in re.findall(r"(\d+)([A-E]?)", code):
        units[int(number)] = INTENSITY[letter]
    return units


EXPRESSIONS = tuple(np.stack([parse(code) for code in PROTOTYPES[name]]) for name in EMOTIONS)


def pick(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """A random expression of an emotion, each unit somewhat weaker or stronger than tabled: [65]."""
    expressions = EXPRESSIONS[emotion]
    return expressions[rng.integers(len(expressions))] * rng.uniform(0.6, 1.2, UNITS)


def sample(emotion: int, rng: np.random.Generator) -> np.ndarray:
    """Intensities of the units on a face's right and left side: [2, 65], 0 to 1.2.

    They are a prototype of the emotion at a random strength, sometimes a trace of another emotion, and
    small random movements. Weak expressions of two emotions can therefore look alike.
    """
    units = rng.uniform(*STRENGTH) * pick(emotion, rng)
    if rng.random() < MIXED:
        units += rng.uniform(0, 0.45) * pick(rng.integers(len(EMOTIONS)), rng)
    units += np.maximum(0, rng.normal(0, REST, UNITS))
    units[25] += (rng.random() < TALKING) * rng.random()
    lopsided = rng.normal(0, 0.12) * np.array([[1.0], [-1.0]])
    return np.clip(units * (1 + lopsided), 0, 1.2)
