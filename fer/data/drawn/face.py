"""The parts of a face as strokes, moved by the action units of FACS.

What a unit moves follows its description in Ekman and Friesen (1978). How far is set by eye:
intensity 1 looks extreme. `au` has the intensities of one side, indexed by unit number. Paired parts
are drawn on the left, where x is above 0. `person` explains the coordinates.
"""

import numpy as np

from fer.data.drawn.person import EYE_Y, Person, cover, glasses, hair, long_hair, whiskers
from fer.data.drawn.strokes import Stroke, area, blob, line, mirrored, oval

LIPS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # places across the mouth, from corner to corner
CUPID = np.array([0.1, 0.8, 0.75, 0.8, 0.1])  # thickness of the upper lip at these places
PILLOW = np.array([0.1, 0.8, 1.0, 0.8, 0.1])  # thickness of the lower lip


def features(p: Person, right: np.ndarray, left: np.ndarray) -> list[Stroke]:
    """The strokes with sharp edges, from back to front; right, left: units of each side."""
    both = (right + left) / 2
    return [
        *long_hair(p),
        *head(p, both),
        *whiskers(p),
        *mirrored(eye(p, right)),
        *eye(p, left),
        *mirrored(nose(p, right)),
        *nose(p, left),
        *mouth(p, both, corner(p, right), corner(p, left)),
        *mirrored(brow(p, right)),
        *brow(p, left),
        *glasses(p),
        *hair(p),
        *cover(p),
    ]


def folds(p: Person, right: np.ndarray, left: np.ndarray) -> list[Stroke]:
    """The soft strokes. Their tones are factors on the strokes below; 1 changes nothing."""
    form = modelling(p)
    both = (right + left) / 2
    return [
        *form,
        *mirrored(form),
        *mirrored(wrinkles(p, right)),
        *wrinkles(p, left),
        oval((0, p.nose_y - 0.08), (0.09, 0.12), 1.15, lift=0.25),
        oval((0, p.nose_y + 0.1), (0.2, 0.05), 0.82, lift=0.05),
        oval((0, p.mouth_y + 0.22 + jaw_drop(both)), (0.2, 0.045), 0.84 - 0.15 * both[17]),
    ]


def jaw_drop(au: np.ndarray) -> float:
    """How far the jaw is dropped."""
    return 0.25 * au[26] + 0.42 * au[27]


def head(p: Person, au: np.ndarray) -> list[Stroke]:
    """Clothes, neck, ears and the bare head."""
    chin, neck = p.chin + 0.6 * jaw_drop(au), 0.62 * p.width
    left = [
        (0, -1.5),
        (0.6, -1.32),
        (0.95, -0.8),
        (1, -0.1),
        (0.93, 0.4),
        (p.jaw, 0.86),
        (0.3, chin),
    ]
    outline = np.array([*left, *[(-x, y) for x, y in left[:0:-1]]]) * (p.width, 1)
    ear = oval((p.width, 0), (0.1, 0.24), 0.82 * p.skin)
    return [
        area([(-2, 1.9), (-neck, 1.45), (neck, 1.45), (2, 1.9)], [(-2, 3), (2, 3)], p.cloth),
        area([(-neck, 0.8), (neck, 0.8)], [(-neck, 1.7), (0, 1.9), (neck, 1.7)], 0.68 * p.skin),
        ear,
        *mirrored([ear]),
        blob(outline, p.skin),
    ]


def eye(p: Person, au: np.ndarray) -> list[Stroke]:
    """An eye and its lids, which cover parts of the iris."""
    upper, lower = lids(p, au)
    x, y = p.eye_x + p.gaze_x, EYE_Y - 0.015 + p.gaze_y + 0.06 * au[64]
    crease = upper - (0, 0.05 + 0.1 * au[5])
    return [
        area(upper, lower, min(235, 1.15 * p.skin + 45)),
        oval((x, y), (0.095, 0.095), p.iris),
        oval((x, y), (0.045, 0.045), 8),
        oval((x + 0.03, y - 0.035), (0.018, 0.018), 250),
        area(upper - (0, 0.13), upper, 0.88 * p.skin),
        area(lower, lower + (0, 0.16), p.skin),
        line(crease, 0.7 * p.skin, width=0.02),
        line(lower, 0.66 * p.skin, width=0.018),
        line(upper, 0.22 * p.skin, width=0.042),
    ]


