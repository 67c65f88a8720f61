"""Measure what each warning costs: python benchmarks/warned.py [OUT.csv] [--faces N] [--only WARNING]

It needs $FER_DATA_DIR/fer2013.csv. Faces of PublicTest, which is validation, are changed step by step and
go through fer's own crop to the shipped network, one view each. Nothing is chosen on the test part.

- A row per step has the accuracy, and the median of what the warning measures (`fer.inference.warnings`).
- The row `limit` has the measure where 10 points are lost, linear between two steps. warnings.py has it.
- `natural` is the fraction of unchanged faces beyond the measure of the row, `natural_acc` their accuracy.
- `turned` faces go through the detector as well, at 120 pixels. It turns most of them back. Their measure
  is the angle by which they were turned. The rows `roll` have the same faces by the roll that was found.
- `aside` changes nothing, since a face cannot be turned without its shape in space. Its rows are upright
  faces whose nose is that far from the middle of the eyes, or farther. A loss may have other causes.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import harness
import numpy as np
import torch
from path import paste

import fer
from fer.data.sources import FER2013
from fer.inference import warnings
from fer.inference.cut import Place, cut
from fer.inference.detect import Detector, detector
from fer.inference.square import square

SIDE = 48
LOSS = 0.10  # of accuracy, at the limit
PASTED, CANVAS = 120, 360  # pixels of a face that is found again, and of the picture around it
SEED = 0


class Seen(NamedTuple):
    """What a warning measures of a changed face, and the crop that the network sees, if it is found."""

    measure: float
    crop: np.ndarray | None


# From a face, uint8 [48, 48], another face, its number and the strength of the change.
Change = Callable[[np.ndarray, np.ndarray, int, float], Seen]


def small(face: np.ndarray, other: np.ndarray, number: int, pixels: float) -> Seen:
    shrunk = cv2.resize(face, (int(pixels),) * 2, interpolation=cv2.INTER_AREA)
    return Seen(pixels, whole(shrunk))


def blurred(face: np.ndarray, other: np.ndarray, number: int, sigma: float) -> Seen:
    crop = cv2.GaussianBlur(face, (0, 0), sigma * SIDE) if sigma else face
    return Seen(warnings.sharpness(crop), crop)


def dark(face: np.ndarray, other: np.ndarray, number: int, factor: float) -> Seen:
    crop = scaled(face, factor)
    return Seen(float(crop.mean()), crop)


def bright(face: np.ndarray, other: np.ndarray, number: int, factor: float) -> Seen:
    crop = scaled(face, factor)
    return Seen(warnings.white(crop), crop)


def scaled(face: np.ndarray, factor: float) -> np.ndarray:
    """The face at another exposure, clipped at white."""
    return np.rint(face.astype(float) * factor).clip(0, 255).astype(np.uint8)


def outside(face: np.ndarray, other: np.ndarray, number: int, fraction: float) -> Seen:
    """The face with a strip beyond the border of its picture, on each of the four sides in turn."""
    strip = round(fraction * SIDE)
    turned = np.rot90(face, number % 4)
    picture = np.rot90(turned[:, strip:], -(number % 4))
    left, top = [(strip, 0), (0, 0), (0, 0), (0, strip)][number % 4]
    centre = (SIDE / 2 - left, SIDE / 2 - top)
    box = (-float(left), -float(top), SIDE, SIDE)
    size = picture.shape[1], picture.shape[0]
    return Seen(warnings.outside(box, size), whole(picture, centre))


def covered(face: np.ndarray, other: np.ndarray, number: int, fraction: float) -> Seen:
    """The face with a neighbour's in front of a strip, on each of the four sides in turn."""
    strip = round(fraction * SIDE)
    crop, near = (np.rot90(each, number % 4).copy() for each in (face, other))
    crop[:, :strip] = near[:, SIDE - strip :]
    return Seen(strip / SIDE, np.rot90(crop, -(number % 4)))


def whole(face: np.ndarray, centre: tuple[float, float] | None = None) -> np.ndarray:
    """The crop of a face whose square has the side of its picture, or 48 around a centre."""
    side = float(len(face)) if centre is None else SIDE
    middle = (side / 2, side / 2) if centre is None else centre
    view = square(cv2.cvtColor(face, cv2.COLOR_GRAY2RGB), middle, side, 0.0, size=SIDE)
    return cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)


# Warning: what is changed, the change, its steps from none to strong, whether a warning is a low measure.
CHANGES: dict[str, tuple[str, Change, tuple[float, ...], bool]] = {
    "small": ("pixels", small, (48, 32, 24, 20, 16, 14, 12, 10, 8), True),
    "blurred": ("sigma, in sides", blurred, (0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1), True),
    "dark": ("times as bright", dark, (1, 0.5, 0.3, 0.2, 0.14, 0.1, 0.07, 0.05), True),
    "bright": ("times as bright", bright, (1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4), False),
    "cut": ("fraction outside", outside, (0, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375), False),
    "several": ("fraction covered", covered, (0, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375), False),
}  # fmt: skip
DEGREES = (0, 20, 40, 60, 80)  # by which faces are turned
ROLL = (0, 10, 20, 30, 40, 50)  # bounds of the rows of found rolls
ASIDE = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # and of noses


class Faces(NamedTuple):
    """Validation faces: uint8 [N, 48, 48], and their labels [N]."""

    images: np.ndarray
    labels: np.ndarray


Judged = tuple[np.ndarray, np.ndarray]  # measures, and whether each prediction is right (1 or 0)


