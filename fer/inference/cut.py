"""The square around a face that was found, cut out as the faces of FER2013 are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer.inference.detect import Found
from fer.inference.prediction import Pixels

SIDE = 48  # of FER2013's faces, in pixels


@dataclass(frozen=True)
class Place:
    """Where a network's face lies in a detector's box. All numbers go into JSON as they are.

    side: of the square, in heights of the box.
    down: of its centre below the box's centre, in heights of the box.
    mirror: whether the mirror image is a second view.
    """

    side: float = 1.0
    down: float = 0.0
    mirror: bool = True


def roll(found: Found) -> float:
    """Degrees by which the line through the eyes is turned, clockwise. 0 without landmarks."""
    if found.landmarks is None:
        return 0.0
    x, y = (found.landmarks[1] - found.landmarks[0]).tolist()
    return math.degrees(math.atan2(y, x))


def cut(
    pixels: Pixels, found: Found, place: Place = Place(), *, size: int = SIDE
) -> NDArray[np.uint8]:
    """The views of one face whose probabilities are averaged: grey, uint8 [K, size, size].

    pixels: the upright picture [H, W, 3], RGB
    """
    x, y, width, height = found.box
    side = max(1.0, place.side * height)
    face = square(
        pixels, (x + width / 2, y + height / 2 + place.down * height), side, 0.0, size=size
    )
    return np.stack([face, face[:, ::-1]] if place.mirror else [face])


def square(
    pixels: Pixels, centre: tuple[float, float], side: float, degrees: float, *, size: int
) -> NDArray[np.uint8]:
    """A square of a picture, turned upright and resized: grey, uint8 [size, size].

    centre: x and y in pixels, where 0, 0 is the corner of the first pixel
    side: in pixels
    degrees: by which the square is turned, clockwise

    Each result pixel is the mean over its area. Beyond the border the outermost pixels are repeated.
    """
    times = max(1, min(8, math.ceil(side / size)))
    fine = size * times
    step = side / fine
    cos, sin = (step * part(math.radians(degrees)) for part in (math.cos, math.sin))
    middle = (fine - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, centre[0] - 0.5 - (cos - sin) * middle],
            [sin, cos, centre[1] - 0.5 - (sin + cos) * middle],
        ]
    )
    kind = cv2.INTER_CUBIC if step < 1 else cv2.INTER_LINEAR
    turned = cv2.warpAffine(
        pixels, matrix, (fine, fine), flags=kind | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    grey = cv2.cvtColor(turned, cv2.COLOR_RGB2GRAY)
    face = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA) if times > 1 else grey
    return np.asarray(face, np.uint8)