def lids(p: Person, au: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges of the upper and lower lid, [4, 2] each. 2 and 5 open them, 6, 7, 9 and 64 close them."""
    open_ = 1 + 0.9 * au[5] + 0.2 * au[2]
    up = p.eye_open * max(0.1, open_ - 0.4 * au[7] - 0.3 * au[6] - 0.35 * au[9] - 0.5 * au[64])
    down = p.eye_open * (0.6 + 0.15 * au[5] - 0.4 * au[7] - 0.55 * au[6] - 0.35 * au[9])
    down = max(down, 0.012 - up)
    x = p.eye_x + p.eye_width * np.array([-1, -0.4, 0.4, 1])
    inner, outer = EYE_Y + 0.02, EYE_Y + p.eye_tilt + 0.03 * au[1] * au[4]
    upper = [inner, EYE_Y - up * (0.9 + 0.15 * au[1]), EYE_Y - 0.9 * up, outer]
    lower = [inner, EYE_Y + down, EYE_Y + down, outer]
    return np.array([x, upper]).T, np.array([x, lower]).T


def brow(p: Person, au: np.ndarray) -> list[Stroke]:
    """A brow. 1 raises its inner end, 2 the outer end, 4 moves it down and inwards, 9 lowers it."""
    down = 0.14 * au[4] * (1 - 0.9 * au[1]) + 0.12 * au[9] + 0.03 * au[6]
    inner = p.brow_y + 0.02 + down - 0.17 * au[1]
    outer = p.brow_y + 0.05 + p.brow_slant + 0.35 * down - 0.17 * au[2] * (1 - 0.6 * au[4])
    outer += 0.05 * au[1] * au[4]
    middle = (inner + outer) / 2 - (p.brow_arch + 0.04 * au[2]) * (1 - 0.6 * au[1] * au[4])
    knit = 0.09 * au[4] + 0.03 * au[9]
    x = p.eye_x + np.array([-0.24 - knit, -0.05 - 0.5 * knit, 0.14, 0.3])
    y = np.array([inner, 0.45 * inner + 0.55 * middle, middle, outer])
    thick = p.brow_thickness * np.array([0.55, 1, 0.8, 0.1])
    tone = min(0.75 * p.skin, 0.8 * p.hair_tone)
    return [area(np.array([x, y - thick]).T, np.array([x, y + thick]).T, tone, lift=0.05)]


def nose(p: Person, au: np.ndarray) -> list[Stroke]:
    """A nostril and its wing. 9 and 10 raise it, 9 and 12 widen it."""
    x = p.nose_width * (1 + 0.15 * au[9] + 0.1 * au[12])
    y = p.nose_y - 0.07 * au[9] - 0.03 * au[10]
    wing = [(x - 0.05, y - 0.11), (x, y - 0.02), (x - 0.04, y + 0.03)]
    return [
        oval((0.45 * x, y + 0.02), (0.055, 0.028), 0.28 * p.skin, lift=0.22),
        line(wing, 0.55 * p.skin, width=0.03, lift=0.12),
    ]


def corner(p: Person, au: np.ndarray) -> float:
    """How far a corner of the mouth is below its middle. 12 raises it, 15, 17 and 20 lower it."""
    return p.mouth_corner - 0.2 * au[12] + 0.15 * au[15] + 0.05 * au[20] + 0.02 * au[17]


def mouth(p: Person, au: np.ndarray, right: float, left: float) -> list[Stroke]:
    """Lips, tongue and teeth.

    12 and 20 widen the mouth. 22, 23, 24, 26 and 27 narrow it. 23 and 24 thin the lips. 10 raises the
    upper lip, 16 lowers the lower one, 17 raises both. 25, 26 and 27 part them.

    right, left: how far each corner is below the middle
    """
    wide = 0.3 * au[12] + 0.28 * au[20] - 0.15 * (au[22] + au[23] + au[26]) - 0.1 * au[24]
    x = p.mouth_width * (1 + wide - 0.25 * au[27]) * LIPS
    bow, drop, part = LIPS**2, jaw_drop(au), max(au[25], au[26], au[27])
    meet = p.mouth_y + 0.5 * drop + np.interp(LIPS, (-1, 1), (right, left)) * bow
    meet += (0.03 * au[12] - 0.05 * au[17] - 0.04 * au[10]) * (1 - bow)
    square = 1 - np.abs(LIPS) ** (2 + 2 * part * (au[20] + au[16] + au[10]))
    lift = part * (0.02 + 0.06 * au[10] + 0.05 * au[9] + 0.03 * au[12])
    top = meet - square * (0.35 * drop + lift)
    bottom = meet + square * (0.5 * drop + part * (0.06 + 0.08 * au[16] + 0.03 * au[12]))
    thick = 1 - 0.5 * au[23] - 0.75 * au[24] - 0.2 * au[12] - 0.2 * au[20] + 0.4 * au[22]
    thick = p.lip * max(0.12, thick)
    upper = top - thick * CUPID - 0.02 * au[9] * square
    lower = bottom + (thick * (1.2 + 0.4 * au[17]) + 0.04 * au[16]) * PILLOW
    edges = [np.array([x, y]).T for y in (upper, top, bottom, lower)]
    return [*lips(p, *edges), *inside(p, au, *edges[1:3])]


def lips(p: Person, upper, top, bottom, lower) -> list[Stroke]:
    """Both lips and the line between them; each edge is [5, 2]."""
    tone = p.lip_tone * p.skin
    return [
        area(upper, top, 0.9 * tone, lift=0.08),
        area(bottom, lower, tone, lift=0.08),
        line((top + bottom) / 2, 0.3 * p.skin, width=0.03, lift=0.08),
    ]


def inside(p: Person, au: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> list[Stroke]:
    """The dark between parted lips, tongue and teeth. 9, 10, 12, 16 and 20 show more teeth."""
    gap = bottom - top
    height = gap[2, 1]
    if height < 0.03:
        return []
    upper = min(1, (0.035 + 0.09 * max(au[9], au[10], au[12])) / height)
    lower = min(1, 0.09 * max(au[10], au[16], au[20]) / height)
    tongue = 0.4 if height > 0.2 else 0
    narrow, narrower = (0.9, 1), (0.7, 1)
    return [
        area(top, bottom, 22, lift=0.08),
        area((bottom - tongue * gap) * narrower, bottom * narrower, 0.4 * p.skin, lift=0.08),
        area((bottom - lower * gap) * narrow, bottom * narrow, 195, lift=0.08),
        area(top * narrow, (top + upper * gap) * narrow, 225, lift=0.08),
    ]


def modelling(p: Person) -> list[Stroke]:
    """The relief of a face at rest: eye socket, edge of the cheek, side of the nose."""
    side = [(0.1, EYE_Y), (0.13, 0.1), (p.nose_width, p.nose_y)]
    return [
        oval((p.eye_x, EYE_Y - 0.02), (0.27, 0.17), 0.86),
        oval((p.width * 0.95, 0.55), (0.25, 0.6), 0.8),
        line(side, 0.85, width=0.06, lift=0.1),
    ]


def wrinkles(p: Person, au: np.ndarray) -> list[Stroke]:
    """Wrinkles of movement and age on forehead, brow, eye, nose, cheek and chin."""
    old, x, y = 0.2 * p.age, p.eye_x, EYE_Y
    grin = 0.35 * max(au[12], 0.8 * au[10], 0.8 * au[9], 0.7 * au[11])
    furrow = [(p.nose_width + 0.03, p.nose_y - 0.08), (0.42 + 0.08 * au[12], 0.42)]
    furrow.append((0.47 + 0.1 * au[12], 0.68 - 0.1 * au[12]))
    bag = [(x - 0.16, y + 0.16), (x + 0.05, y + 0.2), (x + 0.22, y + 0.13)]
    frown = p.brow_y + np.array([0.12, -0.02, -0.14])
    forehead = np.array([(0, 0.0), (0.3, -0.02), (0.62, 0.06)]) + (0, p.brow_y)
    raised = 1 - 0.5 * old - 0.15 * (au[1] + au[2])
    crow = 1 - 0.5 * old - 0.3 * au[6]
    nose_ = 1 - 0.6 * au[9]
    return [
        oval((0.58, 0.2 - 0.08 * au[6]), (0.22, 0.16), 1.08 + 0.1 * au[6]),
        line(furrow, 1 - 0.7 * old - grin, width=0.05),
        line(bag, 1 - old - 0.3 * au[6], width=0.04),
        line([(0.72, y - 0.04), (0.86, y - 0.09)], crow, width=0.025),
        line([(0.72, y + 0.05), (0.86, y + 0.11)], crow, width=0.025),
        line(forehead - (0, 0.2), raised, width=0.03),
        line(forehead - (0, 0.32), raised, width=0.03),
        line(np.array([(0.07, 0.06, 0.09), frown]).T, 1 - 0.4 * old - 0.45 * au[4], width=0.035),
        line([(0, -0.22), (0.12, -0.2), (0.2, -0.14)], nose_, width=0.04, lift=0.1),
        line([(0, -0.1), (0.12, -0.08), (0.2, -0.02)], nose_, width=0.04, lift=0.1),
        oval((0.1, p.chin - 0.2), (0.08, 0.05), 1 - 0.25 * au[17]),
    ]
