"""From sources to predictions: threads read and find faces, the caller's runs the network.

Faces of several pictures make one batch. The order is that of the sources. A few pictures are in memory,
however many there are.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from queue import Empty, Queue
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fer.common.errors import InputError
from fer.inference import cut, detect, pictures, video, warnings
from fer.inference.crops import batches
from fer.inference.detect import Found
from fer.inference.pictures import Picture, Unreadable
from fer.inference.prediction import SMOOTH, UNSURE, Face, Pixels, Prediction
from fer.inference.sources import Source

if TYPE_CHECKING:
    from fer.inference.model import Model

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
WORKERS = min(4, CORES)  # threads that read pictures and find faces
AHEAD = WORKERS + 2  # pictures that are found, or wait for the network
FACES = 32  # a batch: the network's time a face falls by little beyond
PIXELS = 64_000_000  # bytes of pictures in a batch, ten in Full HD: they wait for its predictions
# Of a video, whole frames are searched so many seconds apart, and faces are followed between: a fifth of
# the time. A face that enters is seen so much later at most.
SEARCH = 0.2
GROUP = 64_000_000  # bytes of the frames that one worker follows faces through
PATIENCE = 0.25  # seconds that a found face waits for others. A slow source is answered so soon

Item: TypeAlias = "Looked | Unreadable"
Job: TypeAlias = Callable[[], "list[Item]"]
Look: TypeAlias = Callable[[Source, Sequence[Picture]], "list[Item]"]


class Finder(Protocol):
    """What finds faces: `fer.inference.detect.Detector`, or an object with its `find`."""

    def find(self, pixels: Pixels) -> list[Found]: ...


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How faces are found and named.

    detector: `yunet`, `haar`, or an object that finds faces.
    tiles: search large pictures again in parts, for small faces.
    crops: the pictures are faces that were cut out already.
    every: analyse each so many frames. None: every frame of a video, the first one of a picture.
    seconds: of each video or camera, from its start. None: all.
    abstain: a face with a lower confidence is `unsure`.
    smooth: time constant of the average over a video, in seconds.
    """

    detector: detect.Name | Finder = "yunet"
    tiles: bool = False
    crops: bool = False
    every: int | None = None
    seconds: float | None = None
    abstain: float = 0.0
    smooth: float = SMOOTH

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise InputError(f"every: {self.every}, expected 1 or more")
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"seconds: {self.seconds}, expected more than 0")
        if not 0 <= self.abstain <= 1:
            raise InputError(f"abstain: {self.abstain}, expected 0 to 1")
        if not 0 <= self.smooth < float("inf"):
            raise InputError(f"smooth: {self.smooth}, expected 0 or more")


@dataclass(frozen=True)
class Sighting:
    """A face that was found: its crops, whose probabilities are averaged, and what is known of it.

    found: in pixels of `Picture.pixels`.
    views: uint8 [K, size, size], or float32 [1, 1, size, size].
    """

    found: Found
    views: NDArray[np.uint8] | Tensor
    roll: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """A picture in which faces were looked for, and where it is from."""

    source: Source
    picture: Picture
    sightings: tuple[Sighting, ...]


class Answer(NamedTuple):
    """A picture, where it is from, and what was predicted of it, which has no pixels."""

    source: Source
    picture: Picture
    prediction: Prediction


def predictions(
    model: Model, sources: Iterable[Source], settings: Settings
) -> Generator[Answer | Unreadable]:
    """Each picture and frame with its prediction, or why a source cannot be read.

    An exception of a thread is raised here. Closing the generator stops the threads.
    """
    followed = Followed(settings.smooth)
    ahead = Ahead(_jobs(sources, settings, _look(model, settings)))
    try:
        for batch in ahead.batches():
            looked = [item for item in batch if isinstance(item, Looked)]
            found = iter(
                _probabilities(model, [face for item in looked for face in item.sightings])
            )
            for item in batch:
                if isinstance(item, Looked):
                    rows = [next(found) for _ in item.sightings]
                    prediction = _prediction(item, rows, model, settings, followed)
                    yield Answer(item.source, item.picture, prediction)
                else:
                    yield item
    finally:
        ahead.close()


