"""Measure the path from a picture to a label: python benchmarks/path.py [OUT.csv] [--part val|test] ...

It needs $FER_DATA_DIR/fer2013.csv. Faces are pasted into pictures at random places, sizes of 24 to 400
pixels and angles of up to 30 degrees. Half of the pictures are noise, half are smooth. Each picture goes
through the detector, the crop and the shipped network. The same faces also go to the network as they are.

- The table has a row per size: faces found, accuracy of bare faces and through the path on the found ones.
  A face that is not found counts in `found` alone. `difference` has its standard error, over the same faces.
- Its `one_view` columns are the same without the mirror image, which takes half of the network's time.
- The figure, OUT.png, has the accuracy over the margin, the side of the crop in heights of the box.
- The numbers of `fer.inference.cut.Place` and `fer.inference.detect.SCORE` are chosen on PublicTest (val).
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import harness
import numpy as np
from matplotlib.figure import Figure

import fer
from fer.data.sources import FER2013
from fer.inference.cut import Place, cut
from fer.inference.detect import Detector, Found, detector
from fer.reports.figures.canvas import MUTED, VALIDATION, blank, open_axes, save

PICTURE = (960, 720)  # width and height
SIZES = (24, 40, 60, 90, 160, 401)  # bounds of the rows of the table
LEAST = 60  # from this size on accuracy must stay within a point
ANGLE = 30
SIDES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
Square = tuple[float, float, float, float]  # x and y of the centre, side, degrees clockwise


def background(chance: np.random.Generator, *, noise: bool) -> np.ndarray:
    """A grey picture without a face: uint8 [720, 960]."""
    width, height = PICTURE
    if noise:
        return chance.integers(256, size=(height, width), dtype=np.uint8)
    coarse = chance.uniform(30, 225) + 40 * chance.standard_normal((5, 6))
    smooth = cv2.resize(coarse.astype(np.float32), PICTURE, interpolation=cv2.INTER_CUBIC)
    return (smooth + chance.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8)


def paste(picture: np.ndarray, face: np.ndarray, where: Square) -> None:
    """Paste a square face into a grey picture, bicubic, or by area where it gets smaller."""
    x, y, side, degrees = where
    if side < len(face):
        face = cv2.resize(face, (round(side),) * 2, interpolation=cv2.INTER_AREA)
    step, angle = side / len(face), math.radians(degrees)
    turn = step * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    matrix = np.column_stack([turn, np.array([x, y]) - 0.5 - turn.sum(1) * (len(face) - 1) / 2])
    cv2.warpAffine(
        face, matrix, picture.shape[::-1], dst=picture, flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip


def scene(
    face: np.ndarray,
    chance: np.random.Generator,
    *,
    noise: bool,
    sizes: tuple[int, int] = (SIZES[0], SIZES[-1] - 1),
) -> tuple[np.ndarray, Square]:
    """A picture with one face, uint8 [H, W, 3], and the square where the face is."""
    side = math.exp(chance.uniform(math.log(sizes[0]), math.log(sizes[1])))
    reach = side * 0.71
    x, y = (chance.uniform(reach, length - reach) for length in PICTURE)
    where = (x, y, side, chance.uniform(-ANGLE, ANGLE))
    picture = background(chance, noise=noise)
    paste(picture, face, where)
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), where


def matching(found: list[Found], where: Square) -> Found | None:
    """The face whose centre is nearest to that of the square, and in its middle part."""
    x, y, side, _ = where
    distances = [math.hypot(face.centre[0] - x, face.centre[1] - y) for face in found]
    if not distances or min(distances) > 0.35 * side:
        return None
    return found[int(np.argmin(distances))]


def walk(
    images: np.ndarray,
    places: dict[str, Place],
    finder: Detector,
    chances: Sequence[np.random.Generator],
    *,
    least: int = SIZES[0],
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], int]:
    """Sizes [N], whether found [N], by name the crops [N, K, 48, 48] (0 if not found), and false finds.

    chances: one for each face, which meets the same picture however many faces are measured.
    least: side in pixels of the smallest face.
    """
    sizes, seen, others = np.empty(len(images)), np.zeros(len(images), bool), 0
    crops = {
        name: np.zeros((len(images), len(place.sides) * (1 + place.mirror), 48, 48), np.uint8)
        for name, place in places.items()
    }
    for number, (image, chance) in enumerate(zip(images, chances, strict=True)):
        picture, where = scene(image, chance, noise=bool(number % 2), sizes=(least, SIZES[-1] - 1))
        faces = finder.find(picture)
        face = matching(faces, where)
        sizes[number], seen[number] = where[2], face is not None
        others += len(faces) - seen[number]
        for name, place in places.items() if face is not None else ():
            crops[name][number] = cut(picture, face, place)
    return sizes, seen, crops, others


def right(model: fer.inference.Model, crops: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the mean over the views is right: bool [N] of crops [N, K, 48, 48]."""
    views = [model.probabilities(np.ascontiguousarray(crops[:, k])) for k in range(crops.shape[1])]
    return np.mean(views, axis=0).argmax(1) == labels


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The difference of two accuracies of the same faces, bool [N] each, and its standard error."""
    apart = one.astype(float) - other
    return apart.mean(), apart.std() / math.sqrt(max(1, len(apart)))


def table(
    sizes: np.ndarray, seen: np.ndarray, bare: np.ndarray, path: np.ndarray, one_view: np.ndarray
) -> list[dict]:
    """A row per size that faces have, and one for all from LEAST on."""
    bounds = [*zip(SIZES[:-1], SIZES[1:], strict=True), (LEAST, SIZES[-1])]
    rows = []
    for low, high in bounds:
        band = (sizes >= low) & (sizes < high)
        both = band & seen
        if not both.any():
            continue
        lost, error = difference(path[both], bare[both])
        one_lost, one_error = difference(one_view[both], path[both])
        rows.append(
            {
                "size": f"{low}-{high - 1}",
                "faces": int(band.sum()),
                "found": seen[band].mean(),
                "bare_acc": bare[both].mean(),
                "path_acc": path[both].mean(),
                "difference": lost,
                "error": error,
                "one_view_acc": one_view[both].mean(),
                "one_view_difference": one_lost,
                "one_view_error": one_error,
            }
        )
        print(
            ", ".join(
                f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()
            )
        )
    return rows


def picture(curve: dict[float, float], bare: float, chosen: Place) -> Figure:
    """Accuracy over the side of the crop."""
    figure = blank(6, 3.4)
    axes = figure.subplots()
    open_axes(axes)
    axes.plot(list(curve), [100 * acc for acc in curve.values()], "o-", color=VALIDATION)
    axes.axhline(100 * bare, color=MUTED, linestyle=":", label="the same faces as they are")
    axes.axvline(chosen.sides[0], color=MUTED, linewidth=0.8, label="chosen")
    axes.set_xlabel("side of the crop, in heights of the detector's box")
    axes.set_ylabel(f"accuracy, % (faces of {LEAST} px or more)")
    axes.legend(loc="lower center")
    return figure


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--part", choices=("val", "test"), default="val")
    parser.add_argument("--faces", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--least", type=int, default=SIZES[0], help="pixels of the smallest face")
    parser.add_argument("--detector", choices=("yunet", "haar"), default="yunet")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    cv2.setNumThreads(1)
    data, model, chosen = FER2013(), fer.load("shipped"), Place()
    rows = getattr(data.parts, given.part)
    rows = np.random.default_rng(given.seed).permutation(rows)[: given.faces]
    images, labels = data.faces.images[rows], data.faces.labels[rows]
    places = {"chosen": chosen} | {str(side): replace(chosen, sides=(side,)) for side in SIDES}
    if given.part == "test":  # nothing is chosen on it
        places = {"chosen": chosen}
    chances = [np.random.default_rng([given.seed, row]) for row in rows.tolist()]
    finder = detector(given.detector)
    sizes, seen, crops, others = walk(images, places, finder, chances, least=given.least)
    bare = right(model, images[:, None], labels)
    correct = {name: right(model, views, labels) for name, views in crops.items()}
    one_view = right(model, crops["chosen"][:, :1], labels)
    found = table(sizes, seen, bare, correct["chosen"], one_view)
    print(f"finds elsewhere: {others} in {len(images)} pictures")
    large = seen & (sizes >= LEAST)
    curve = {side: correct[str(side)][large].mean() for side in SIDES if str(side) in correct}
    print({side: round(float(acc), 4) for side, acc in curve.items()})
    if given.out:
        harness.write(found, ["path", str(given.out)])
        if curve:
            save(picture(curve, bare[large].mean(), chosen), given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
