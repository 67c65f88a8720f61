"""The person who is drawn: everything about a face but its expression, and objects that cover it.

The unit of length is half a head's width. x is from -1 to 1. y is downwards, from -1.5 at the crown
to about 1.2 at the chin. Ranges are set by eye, so that faces vary but remain faces.
"""

from dataclasses import dataclass

import numpy as np

from fer.data.drawn.strokes import Stroke, area, between, blob, line, mirrored, oval

EYE_Y = -0.22
# Ends of strands of hair (x, y), and their tone as a fraction of the hair's.
STRANDS = (
    (-0.98, -0.5, 0.88),
    (-0.84, -0.95, 1.1),
    (-0.4, -1.1, 0.88),
    (0.8, -1.05, 0.85),
    (0.95, -0.6, 1.1),
)


@dataclass(frozen=True)
class Person:
    """Lengths of a face, tones from 0 to 255, and numbers from 0 to 1 that choose between variants."""

    width: float = between(0.9, 1.06)
    jaw: float = between(0.6, 0.86)
    chin: float = between(1.08, 1.26)
    forehead: float = between(-1.1, -0.84)
    eye_x: float = between(0.37, 0.46)
    eye_width: float = between(0.18, 0.23)
    eye_open: float = between(0.075, 0.115)
    eye_tilt: float = between(-0.05, 0.03)
    gaze_x: float = between(-0.06, 0.06)
    gaze_y: float = between(-0.02, 0.03)
    brow_y: float = between(-0.57, -0.46)
    brow_slant: float = between(-0.05, 0.04)
    brow_arch: float = between(0.02, 0.09)
    brow_thickness: float = between(0.035, 0.09)
    nose_y: float = between(0.22, 0.34)
    nose_width: float = between(0.15, 0.24)
    mouth_y: float = between(0.6, 0.72)
    mouth_width: float = between(0.32, 0.42)
    mouth_corner: float = between(-0.035, 0.05)
    lip: float = between(0.05, 0.1)
    lip_tone: float = between(0.58, 0.85)  # as a fraction of the skin's
    skin: float = between(95, 215)
    hair_tone: float = between(12, 170)
    iris: float = between(15, 90)
    cloth: float = between(10, 240)
    age: float = between(0, 1)
    parting: float = between(-0.5, 0.5)
    hairdo: float = between(0, 1)
    specs: float = between(0, 1)
    beard: float = between(0, 1)
    moustache: float = between(0, 1)
    cover: float = between(0, 1)
    cover_x: float = between(-1, 1)
    cover_y: float = between(0, 1)


def long_hair(p: Person) -> list[Stroke]:
    """Hair behind the neck, in two of five faces."""
    left = [(0.7, -1.55), (1.2, -0.9), (1.3, 0.2), (1.2, 1.3)]
    fall = blob([*left, *[(-x, y) for x, y in left[::-1]]], 0.85 * p.hair_tone)
    return [fall] if p.hairdo < 0.4 else []


def hair(p: Person) -> list[Stroke]:
    """The hair over the forehead: a fringe, a parting, or none."""
    if p.hairdo > 0.88:
        return []
    high, low = p.forehead - 0.12, p.forehead + 0.32
    parted = [(-0.97, -0.35), (-0.84, -0.75), (p.parting, high), (0.84, -0.75), (0.97, -0.35)]
    fringe = [(-0.97, -0.3), (-0.9, low), (0, low + 0.04), (0.9, low), (0.97, -0.3)]
    crown = [(-1.08, -0.35), (-1.0, -1.2), (0, -1.75), (1.0, -1.2), (1.08, -0.35)]
    edge = np.array(fringe if p.hairdo < 0.15 else parted) * (p.width, 1)
    strands = [
        line(
            [(p.parting, -1.6), (0.5 * (p.parting + x), 0.6 * y - 0.8), (x, y)],
            tone * p.hair_tone,
            width=0.05,
        )
        for x, y, tone in STRANDS
    ]
    return [area(np.array(crown) * (p.width, 1), edge, p.hair_tone), *strands]


def whiskers(p: Person) -> list[Stroke]:
    """A beard, stubble or moustache, in some faces."""
    strokes = []
    if p.beard < 0.14:
        y = p.mouth_y - 0.15
        cheek = [(-0.98, -0.05), (-0.68, y), (0, y - 0.07), (0.68, y), (0.98, -0.05)]
        jaw = [(-0.98, 0), (-p.jaw, 0.9), (0, p.chin + 0.02), (p.jaw, 0.9), (0.98, 0)]
        tone = 0.5 * p.skin + 0.4 * p.hair_tone if p.beard < 0.06 else 0.8 * p.skin
        strokes.append(area(np.array(cheek) * (p.width, 1), np.array(jaw) * (p.width, 1), tone))
    if p.moustache < 0.1:
        y = p.mouth_y - 0.08
        tone = min(0.6 * p.skin, p.hair_tone)
        strokes.append(line([(-0.34, y), (0, y - 0.1), (0.34, y)], tone, width=0.1, lift=0.1))
    return strokes


def glasses(p: Person) -> list[Stroke]:
    """Glasses, in one of seven faces."""
    if p.specs > 0.15:
        return []
    tone, inner = 20 + 0.3 * p.hair_tone, p.eye_x - 0.3
    half = [
        oval((p.eye_x + 0.01, EYE_Y + 0.03), (0.31, 0.26), tone, width=0.04, lift=0.1),
        line([(p.eye_x + 0.32, EYE_Y), (p.width, EYE_Y - 0.05)], tone, width=0.04),
    ]
    bridge = line([(-inner, EYE_Y), (inner, EYE_Y)], tone, width=0.04, lift=0.15)
    return [*half, *mirrored(half), bridge]


def cover(p: Person) -> list[Stroke]:
    """A hand, a strand of hair or a bar in front of the face, in one of six faces."""
    side = 1 if p.cover_x > 0 else -1
    if p.cover < 0.06:
        return hand(p, side)
    if p.cover < 0.12:
        strand = np.array([(0.1, -1.5), (0.35, -0.7), (0.75, 0.1), (0.9, 1.2)]) * (side, 1)
        return [line(strand, 0.9 * p.hair_tone, width=0.1 + 0.2 * p.cover_y, lift=0.1)]
    if p.cover < 0.16:
        x, y = p.cover_x, 1.4 * p.cover_y - 0.6
        return [line([(x - 0.7, y), (x + 0.8, y + 0.7 * side)], p.cloth, width=0.3, lift=0.3)]
    return []


def hand(p: Person, side: int) -> list[Stroke]:
    """A hand with four fingers on the mouth or a cheek."""
    tips = [
        (p.cover_x + 0.17 * k * side, 0.45 + 0.4 * p.cover_y + 0.1 * abs(k - 1)) for k in range(4)
    ]
    return [
        line(
            [(x, y), (x + 0.25 * side, 1.1), (x + 0.4 * side, 2)],
            tone * p.skin,
            width=width,
            lift=0.3,
        )
        for x, y in tips
        for tone, width in ((0.6, 0.19), (0.95, 0.14))
    ]
