"""Measure the shipped network and fer's on changed test images: python benchmarks/worse.py [OUT.csv]

It needs what benchmarks/peers.py needs, and also writes a picture, OUT.png. Each change applies to every
image of PrivateTest. The changed image is uint8 with 48x48 pixels again before a network prepares it.
FER2013 has many stock photos, so this measures what a webcam, bad light or a loose crop costs.
No recipe is chosen by it. It is why the shipped network was trained with blur and noise (docs/results.md).
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import harness
import numpy as np
from matplotlib.figure import Figure
from peers import FER, SHIPPED, measure, tested

from fer.reports.figures.canvas import LINE, TRAIN, VALIDATION, blank, save

SIDE = 48
# From and to an image, float [48, 48] in [0, 1]. The result is clipped afterwards.
Change = Callable[[np.ndarray], np.ndarray]


def moved(*, zoom: float = 1.0, degrees: float = 0.0, across: float = 0.0) -> Change:
    """Zoom and rotate about the centre, shift `across` pixels to the right; the border is repeated."""
    matrix = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, zoom)
    matrix[0, 2] += across

    def change(face: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(face, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)

    return change


def coarse(side: int) -> Change:
    """Shrink to `side` pixels and enlarge again."""

    def change(face: np.ndarray) -> np.ndarray:
        small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)

    return change


def noisy(deviation: float) -> Change:
    chance = np.random.default_rng(
        0
    )  # one generator for the whole part: other noise for each image
    return lambda face: face + chance.normal(0, deviation, face.shape).astype(np.float32)


def jpeg(quality: int) -> Change:
    def change(face: np.ndarray) -> np.ndarray:
        words = [cv2.IMWRITE_JPEG_QUALITY, quality]
        _, code = cv2.imencode(".jpg", np.rint(face * 255).astype(np.uint8), words)
        return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255

    return change


def flat(face: np.ndarray) -> np.ndarray:
    """Reduce the contrast to a third."""
    return (face - face.mean()) / 3 + face.mean()


RAMP = np.linspace(0.3, 1.3, SIDE, dtype=np.float32)

CHANGES: dict[str, Change] = {
    "unchanged": lambda face: face,
    "half as bright": lambda face: face / 2,
    "brighter by 0.3 of white": lambda face: face + 0.3,
    "a third of the contrast": flat,
    "gamma 2": lambda face: face**2,
    "gamma 0.5": lambda face: face**0.5,
    "light from the right": lambda face: face * RAMP,
    "rotated by 15 degrees": moved(degrees=15),
    "shifted by 5 pixels": moved(across=5),
    "cropped closer, 1.25 times as large": moved(zoom=1.25),
    "cropped wider, 0.8 times as large": moved(zoom=0.8),
    "32 pixels, enlarged": coarse(32),
    "24 pixels, enlarged": coarse(24),
    "noise of 0.02 of white": noisy(0.02),
    "noise of 0.05 of white": noisy(0.05),
    "JPEG of quality 30": jpeg(30),
}


def changed(images: np.ndarray, change: Change) -> np.ndarray:
    """The changed images, uint8 [N, 48, 48] like `images`."""
    faces = (change(face.astype(np.float32) / 255) for face in images)
    return np.stack([np.rint(face.clip(0, 1) * 255).astype(np.uint8) for face in faces])


def rows() -> Iterator[dict[str, str | float]]:
    """One row per change and network."""
    if not (found := list(tested(SHIPPED, FER))):
        return
    data = found[0][2]
    faces, test = data.faces, data.parts.test
    for name, change in CHANGES.items():
        images = faces.images.copy()
        images[test] = changed(faces.images[test], change)
        data.faces = replace(faces, images=images)
        for peer, network, _ in found:
            acc = measure(data, network, peer.classes)["acc"]
            print(f"{name}: {peer.package} {acc:.4f}", flush=True)
            yield {"change": name, "network": peer.package, "rows": len(test), "acc": acc}


def picture(found: list[dict[str, str | float]]) -> Figure:
    """Accuracy by change, one colour per network."""
    names = list(CHANGES)
    figure = blank(8, 0.32 * len(names) + 1.2)
    axes = figure.subplots()
    for package, colour in ((SHIPPED.package, VALIDATION), (FER.package, TRAIN)):
        points = {row["change"]: 100 * row["acc"] for row in found if row["network"] == package}
        if points:
            places = [names.index(name) for name in points]
            axes.plot(list(points.values()), places, "o", color=colour, label=package)
            axes.axvline(points[names[0]], color=colour, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy on PrivateTest, %. Dotted: unchanged images")
    axes.grid(axis="x", color=LINE)
    axes.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    found = list(rows())
    harness.write(found)
    if found and len(sys.argv) > 1:
        save(picture(found), Path(sys.argv[1]).with_suffix(".png"))
