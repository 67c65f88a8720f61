"""What the timeline keeps of a video of any length: means in columns of time, changes, and gaps."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer.inference.draw import boxes, hidden
from fer.inference.prediction import Face, Pixels, Prediction

COLUMNS = 600  # of the time axis: about two screen pixels each on a wide page
FIRST = 0.01  # seconds of a column at the start. It doubles whenever the video needs more columns
HOLD = 0.5  # seconds for which another class must lead to count as a change
CHANGES = 12  # of a track that are kept, those that lasted longest
KEPT = 400  # tracks. Beyond, the shortest that have ended are dropped and counted
ENDED = 5.0  # seconds unseen after which a track has surely ended. The tracker ends it after one
STEPS = 1000  # intervals between frames whose median is the usual one
MISSED = 100  # parts without frames that are named
THUMB = 96  # side of a thumbnail in pixels
MARGIN = 1.4  # side of the square around a face, by the longer side of its box


@dataclass
class Change:
    """The time when a class took the lead, the time until it led, and the face then."""

    time: float
    until: float
    top: int
    face: Image.Image


@dataclass
class Track:
    """One face over time. A column holds the sums of the probabilities, and then how many they are."""

    number: int
    first: float
    last: float
    frame: int  # the number among the analysed frames in which it was last seen
    frames: int = 0  # analysed from its first to its last
    rows: int = 0
    gaps: int = 0
    lost: float = 0.0  # seconds
    turns: int = 0  # changes, also those that are not kept
    labels: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    columns: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    coming: Change | None = None  # leads, but not yet for HOLD seconds

    def see(self, face: Face, time: float, frame: int, width: float) -> None:
        """Add a face to its column, and the time for which it was lost before."""
        if self.rows and frame - self.frame > 1:
            self.gaps, self.lost = self.gaps + 1, self.lost + time - self.last
        self.frames += frame - self.frame if self.rows else 1
        self.last, self.frame, self.rows = time, frame, self.rows + 1
        self.labels[face.label] += 1
        self.warnings.update(face.warnings)
        values = np.append(leading(face), 1.0).astype(float)
        column = int(time / width)
        self.columns[column] = self.columns[column] + values if column in self.columns else values

    def lead(self, face: Face, prediction: Prediction, pixels: Pixels, blur: bool) -> None:
        """Note which class leads. A picture is cut out only when another one takes the lead."""
        top, now = int(np.argmax(leading(face))), self.last
        if self.changes:
            self.changes[-1].until = now
        if self.changes and self.changes[-1].top == top:
            self.coming = None
        elif self.coming is None or self.coming.top != top:
            self.coming = Change(now, now, top, thumbnail(face, prediction, pixels, blur))
        else:
            self.coming.until = now
            if now - self.coming.time >= HOLD:
                self._turn(self.coming)

    def _turn(self, change: Change) -> None:
        if self.changes:
            self.changes[-1].until = change.time
            self.turns += 1
        self.changes.append(change)
        self.coming = None
        if len(self.changes) > CHANGES:  # neither the first nor the last two, which may still grow
            middle = range(1, CHANGES - 1)
            lasted = [self.changes[i].until - self.changes[i].time for i in middle]
            del self.changes[1 + int(np.argmin(lasted))]

    @property
    def pictures(self) -> list[Change]:
        """The kept changes, the first class among them. A short track has a single one."""
        return self.changes or ([self.coming] if self.coming else [])


@dataclass
class Video:
    """What is kept of one video. A column of `seen` holds analysed frames, and those with a face."""

    source: str
    size: tuple[int, int]
    length: float | None = None  # seconds, where the container says so
    width: float = FIRST  # seconds of a column
    frames: int = 0
    first: float = 0.0
    last: float = 0.0
    empty: int = 0  # frames without a face
    missed_seconds: float = 0.0
    dropped: int = 0  # tracks that are no longer kept
    dropped_rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    seen: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    steps: deque[float] = field(default_factory=lambda: deque(maxlen=STEPS))
    missed: list[tuple[float, float]] = field(default_factory=list)
    tracks: dict[int, Track] = field(default_factory=dict)

    @property
    def step(self) -> float:
        """The usual seconds between two analysed frames, 0 for a single frame."""
        return median(self.steps) if self.steps else 0.0

    @property
    def pause(self) -> float:
        """Seconds between two frames above which the time between them was not analysed."""
        return max(1.0, 3 * self.step)

    @property
    def end(self) -> float:
        """Where the time axis ends: the video's length, or the end of the last frame."""
        return max(self.length or 0.0, self.last + (self.step or FIRST))

    def add(self, prediction: Prediction, pixels: Pixels, blur: bool) -> None:
        time = max(0.0, prediction.time or 0.0)
        self._pass_time(time)
        column = int(time / self.width)
        found = np.array((1.0, float(bool(prediction.faces))))
        self.seen[column] = self.seen.get(column, 0.0) + found
        self.empty += not prediction.faces
        for index, face in enumerate(prediction.faces):
            number = index if face.track is None else face.track
            track = self.tracks.setdefault(number, Track(number, time, time, self.frames))
            self.labels[face.label] += 1
            self.warnings.update(face.warnings)
            track.see(face, time, self.frames, self.width)
            track.lead(face, prediction, pixels, blur)
        if len(self.tracks) > KEPT:
            self._drop(time)

    def _pass_time(self, time: float) -> None:
        """Note the interval since the last frame, and double the columns' width where needed."""
        if not self.frames:
            self.first = time
        elif (interval := time - self.last) > self.pause and len(self.steps) > 1:
            self.missed_seconds += interval
            if len(self.missed) < MISSED:
                self.missed.append((self.last, time))
        elif interval > 0:
            self.steps.append(interval)
        self.frames, self.last = self.frames + 1, time
        while time >= COLUMNS * self.width:
            self._widen()

    def _widen(self) -> None:
        self.width *= 2
        self.seen = halved(self.seen)
        for track in self.tracks.values():
            track.columns = halved(track.columns)

    def _drop(self, time: float) -> None:
        """Drop the shortest of the tracks that have ended, so that half of KEPT stay."""
        ended = [track for track in self.tracks.values() if track.last < time - ENDED]
        ended.sort(key=lambda track: track.rows)
        for track in ended[: len(self.tracks) - KEPT // 2]:
            self.dropped, self.dropped_rows = self.dropped + 1, self.dropped_rows + track.rows
            del self.tracks[track.number]


def leading(face: Face) -> NDArray[np.float32]:
    """The probabilities that the timeline shows: the smoothed ones where there are any."""
    return face.probabilities if face.smoothed is None else face.smoothed


def halved(columns: Mapping[int, NDArray[np.float64]]) -> dict[int, NDArray[np.float64]]:
    """Columns of double the width, each the sum of two."""
    sums: dict[int, NDArray[np.float64]] = {}
    for number, values in columns.items():
        sums[number // 2] = sums[number // 2] + values if number // 2 in sums else values
    return sums


def thumbnail(face: Face, prediction: Prediction, pixels: Pixels, blur: bool) -> Image.Image:
    """The square around a face, at most THUMB pixels wide."""
    shown = hidden(pixels, prediction) if blur else pixels
    height, width = shown.shape[:2]
    index = next(i for i, each in enumerate(prediction.faces) if each is face)
    left, top, right, bottom = boxes(prediction, (width, height))[index]
    half = MARGIN * max(right - left, bottom - top, 1) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    rows = slice(max(0, int(y - half)), int(y + half) + 1)
    columns = slice(max(0, int(x - half)), int(x + half) + 1)
    cut = Image.fromarray(np.ascontiguousarray(shown[rows, columns]))
    cut.thumbnail((THUMB, THUMB))
    return cut
