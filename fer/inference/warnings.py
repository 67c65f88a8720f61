"""Warnings: reasons why a face may be judged worse than the faces that a network was measured on.

Each limit is where the shipped network has lost 10 points of accuracy on FER2013's validation faces
that were changed this way (`benchmarks/warned.py`, `results/warnings.csv`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer.inference.detect import common
from fer.inference.prediction import Box

WHITE = 250  # grey from which a pixel counts as white
UNCHANGED = 0.7242  # accuracy of the validation faces as they are


@dataclass(frozen=True)
class Limit:
    """Where a warning begins, and the accuracies that were measured there. UNCHANGED is without it.

    meaning: in a few words.
    at: of the measure.
    measure: what `at` is compared with.
    change: what was done to the faces at the limit, and acc: their accuracy then.
    stronger, stronger_acc: a change beyond the limit.
    natural: fraction of unchanged validation faces that get the warning. None where none can.
    """

    meaning: str
    at: float
    measure: str
    change: str
    acc: float
    stronger: str
    stronger_acc: float
    natural: float | None = None


LIMITS = {
    "small": Limit(
        "few pixels",
        at=19.4,
        measure="side of the crop, in pixels of the picture, below",
        change="19.4 pixels",
        acc=0.624,
        stronger="12 pixels",
        stronger_acc=0.482,
    ),
    "blurred": Limit(
        "out of focus or moving",
        at=0.188,
        measure="sharpness below",
        change="Gaussian blur of 0.032 sides",
        acc=0.624,
        stronger="0.05 sides",
        stronger_acc=0.378,
        natural=0.0,
    ),
    "dark": Limit(
        "too little light",
        at=24.5,
        measure="mean grey, of 255, below",
        change="0.19 times as bright",
        acc=0.624,
        stronger="0.1 times as bright",
        stronger_acc=0.427,
        natural=0.0,
    ),
    "bright": Limit(
        "too much light",
        at=0.483,
        measure="fraction of white pixels above",
        change="1.8 times as bright, clipped",
        acc=0.624,
        stronger="2.5 times as bright",
        stronger_acc=0.488,
        natural=0.0,
    ),
    "turned": Limit(
        "not from the front",
        at=46.9,
        measure="roll in degrees above",
        change="47 degrees, found and cut upright",
        acc=0.609,
        stronger="60 degrees",
        stronger_acc=0.472,
        natural=0.0,
    ),
    "cut": Limit(
        "reaches over the border of the picture",
        at=0.351,
        measure="fraction of the box outside above",
        change="0.35 outside, border repeated",
        acc=0.624,
        stronger="0.4375 outside",
        stronger_acc=0.546,
    ),
    "several": Limit(
        "other faces within the crop",
        at=0.336,
        measure="fraction of the box that another covers above",
        change="0.34 covered by another face",
        acc=0.624,
        stronger="0.4375 covered",
        stronger_acc=0.536,
    ),
}
WARNINGS = tuple(LIMITS)

# The nose's distance from the middle of the eyes, in distances of the eyes, above which a face is turned
# aside. Upright validation faces at or beyond it are judged 10 points worse. It is no change, so other
# causes may be among them.
ASIDE = 0.225


def of(
    crop: NDArray[np.uint8],
    box: Box,
    size: tuple[int, int],
    *,
    side: float | None = None,
    landmarks: NDArray[np.float32] | None = None,
    roll: float = 0.0,
    others: Sequence[Box] = (),
) -> tuple[str, ...]:
    """The warnings of one face, in the order of WARNINGS.

    crop: what the network sees, uint8 [S, S]
    box: x, y, width, height in pixels of the picture
    size: width and height of the picture
    side: of the crop's square in pixels of the picture. None: the height of the box
    landmarks: float32 [5, 2], as of fer.inference.detect.Found
    roll: degrees by which the face is turned in the picture, as the detector finds it
    others: boxes of the picture's other faces
    """
    at = {name: limit.at for name, limit in LIMITS.items()}
    given = {
        "small": (box[3] if side is None else side) < at["small"],
        "blurred": sharpness(crop) < at["blurred"],
        "dark": crop.mean() < at["dark"],
        "bright": white(crop) > at["bright"],
        "turned": abs(roll) > at["turned"] or aside(landmarks) > ASIDE,
        "cut": outside(box, size) > at["cut"],
        "several": covered(box, others) > at["several"],
    }
    return tuple(name for name in WARNINGS if given[name])


def sharpness(crop: NDArray[np.uint8]) -> float:
    """The differences of neighbours next to the contrast: root mean squares, 0 for one grey.

    Brightness and contrast do not change it. It falls as a crop is blurred.
    """
    pixels = crop.astype(np.float64)
    contrast = pixels.std()
    if contrast == 0:
        return 0.0
    across, down = np.diff(pixels, axis=1), np.diff(pixels, axis=0)
    return float(np.sqrt((np.mean(across**2) + np.mean(down**2)) / 2) / contrast)


def white(crop: NDArray[np.uint8]) -> float:
    """The fraction of pixels that are white, as an overexposed face has them."""
    return float((crop >= WHITE).mean())


def aside(landmarks: NDArray[np.float32] | None) -> float:
    """How far the nose is from the middle of the eyes, along their line, in distances of the eyes.

    0 for a face seen from the front. Above 0.5 the nose is outside both eyes. 0 without landmarks.
    """
    if landmarks is None:
        return 0.0
    left, right, nose = landmarks[:3].astype(np.float64)
    line = right - left
    squared = float(line @ line)
    return abs(float((nose - (left + right) / 2) @ line)) / squared if squared else np.inf


def outside(box: Box, size: tuple[int, int]) -> float:
    """The fraction of a box that lies outside a picture of this width and height."""
    return 1 - common(box, (0.0, 0.0, *size)) / _area(box)


def covered(box: Box, others: Sequence[Box]) -> float:
    """The largest fraction of a box that one of the others covers."""
    return max((common(box, other) / _area(box) for other in others), default=0.0)


def _area(box: Box) -> float:
    return max(box[2] * box[3], 1e-9)