def _look(model: Model, settings: Settings) -> Look:
    """The function that finds the faces of successive frames, or takes each picture as a face."""
    if settings.crops:
        return partial(_taken, size=model.size)
    finder = settings.detector
    if isinstance(finder, str):
        finder = _detector(finder, settings.tiles)
    return partial(_found, finder=finder, place=place(model), size=model.size)


def place(model: Model) -> cut.Place:
    """Which crops a network expects. Raises InputError where its file says it in other words."""
    try:
        return cut.Place(**(model.margin or {}))
    except TypeError as fault:
        raise InputError(f"margin of the network: {fault}; pack it again") from None


# One for all calls, since each of its threads keeps an OpenCV object that takes time to make.
_detector = cache(lambda name, tiles: detect.detector(name, tiles=tiles))


def _found(
    source: Source, frames: Sequence[Picture], *, finder: Finder, place: cut.Place, size: int
) -> list[Item]:
    """The faces of the first frame, followed through the others. They are cut out."""
    looked: list[Item] = []
    found: list[Found] = []
    for picture in frames:
        followed = None
        if looked and isinstance(finder, detect.Detector):
            followed = finder.follow(picture.pixels, found)
        found = finder.find(picture.pixels) if followed is None else followed
        looked.append(Looked(source, picture, _sightings(picture.pixels, found, place, size)))
    return looked


def _sightings(
    pixels: Pixels, found: Sequence[Found], place: cut.Place, size: int
) -> tuple[Sighting, ...]:
    """Each face of a picture, cut out."""
    boxes = [each.box for each in found]
    sightings = []
    for number, each in enumerate(found):
        views = cut.cut(pixels, each, place, size=size)
        others = boxes[:number] + boxes[number + 1 :]
        side = place.sides[0] * each.box[3]
        sightings.append(_sighting(pixels, each, views, side, others))
    return tuple(sightings)


def _sighting(
    pixels: Pixels,
    found: Found,
    views: NDArray[np.uint8],
    side: float,
    others: Sequence[detect.Box],
) -> Sighting:
    (height, width), roll = pixels.shape[:2], cut.roll(found)
    warned = warnings.of(
        views[0],
        found.box,
        (width, height),
        side=side,
        landmarks=found.landmarks,
        roll=roll,
        others=others,
    )
    return Sighting(found, views, roll, warned)


def _taken(source: Source, frames: Sequence[Picture], *, size: int) -> list[Item]:
    """Each whole picture as one face, as `Model.probabilities` takes it."""
    looked: list[Item] = []
    for picture in frames:
        height, width = picture.pixels.shape[:2]
        (views,) = batches(picture.pixels, size)
        box = (0.0, 0.0, float(width), float(height))
        crop = (255 * views[0, 0]).round().to(torch.uint8).numpy()
        warned = warnings.of(crop, box, (width, height), side=min(width, height))
        face = Sighting(Found(box, 1.0), views, 0.0, warned)
        looked.append(Looked(source, picture, (face,)))
    return looked


def _jobs(sources: Iterable[Source], settings: Settings, look: Look) -> Generator[Job]:
    """What the workers do, in the order of the sources. Frames of a video are decoded on the way."""
    for source in sources:
        if source.kind in ("picture", "memory") and settings.every is None:
            yield partial(_still, source, look)
            continue
        try:
            for frames in groups(_frames(source, settings), follow=source.kind == "video"):
                yield partial(look, source, frames)
        except Unreadable as fault:
            yield partial(_unreadable, fault)


