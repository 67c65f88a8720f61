"""Strokes (lines and areas) of a drawing, and dataclass fields with random values."""

from dataclasses import field, fields
from functools import cache
from typing import NamedTuple

import numpy as np

SAMPLES = 20  # points per stroke, which look smooth at 192 pixels


class Stroke(NamedTuple):
    """A line, or a filled area if `width` is 0; lift: distance from the skin."""

    points: np.ndarray  # [SAMPLES, 2]
    tone: float
    width: float = 0.0
    lift: float = 0.0


@cache
def basis(controls: int, samples: int, closed: bool) -> np.ndarray:
    """Weights [samples, controls] of the Catmull-Rom spline (1974) through `controls` points."""
    spans = controls if closed else controls - 1
    t = np.linspace(0, spans, samples, endpoint=not closed)
    span = np.minimum(t.astype(int), spans - 1)
    u = t - span
    before, after = -u + 2 * u**2 - u**3, u**3 - u**2
    start, end = 2 - 5 * u**2 + 3 * u**3, u + 4 * u**2 - 3 * u**3
    index = span + np.arange(-1, 3)[:, None]
    index = index % controls if closed else index.clip(0, controls - 1)
    weights = np.zeros((samples, controls))
    np.add.at(weights, (np.arange(samples), index), np.array([before, start, end, after]) / 2)
    return weights


def line(points, tone: float, *, width: float, lift: float = 0.0) -> Stroke:
    """A smooth line through `points`."""
    return Stroke(basis(len(points), SAMPLES, False) @ np.asarray(points), tone, width, lift)


def area(upper, lower, tone: float, *, lift: float = 0.0) -> Stroke:
    """The area between two smooth lines of the same direction."""
    upper = basis(len(upper), SAMPLES // 2, False) @ np.asarray(upper)
    lower = basis(len(lower), SAMPLES // 2, False) @ np.asarray(lower)
    return Stroke(np.concatenate([upper, lower[::-1]]), tone, 0.0, lift)


def blob(points, tone: float, *, lift: float = 0.0) -> Stroke:
    """The area inside a smooth closed line through `points`."""
    return Stroke(basis(len(points), SAMPLES, True) @ np.asarray(points), tone, 0.0, lift)


ANGLES = np.linspace(0, 2 * np.pi, SAMPLES)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def oval(centre, radii, tone: float, *, width: float = 0.0, lift: float = 0.0) -> Stroke:
    """A filled ellipse, or its outline if `width` is not 0."""
    return Stroke(CIRCLE * radii + centre, tone, width, lift)


def mirrored(strokes: list[Stroke]) -> list[Stroke]:
    """The strokes on the other side of the face."""
    return [Stroke(points * (-1, 1), *rest) for points, *rest in strokes]


def between(low: float, high: float):
    """A dataclass field that `sample` fills uniformly from `low` to `high`."""
    return field(metadata={"range": (low, high)})


@cache
def ranges(kind: type) -> np.ndarray:
    """The lowest and highest values of the dataclass `kind`: [2, fields]."""
    return np.array([each.metadata["range"] for each in fields(kind)]).T


def sample(kind: type, rng: np.random.Generator):
    """A random instance of the dataclass `kind`."""
    low, high = ranges(kind)
    return kind(*(low + (high - low) * rng.random(len(low))).tolist())
