"""The square around a face that was found, cut out as the faces of FER2013 are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fer.inference.detect import Found
from fer.inference.prediction import Pixels
from fer.inference.square import square

SIDE = 48  # of FER2013's faces, in pixels


@dataclass(frozen=True)
class Place:
    """Where a network's face lies in a detector's box, upright. All fields go into JSON as they are.

    The defaults are chosen on PublicTest by benchmarks/path.py.

    sides: of the squares, in heights of the box. Each is a view of the face.
    down: of the squares' centre below the box's, in heights of the box.
    mirror: whether the mirror image of each is a view too.
    """

    sides: tuple[float, ...] = (0.9,)
    down: float = 0.0
    mirror: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sides", tuple(self.sides))  # JSON has a list


def cut(
    pixels: Pixels, found: Found, place: Place = Place(), *, size: int = SIDE
) -> NDArray[np.uint8]:
    """The views of one face whose probabilities are averaged: grey, uint8 [K, size, size].

    pixels: the upright picture [H, W, 3], RGB
    """
    height, degrees = max(1.0, found.box[3]), found.roll
    angle = np.radians(degrees)
    down = place.down * height * np.array([-np.sin(angle), np.cos(angle)])
    x, y = (np.array(found.centre) + down).tolist()
    views = []
    for side in place.sides:
        view = square(pixels, (x, y), side * height, degrees, size=size)
        grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
        views += [grey, grey[:, ::-1]] if place.mirror else [grey]
    return np.stack(views).astype(np.uint8)