def groups(frames: Iterator[Picture], *, follow: bool) -> Generator[list[Picture]]:
    """Successive frames of less than SEARCH seconds and at most GROUP bytes, or of one frame each.

    A fault of `frames` is raised after those that came before.
    """
    group: list[Picture] = []
    while True:
        try:
            picture = next(frames, None)
        except Unreadable:
            if group:
                yield group
            raise
        if group and not (follow and picture is not None and _belongs(picture, group)):
            yield group
            group = []
        if picture is None:
            return
        if follow:
            group.append(picture)
        else:  # a frame of a camera waits for no other
            yield [picture]


def _belongs(picture: Picture, group: Sequence[Picture]) -> bool:
    """Whether faces are followed through a group into the next frame."""
    elapsed = (picture.time or 0.0) - (group[0].time or 0.0)
    return 0 <= elapsed < SEARCH and (len(group) + 1) * picture.pixels.nbytes <= GROUP


def _frames(source: Source, settings: Settings) -> Generator[Picture]:
    """The frames of a video, a camera or an animated picture that are analysed.

    Raises Unreadable after the last one where a video is cut short.
    """
    every = settings.every or 1
    if source.kind in ("picture", "memory"):
        for picture in pictures.read(source, every_frame=True):
            if picture.frame % every == 0:
                yield picture
        return
    with closing(video.frames(source.content, every=every, seconds=settings.seconds)) as frames:
        yield from frames
    if frames.note:
        raise Unreadable(frames.note)


def _still(source: Source, look: Look) -> list[Item]:
    try:
        (picture,) = pictures.read(source)
    except Unreadable as fault:
        return [fault]
    return look(source, [picture])


def _unreadable(fault: Unreadable) -> list[Item]:
    return [fault]


class Sign(Enum):
    """What stands where no result does."""

    LATER = "the next one is not there yet"
    END = "there are no more"


class Ahead:
    """Jobs that run ahead of who takes their results: AHEAD of them at most, in order."""

    def __init__(self, jobs: Generator[Job]) -> None:
        self._jobs = jobs
        self._queue: Queue[Future[list[Item]] | None] = Queue(AHEAD)
        self._first: Future[list[Item]] | None = None  # taken from the queue before it was done
        self._closed = threading.Event()
        # A daemon, because a camera or standard input may let it wait for ever.
        self._thread = threading.Thread(target=self._fill, name="fer-reader", daemon=True)
        self._thread.start()

    def batches(self) -> Iterator[list[Item]]:
        """Results in order: as many as fill a batch, or as are there in PATIENCE seconds."""
        batch: list[Item] = []
        until = 0.0
        while True:
            try:
                items = self._take(max(0.0, until - time.monotonic()) if batch else None)
            except Exception:
                if batch:
                    yield batch  # what was read before the fault
                raise
            if not isinstance(items, Sign):
                until = until if batch else time.monotonic() + PATIENCE
                batch += items
            if batch and (isinstance(items, Sign) or _is_full(batch)):
                yield batch
                batch = []
            if items is Sign.END:
                return

    def close(self) -> None:
        """Stop the thread, and drop the jobs that no worker has begun."""
        self._closed.set()
        while not self._queue.empty():  # makes room, should the thread wait for it
            if (future := self._queue.get()) is not None:
                future.cancel()
        self._thread.join(1.0)

    def _take(self, seconds: float | None) -> list[Item] | Sign:
        """The next results, for which it waits so long. Raises what their job raised."""
        if self._first is None:
            try:
                self._first = self._queue.get(timeout=seconds)
            except Empty:
                return Sign.LATER
        if self._first is None:
            return Sign.END
        if not wait([self._first], seconds).done:
            return Sign.LATER
        future, self._first = self._first, None
        return future.result()

    def _fill(self) -> None:
        try:
            for job in self._jobs:
                self._queue.put(_workers().submit(job))
                if self._closed.is_set():
                    break
        except BaseException as fault:  # its future raises it where results are taken
            failed: Future[list[Item]] = Future()
            failed.set_exception(fault)
            self._queue.put(failed)
        finally:
            self._jobs.close()  # files and cameras, where they were opened
            self._queue.put(None)


