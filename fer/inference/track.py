"""The same number for the same person through a video, and probabilities averaged over time.

A person is followed by place and size of the box alone. Faces are not recognised: who leaves for more
than a second, or is seen again after a cut, gets a new number. Two people who cross are told apart by
their speed, which fails where they turn while one hides the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

from fer.inference.prediction import Box, Pixels

UNSEEN = 1.0  # seconds without a box after which a track ends
PACE = 0.2  # seconds over which the speed of a track is averaged
WAITED = 0.5  # cost of a second unseen: of two tracks equally near, the one seen last goes on
# A box belongs to no track from a cost of NEAR on. HURRY a second between frames is added, since an
# unknown pace of 6 widths a second is a walk, and DOUBT a width that the track was guessed to move.
NEAR, HURRY, DOUBT = 1.3, 6.0, 0.5
GATE = 2.5  # and from this cost in any case

THUMBNAIL = (32, 18)  # columns, rows in which two frames are compared
SAMPLED = 160  # pixels a side that are read for it at most
BINS = 8  # of a histogram, for each of red, green and blue
# A frame follows a cut if the histograms differ by more than CHANGED, of 0 to 1, and the thumbnails
# correlate by less than ALIKE. `python benchmarks/cuts.py` finds 97 % of the cuts to another photograph,
# 81 % of those within one, no pan by up to 20 % of the frame, no zoom by up to 1.3, 3 % of flashes three
# times as bright as the scene and 60 % of those six times, and 38 % of the passers-by who hide half of it.
CHANGED, ALIKE = 0.3, 0.5


class Tracker:
    """Gives faces of successive frames their track numbers, from 0 in order of appearance."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 0
        self._time = -math.inf
        self._glance: Glance | None = None

    def update(self, time: float, pixels: Pixels, boxes: Sequence[Box]) -> list[int]:
        """The track numbers of a frame's boxes, in their order.

        time: seconds by the container's timestamps. A step back by more than a second is a new start.
        pixels: the frame, uint8 [H, W, 3] RGB, at any scale: only cuts are looked for in it
        boxes: x, y, width and height in one unit for all frames
        """
        view, again = glance(pixels), time < self._time - UNSEEN
        if again or (self._glance is not None and is_cut(self._glance, view)):
            self._tracks = []
        time = time if again else max(time, self._time)
        alive = [track for track in self._tracks if track.lives(time, self._time)]
        numbers: dict[int, int] = {}
        for row, column in _matches(_costs(alive, boxes, time, self._time)):
            alive[row].see(time, boxes[column])
            numbers[column] = alive[row].number
        for column in range(len(boxes)):
            if column not in numbers:
                numbers[column] = self._next
                alive.append(_Track(self._next, time, _state(boxes[column])))
                self._next += 1
        self._tracks, self._time, self._glance = alive, time, view
        return [numbers[column] for column in range(len(boxes))]


