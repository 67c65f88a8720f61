"""Measure which changes between two frames the tracker takes for a cut: python benchmarks/cuts.py [OUT.csv]

The frames are parts of three photographs that come with scikit-learn and matplotlib, and of the made
video. A row is a kind of change: cuts, which should be found, and what happens within a scene.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import harness
import matplotlib.cbook
import numpy as np
from sklearn.datasets import load_sample_images

sys.path.insert(0, str(Path(__file__).parent.parent))
from fer.inference import track
from tests.inference import made_video

PAIRS = 200  # of each kind
SIZE = (320, 180)  # of a frame
Frame = np.ndarray
Rng = np.random.Generator


def photographs() -> list[Frame]:
    """Photographs uint8 [H, W, 3], each at least 1.5 times as large as a frame."""
    hopper = cv2.imread(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    pictures = [*load_sample_images().images, hopper[..., ::-1]]
    pictures += [made_video._scene(scene, (1280, 720)) for scene in (0, 1)]
    return [_enlarged(np.ascontiguousarray(picture)) for picture in pictures]


def _enlarged(picture: Frame) -> Frame:
    scale = 1.5 * max(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0])
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def view(picture: Frame, x: float, y: float, zoom: float) -> Frame:
    """A frame of a picture. x, y: of its corner, 0 to 1 of the room there is. zoom: 1 or more."""
    width, height = SIZE[0] / zoom, SIZE[1] / zoom
    left, top = x * (picture.shape[1] - width), y * (picture.shape[0] - height)
    matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
    return cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_LINEAR)


def camera(frame: Frame, rng: Rng) -> Frame:
    """The frame with the noise of a camera."""
    return _bytes(frame + rng.normal(0, 4, frame.shape))


def _bytes(values: np.ndarray) -> Frame:
    return np.clip(values, 0, 255).astype(np.uint8)


def scene(pictures: list[Frame], rng: Rng) -> tuple[Frame, np.ndarray]:
    """A photograph and x, y, zoom of a view of it."""
    where = np.array([*rng.uniform(0.3, 0.7, 2), rng.uniform(1, 2)])
    return pictures[rng.integers(len(pictures))], where


def moved(by: float) -> Callable[[list[Frame], Rng], tuple[Frame, Frame]]:
    """Two frames of a camera that pans by a fraction of the frame's width or height."""

    def pair(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
        picture, (x, y, zoom) = scene(pictures, rng)
        angle = rng.uniform(0, 2 * np.pi)
        dx = by * np.cos(angle) * SIZE[0] / zoom / (picture.shape[1] - SIZE[0] / zoom)
        dy = by * np.sin(angle) * SIZE[1] / zoom / (picture.shape[0] - SIZE[1] / zoom)
        return view(picture, x, y, zoom), view(picture, *np.clip((x + dx, y + dy), 0, 1), zoom)

    return pair


def zoomed(by: float) -> Callable[[list[Frame], Rng], tuple[Frame, Frame]]:
    def pair(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
        picture, (x, y, zoom) = scene(pictures, rng)
        return view(picture, x, y, zoom), view(picture, x, y, by * zoom)

    return pair


def flash(strength: float) -> Callable[[list[Frame], Rng], tuple[Frame, Frame]]:
    """The second frame is lit by a flash: brighter by a factor, and what was white is white."""

    def pair(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
        picture, where = scene(pictures, rng)
        frame = view(picture, *where)
        return frame, _bytes(strength * frame.astype(float) + 20 * strength)

    return pair


def passing(share: float) -> Callable[[list[Frame], Rng], tuple[Frame, Frame]]:
    """Something of one other photograph hides a part of the frame at once."""

    def pair(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
        picture, where = scene(pictures, rng)
        frame, other = view(picture, *where), view(*_flat(scene(pictures, rng)))
        after, columns = frame.copy(), int(share * SIZE[0])
        left = rng.integers(0, SIZE[0] - columns + 1)
        after[:, left : left + columns] = other[:, left : left + columns]
        return frame, after

    return pair


def _flat(seen: tuple[Frame, np.ndarray]) -> tuple:
    return seen[0], *seen[1]


def cut(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
    """A frame of one photograph and one of another."""
    first, second = rng.choice(len(pictures), 2, replace=False)
    frames = (view(pictures[each], *scene(pictures, rng)[1]) for each in (first, second))
    return next(frames), next(frames)


def same_room(pictures: list[Frame], rng: Rng) -> tuple[Frame, Frame]:
    """Two distant parts of one photograph, as in shot and reverse shot."""
    picture = pictures[rng.integers(len(pictures))]
    ends = np.array([[0.0, rng.uniform()], [1.0, rng.uniform()]])
    first, second = rng.permutation(ends)
    zooms = rng.uniform(1.5, 2.5, 2)
    return view(picture, *first, zooms[0]), view(picture, *second, zooms[1])


KINDS: dict[str, Callable[[list[Frame], Rng], tuple[Frame, Frame]]] = {
    "cut to another photograph": cut,
    "cut within a photograph": same_room,
    "camera at rest": moved(0.0),
    "pan by 5 % of the frame": moved(0.05),
    "pan by 10 %": moved(0.1),
    "pan by 20 %": moved(0.2),
    "zoom by 1.1": zoomed(1.1),
    "zoom by 1.3": zoomed(1.3),
    "flash, 1.5 times as bright": flash(1.5),
    "flash, 3 times": flash(3.0),
    "flash, 6 times": flash(6.0),
    "lights go down to a quarter": flash(0.25),
    "a passer-by hides 25 %": passing(0.25),
    "a passer-by hides 50 %": passing(0.5),
}


def rows() -> Iterator[dict[str, str | float]]:
    pictures, rng = photographs(), np.random.default_rng(0)
    for kind, pair in KINDS.items():
        pairs = (
            (camera(a, rng), camera(b, rng)) for a, b in (pair(pictures, rng) for _ in range(PAIRS))
        )
        glances = [(track.glance(a), track.glance(b)) for a, b in pairs]
        change, alike = np.array([track.difference(*each) for each in glances]).T
        row = {
            "change": kind,
            "taken for a cut": float(np.mean([track.is_cut(*each) for each in glances])),
            "colours differ, 5 % to 95 %": "{:.2f} {:.2f}".format(
                *np.quantile(change, (0.05, 0.95))
            ),
            "alike, 5 % to 95 %": "{:.2f} {:.2f}".format(*np.quantile(alike, (0.05, 0.95))),
        }
        print(*row.values(), sep="; ", flush=True)
        if "--raw" in sys.argv:
            np.savez(f"/tmp/cuts_{kind.replace(' ', '_').replace('%', '')}.npz", change, alike)
        yield row


if __name__ == "__main__":
    harness.write(rows(), [word for word in sys.argv if word != "--raw"])