def steps(model: fer.inference.model.Model, faces: Faces, name: str) -> Iterator[dict]:
    """The rows of one warning whose change is made at once for every face."""
    what, change, levels, low = CHANGES[name]
    found: list[dict] = []
    plain: Judged | None = None
    for level in levels:
        seen = [
            change(face, faces.images[number - 1], number, level)
            for number, face in enumerate(faces.images)
        ]
        now = judged(model, seen, faces.labels)
        plain = plain or now
        found.append(head(name, what, level, now, plain) | beyond(np.median(now[0]), plain, low))
        yield told(found[-1])
    yield from limit(found, plain, low)


def turned(model: fer.inference.model.Model, faces: Faces) -> Iterator[dict]:
    """The rows of `turned` and `aside`."""
    finder, rolls, steps = detector("yunet"), [], []
    noses: Judged | None = None
    for degrees in DEGREES:
        found = [again(face, degrees, n, finder) for n, face in enumerate(faces.images)]
        now = judged(model, [each for each, _ in found], faces.labels)
        if noses is None:
            noses = np.array([nose for each, nose in found if each.crop is not None]), now[1]
        rolls.append(now)
        row = head("turned", "degrees", degrees, now, rolls[0]) | beyond(degrees, rolls[0], False)
        steps.append(told(row))
    yield from steps
    yield from limit(steps, rolls[0], False)
    pooled = (
        np.concatenate([each[0] for each in rolls]),
        np.concatenate([each[1] for each in rolls]),
    )
    for low, high in zip(ROLL, (*ROLL[1:], 180), strict=True):
        yield from part("turned", "roll", pooled, rolls[0], low, high)
    sides = [row for low in ASIDE for row in part("aside", "nose", noses, noses, low, np.inf)]
    yield from sides
    yield from limit(sides, noses, False)


def again(face: np.ndarray, degrees: float, number: int, finder: Detector) -> tuple[Seen, float]:
    """A face turned to either side, found and cut; its measured roll, and its nose's place."""
    picture = np.full((CANVAS, CANVAS), round(float(face.mean())), np.uint8)
    paste(picture, face, (CANVAS / 2, CANVAS / 2, PASTED, degrees if number % 2 else -degrees))
    pixels = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    found = finder.find(pixels)
    if not found:
        return Seen(np.nan, None), np.nan
    crop = cut(pixels, found[0], Place(mirror=False))[0]
    return Seen(abs(found[0].roll), crop), warnings.aside(found[0].landmarks)


def judged(model: fer.inference.model.Model, seen: list[Seen], labels: np.ndarray) -> Judged:
    """Of the faces that were found."""
    chosen = [index for index, each in enumerate(seen) if each.crop is not None]
    crops = np.stack([np.ascontiguousarray(seen[index].crop) for index in chosen])
    right = (model.probabilities(crops).argmax(1) == labels[chosen]).astype(float)
    return np.array([seen[index].measure for index in chosen]), right


def head(name: str, what: str, level: float, now: Judged, plain: Judged) -> dict[str, object]:
    acc = now[1].mean()
    return {
        "warning": name,
        "change": what,
        "level": float(level),
        "faces": len(now[1]),
        "acc": acc,
        "difference": acc - plain[1].mean(),
    }


def beyond(measure: float, plain: Judged, low: bool) -> dict[str, float]:
    """A measure, the fraction of unchanged faces beyond it, and their accuracy."""
    which = plain[0] < measure if low else plain[0] > measure
    return {
        "measure": float(measure),
        "natural": which.mean(),
        "natural_acc": plain[1][which].mean() if which.any() else np.nan,
    }


def part(
    name: str, what: str, found: Judged, plain: Judged, low: float, high: float
) -> Iterator[dict]:
    """The row of the faces from one measure to another, if there are any."""
    which = (found[0] >= low) & (found[0] < high)
    if which.any():
        few = found[0][which], found[1][which]
        yield told(head(name, what, low, few, plain) | beyond(low, plain, False))


def limit(rows: list[dict], plain: Judged, low: bool) -> Iterator[dict]:
    """The row where LOSS is reached, between two rows. No row where it is not."""
    for before, after in zip(rows, rows[1:], strict=False):
        if after["difference"] <= -LOSS < before["difference"]:
            share = (before["difference"] + LOSS) / (before["difference"] - after["difference"])
            at = {
                key: before[key] + share * (after[key] - before[key])
                for key in ("level", "acc", "difference", "measure")
            }
            row = before | {"change": "limit", "faces": len(plain[1])} | at
            yield told(row | beyond(at["measure"], plain, low))
            return


def told(row: dict) -> dict:
    print(
        ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()), flush=True
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", type=Path, default=Path("runs/bench/warnings.csv"))
    parser.add_argument("--faces", type=int, help="this many, chosen at random. Default: all")
    parser.add_argument("--only", choices=(*CHANGES, "turned"), help="one warning")
    typed = parser.parse_args()
    torch.set_num_threads(1)
    data = FER2013()
    val = np.random.default_rng(SEED).permutation(data.parts.val)[: typed.faces]
    faces = Faces(data.faces.images[val], data.faces.labels[val])
    model = fer.load("shipped")
    rows: list[dict] = []
    for name in (typed.only,) if typed.only else (*CHANGES, "turned"):
        rows += turned(model, faces) if name == "turned" else steps(model, faces, name)
        harness.write(rows, ["", str(typed.out)])


if __name__ == "__main__":
    main()
