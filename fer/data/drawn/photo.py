"""From strokes to an image: pose, paint, light and camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from fer.data.drawn.strokes import Stroke, between
from fer.data.readers.pixels import SIDE

FLAT = 128  # tone of a relief that changes nothing
SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
UNIT = (
    0.4  # half a head's width as a fraction of the image's, because FER2013's faces fill the image
)
AXIS = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1
X, Y = np.meshgrid(AXIS, AXIS)
Z = np.sqrt(np.maximum(0.05, 1 - 0.6 * X**2 - 0.4 * Y**2))  # depth of a rounded head
Z -= Z.mean()


@dataclass(frozen=True)
class Pose:
    """Angles in radians, and shifts as fractions of the image's side. FER2013's faces vary as much."""

    roll: float = between(-0.2, 0.2)
    yaw: float = between(-0.42, 0.42)
    pitch: float = between(-0.13, 0.13)
    scale: float = between(0.91, 1.09)
    dx: float = between(-0.036, 0.036)
    dy: float = between(-0.03, 0.03)


@dataclass(frozen=True)
class Light:
    """Direction and strength of the light, and settings of the camera."""

    side: float = between(-1, 1)
    above: float = between(-0.2, 0.7)
    strength: float = between(0.1, 0.7)
    relief: float = between(0.6, 1.3)
    gain: float = between(0.65, 1.25)
    bias: float = between(-15, 40)
    blur: float = between(0.1, 0.9)  # standard deviation of a Gaussian, in pixels
    noise: float = between(0, 7)


def project(points: np.ndarray, lift: np.ndarray, pose: Pose) -> np.ndarray:
    """The places of points on the turned head in the image, from 0 to 1: float64 [S, N, 2].

    The head is an ellipsoid of depth 0.85, seen from far away.

    points: [S, N, 2], points of S strokes
    lift: [S, 1], added to the depth
    """
    x, y = points[..., 0], points[..., 1]
    z = 0.85 * np.sqrt(np.maximum(0, 1 - x * x - (y / 1.45) ** 2)) + lift - 0.4
    x = x * np.cos(pose.yaw) + z * np.sin(pose.yaw)
    y = y * np.cos(pose.pitch) + z * np.sin(pose.pitch)
    cos, sin = UNIT * pose.scale * np.cos(pose.roll), UNIT * pose.scale * np.sin(pose.roll)
    placed = np.empty_like(points)
    placed[..., 0] = cos * x - sin * y + 0.5 + pose.dx
    placed[..., 1] = sin * x + cos * y + 0.52 + pose.dy
    return placed


def paint(
    canvas: np.ndarray, strokes: list[Stroke], pose: Pose, *, times: float = 1.0
) -> np.ndarray:
    """Paint strokes on `canvas`, uint8 [H, H], and return it; times: factor on their tones."""
    points, tones, widths, lifts = zip(*strokes)
    tones = [times * tone for tone in tones]
    unit = len(canvas) * UNIT * pose.scale
    where = project(np.array(points), np.array(lifts)[:, None], pose)
    where = np.rint(where * (len(canvas) << SHIFT)).astype(np.int32)
    for each, tone, width in zip(where, tones, widths):
        if width == 0:
            cv2.fillPoly(canvas, [each], tone, cv2.LINE_8, SHIFT)
        else:
            pixels = max(1, round(width * unit))
            cv2.polylines(canvas, [each], False, tone, pixels, cv2.LINE_8, SHIFT)
    return canvas


def backdrop(size: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random background: uint8 [size, size]."""
    blotches = rng.uniform(0, 255) + rng.uniform(0, 60) * rng.standard_normal((3, 3))
    blotches = np.clip(blotches, 0, 255).astype(np.uint8)
    return cv2.resize(blotches, (size, size), interpolation=cv2.INTER_LINEAR)


def lit(light: Light) -> np.ndarray:
    """The brightness of a round head under the light (Lambert): [48, 48], 1 on average."""
    return 1 + light.strength * (light.side * X - light.above * Y + Z)


def photograph(
    ink: np.ndarray, relief: np.ndarray, light: Light, rng: np.random.Generator
) -> np.ndarray:
    """The photograph of a face: uint8 [48, 48].

    ink: uint8 [H, H], the strokes with sharp edges
    relief: uint8 [h, h], the soft strokes
    """
    shrunk = cv2.resize(ink, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(relief, (0, 0), 1.3)
    soft = cv2.resize(soft, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    folds = 1 + light.relief * (soft / FLAT - 1)
    image = shrunk * folds * lit(light)
    image = cv2.GaussianBlur(image, (5, 5), light.blur)
    image = light.gain * image + light.bias
    image += light.noise * rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)