class Smoother:
    """Averages the probabilities of each track over time, from its first ones on."""

    KEPT = 1000  # tracks remembered, those seen last: more are never in one picture

    def __init__(self, seconds: float) -> None:
        """seconds: time constant of the exponential average. 0: probabilities stay as they are."""
        self.seconds = seconds
        self._last: dict[int, tuple[float, NDArray[np.float32]]] = {}

    def update(
        self, track: int, time: float, probabilities: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The averaged probabilities of a track at `time`: float32 [classes]."""
        if track in self._last:
            before, average = self._last.pop(track)
            average = smoothed(average, probabilities, time - before, self.seconds)
        else:
            average = np.asarray(probabilities, np.float32)
        self._last[track] = time, average
        if len(self._last) > self.KEPT:
            del self._last[next(iter(self._last))]
        return average


def smoothed(
    average: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    elapsed: float,
    seconds: float,
) -> NDArray[np.float32]:
    """The exponential average after `elapsed` more seconds: float32 [classes], of sum 1.

    seconds: time after which the past has a weight of 1/e
    """
    past = math.exp(-max(0.0, elapsed) / seconds) if seconds > 0 else 0.0
    mixed = past * average + (1 - past) * probabilities
    return np.asarray(mixed / mixed.sum(), np.float32)


@dataclass
class _Track:
    """A person who is followed. state, speed: centre x, y, log width, log height; the same a second."""

    number: int
    time: float
    state: NDArray[np.float64]
    speed: NDArray[np.float64] | float = 0.0

    def lives(self, time: float, before: float) -> bool:
        """Whether it was seen within a second of `time`, or in the frame `before`, however long ago."""
        return time - self.time <= UNSEEN or self.time == before

    def guess(self, time: float) -> NDArray[np.float64]:
        """Where it should be by now if it moves as before. Its size stays. [4]"""
        return self.state + self.speed * (time - self.time) * np.array([1.0, 1.0, 0.0, 0.0])

    def see(self, time: float, box: Box) -> None:
        """Take a box as this track's at `time`."""
        state, elapsed = _state(box), time - self.time
        if elapsed > 0:
            weight = 1 - math.exp(-elapsed / PACE)
            self.speed = self.speed + weight * ((state - self.state) / elapsed - self.speed)
        self.time, self.state = time, state


def _state(box: Box) -> NDArray[np.float64]:
    """Centre x, y, log width, log height of a box: [4]."""
    x, y, width, height = box
    return np.array([x + width / 2, y + height / 2, *np.log(np.maximum([width, height], 1e-6))])


def _costs(
    tracks: list[_Track], boxes: Sequence[Box], time: float, before: float
) -> NDArray[np.float64]:
    """How badly each box fits each track, GATE where it cannot be the same person: [tracks, boxes].

    The sum of the distance over the size, what is not common to both, the change of size and the wait.
    before: time of the frame before
    """
    if not tracks or not boxes:
        return np.zeros((len(tracks), len(boxes)))
    ours = np.array([track.guess(time) for track in tracks])[:, None]
    theirs = np.array([_state(box) for box in boxes])[None]
    wait = np.array([time - track.time for track in tracks])[:, None]
    moved = np.linalg.norm(ours[..., :2] - [[track.state[:2]] for track in tracks], axis=-1)
    size = np.exp((ours[..., 2:].mean(-1) + theirs[..., 2:].mean(-1)) / 2)
    distance = np.linalg.norm(ours[..., :2] - theirs[..., :2], axis=-1) / size
    growth = np.abs(ours[..., 2:] - theirs[..., 2:]).mean(-1)
    costs = distance + 1 - _overlap(ours, theirs) + growth + WAITED * wait
    reach = NEAR + HURRY * (time - before) + WAITED * wait + DOUBT * moved / size
    return np.where(costs < reach, costs, GATE)


def _overlap(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of boxes that are given as states [..., 4]."""
    half, other = np.exp(ours[..., 2:]) / 2, np.exp(theirs[..., 2:]) / 2
    low = np.maximum(ours[..., :2] - half, theirs[..., :2] - other)
    high = np.minimum(ours[..., :2] + half, theirs[..., :2] + other)
    common = np.maximum(0, high - low).prod(-1)
    return np.asarray(common / (4 * half.prod(-1) + 4 * other.prod(-1) - common))


def _matches(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Row and column of the pairs with the least sum of costs. None costs GATE or more."""
    rows, columns = linear_sum_assignment(np.minimum(costs, GATE))
    near = costs[rows, columns] < GATE
    return list(zip(rows[near].tolist(), columns[near].tolist()))


@dataclass(frozen=True)
class Glance:
    """What is kept of a frame: grey thumbnail of mean 0 and length 1, histogram of sum 1."""

    thumbnail: NDArray[np.float32]
    histogram: NDArray[np.float32]


def glance(pixels: Pixels) -> Glance:
    step = max(1, -(-max(pixels.shape[:2]) // SAMPLED))
    few = np.ascontiguousarray(pixels[::step, ::step])
    grey = cv2.resize(
        cv2.cvtColor(few, cv2.COLOR_RGB2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA
    )
    centred = grey.astype(np.float32) - grey.mean(dtype=np.float32)
    length = np.linalg.norm(centred)
    cells = cv2.calcHist([few], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
    return Glance(centred / max(float(length), 1e-6), cells / cells.sum())


def is_cut(before: Glance, after: Glance) -> bool:
    """Whether both the colours and their arrangement changed.

    A pan keeps the colours, a flash keeps the arrangement.
    """
    change, alike = difference(before, after)
    return change > CHANGED and alike < ALIKE


def difference(before: Glance, after: Glance) -> tuple[float, float]:
    """The difference of the histograms, 0 to 1, and the correlation of the thumbnails, -1 to 1."""
    change = np.abs(before.histogram - after.histogram).sum() / 2
    return float(change), float((before.thumbnail * after.thumbnail).sum())