@cache
def _workers() -> ThreadPoolExecutor:
    """The threads of this process. They are kept, because each keeps its detector."""
    return ThreadPoolExecutor(WORKERS, "fer-worker")


def _is_full(batch: Sequence[Item]) -> bool:
    """Whether a batch has FACES faces, FACES pictures or PIXELS bytes, or is from a camera."""
    looked = [item for item in batch if isinstance(item, Looked)]
    return (
        len(batch) >= FACES
        or sum(len(item.sightings) for item in looked) >= FACES
        or sum(item.picture.pixels.nbytes for item in looked) >= PIXELS
        or any(item.source.kind == "camera" for item in looked)
    )


def _probabilities(model: Model, sightings: Sequence[Sighting]) -> NDArray[np.float32]:
    """The probabilities of each face, averaged over its crops: float32 [N, classes]."""
    if not sightings:
        return np.empty((0, len(model.classes)), np.float32)
    rows = model.probabilities([each.views for each in sightings])
    counts = [len(each.views) for each in sightings]
    starts = np.cumsum([0, *counts[:-1]])
    sums = np.add.reduceat(rows, starts)
    return np.asarray(sums / np.array(counts, np.float32)[:, None], np.float32)


class Followed:
    """Track numbers and averages over time, anew for each source."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._source: Source | None = None

    def update(
        self,
        source: Source,
        picture: Picture,
        boxes: Sequence[detect.Box],
        rows: Sequence[NDArray[np.float32]],
    ) -> list[tuple[int | None, NDArray[np.float32] | None]]:
        """The track and the averaged probabilities of each face. None for a picture without time."""
        if picture.time is None:
            return [(None, None)] * len(boxes)
        if source is not self._source:
            self._source = source
            self._begin()
        tracks = self._tracker.update(picture.time, picture.pixels, boxes)
        return [
            (track, self._smoother.update(track, picture.time, row))
            for track, row in zip(tracks, rows, strict=True)
        ]

    def _begin(self) -> None:
        from fer.inference.track import Smoother, Tracker  # scipy, which pictures do not need

        self._tracker, self._smoother = Tracker(), Smoother(self._seconds)


def _prediction(
    looked: Looked,
    rows: Sequence[NDArray[np.float32]],
    model: Model,
    settings: Settings,
    followed: Followed,
) -> Prediction:
    """What is known of a picture, in pixels of the upright picture at its full size."""
    picture, scale = looked.picture, looked.picture.scale
    boxes = [_scaled(each.found.box, scale) for each in looked.sightings]
    faces = []
    for sighting, box, row, (track, smoothed) in zip(
        looked.sightings,
        boxes,
        rows,
        followed.update(looked.source, picture, boxes, rows),
        strict=True,
    ):
        label, confidence = named(row, model.classes, settings.abstain)
        landmarks = sighting.found.landmarks
        faces.append(
            Face(
                box=box,
                score=sighting.found.score,
                label=label,
                confidence=confidence,
                probabilities=row,
                track=track,
                landmarks=None if landmarks is None else landmarks * np.float32(scale),
                roll=sighting.roll,
                warnings=sighting.warnings,
                smoothed=smoothed,
            )
        )
    return Prediction(
        source=picture.source,
        frame=picture.frame,
        time=picture.time,
        size=picture.size,
        faces=tuple(faces),
        classes=model.classes,
    )


def named(
    probabilities: NDArray[np.float32], classes: Sequence[str], abstain: float
) -> tuple[str, float]:
    """Label and confidence of a face's probabilities [classes]: `unsure` below `abstain`."""
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    return (UNSURE if confidence < abstain else classes[best]), confidence


def _scaled(box: detect.Box, scale: float) -> detect.Box:
    x, y, width, height = (scale * side for side in box)
    return x, y, width, height
