"""Warnings: reasons why a face may be judged worse than the faces that a network was measured on.

Each limit is where the shipped network has lost 10 points of accuracy on FER2013's validation faces
that were changed this way (`benchmarks/warned.py`, `results/warnings.csv`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fer.inference.detect import Box

WARNINGS = ("small", "blurred", "dark", "bright", "turned", "cut", "several")

SMALL = 20.0  # pixels: height of the box
BLURRED = 0.184  # sharpness
DARK = 25.0  # mean grey of the crop, 0 to 255
BRIGHT = 0.38  # fraction of the crop's pixels that are white
TURNED = 35.0  # degrees, either way
ASIDE = 0.5  # the nose's distance from the middle of the eyes, in distances of the eyes
CUT = 0.32  # fraction of the box outside the picture
SEVERAL = 0.3  # fraction of the box that another face's box covers

WHITE = 250  # grey from which a pixel counts as white


def of(
    crop: NDArray[np.uint8],
    box: Box,
    size: tuple[int, int],
    *,
    landmarks: NDArray[np.float32] | None = None,
    roll: float = 0.0,
    others: Sequence[Box] = (),
) -> tuple[str, ...]:
    """The warnings of one face, in the order of WARNINGS.

    crop: what the network sees, uint8 [S, S]
    box: x, y, width, height in pixels of the picture
    size: width and height of the picture
    landmarks: float32 [5, 2], as of fer.inference.detect.Found
    roll: degrees by which the face is still turned in the crop
    others: boxes of the picture's other faces
    """
    given = {
        "small": box[3] < SMALL,
        "blurred": sharpness(crop) < BLURRED,
        "dark": crop.mean() < DARK,
        "bright": white(crop) > BRIGHT,
        "turned": abs(roll) > TURNED or aside(landmarks) > ASIDE,
        "cut": outside(box, size) > CUT,
        "several": covered(box, others) > SEVERAL,
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
    return 1 - _common(box, (0.0, 0.0, *size)) / _area(box)


def covered(box: Box, others: Sequence[Box]) -> float:
    """The largest fraction of a box that one of the others covers."""
    return max((_common(box, other) / _area(box) for other in others), default=0.0)


def _area(box: Box) -> float:
    return max(box[2] * box[3], 1e-9)


def _common(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    sides = (
        min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis])
        for axis in (0, 1)
    )
    width, height = (max(0.0, side) for side in sides)
    return width * height
