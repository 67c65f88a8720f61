"""A square of a picture, turned and resized without aliasing."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer.inference.prediction import Pixels


def square(
    pixels: Pixels,
    centre: tuple[float, float],
    side: float,
    degrees: float,
    *,
    size: int,
    border: int = cv2.BORDER_REPLICATE,
    exact: bool = True,
) -> Pixels:
    """A square of an RGB picture, turned upright and resized: uint8 [size, size, 3].

    centre: x and y in pixels, where 0, 0 is the corner of the first pixel
    side: in pixels
    degrees: by which the square is turned in the picture, clockwise
    border: OpenCV's rule for what lies outside the picture
    exact: False reduces by a whole factor, then linearly: up to 20 times faster, slightly aliased

    A reduced pixel is the mean over its area. Enlarging is bicubic.
    """
    fine = 2 * size if exact and side > size else size
    factor = side / fine if exact else side // fine
    part, offset, scale = _reduced(pixels, centre, side, degrees, max(1.0, factor))
    matrix = np.diag(scale) @ _from_square(centre, side, degrees, fine)
    matrix[:, 2] -= scale * offset + 0.5
    kind = cv2.INTER_CUBIC if side < fine else cv2.INTER_LINEAR
    turned: Any = cv2.warpAffine(
        part, matrix, (fine, fine), flags=kind | cv2.WARP_INVERSE_MAP, borderMode=border
    )
    if fine > size:
        turned = cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(turned, np.uint8)


def back(
    points: NDArray[np.float64], centre: tuple[float, float], side: float, degrees: float, size: int
) -> NDArray[np.float64]:
    """The places in the picture of points [N, 2] of a square, in pixels whose corner is 0, 0."""
    matrix = _from_square(centre, side, degrees, size)
    matrix[:, 2] -= matrix[:, :2].sum(1) / 2
    return points @ matrix[:, :2].T + matrix[:, 2]


def _from_square(
    centre: tuple[float, float], side: float, degrees: float, size: int
) -> NDArray[np.float64]:
    """The matrix [2, 3] from the number of a pixel of the square to its middle in the picture."""
    step, angle = side / size, math.radians(degrees)
    turn = step * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    return np.column_stack([turn, np.array(centre) - turn.sum(1) * (size - 1) / 2])


def _reduced(
    pixels: Pixels, centre: tuple[float, float], side: float, degrees: float, factor: float
) -> tuple[Pixels, NDArray[np.float64], NDArray[np.float64]]:
    """The part around a square, reduced by `factor`.

    Also the part's first corner in the picture, and the factors by which x and y were reduced.
    """
    angle = math.radians(degrees)
    reach = side * (abs(math.cos(angle)) + abs(math.sin(angle))) / 2 + 2
    bounds = []
    for middle, length in zip(centre, (pixels.shape[1], pixels.shape[0]), strict=True):
        first = min(max(0, math.floor(middle - reach)), length - 1)
        bounds.append((first, max(first + 1, min(length, math.ceil(middle + reach)))))
    (left, right), (top, bottom) = bounds
    before = np.array([right - left, bottom - top])
    if factor % 1 == 0:  # much faster where it divides both sides
        before = np.maximum(before - before % factor, 1).astype(int)
    part: Any = pixels[top : top + before[1], left : left + before[0]]
    after = np.maximum(1, np.rint(before / factor)).astype(int)
    if (after != before).any():
        part = cv2.resize(part, after.tolist(), interpolation=cv2.INTER_AREA)
    return part, np.array([left, top], np.float64), after / before
