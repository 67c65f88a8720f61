"""From sources to faces that are cut out: what the worker threads do before the network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fer.common.errors import InputError
from fer.inference import cut, detect, pictures, video, warnings
from fer.inference.crops import batches
from fer.inference.detect import Found
from fer.inference.pictures import Picture, Unreadable
from fer.inference.prediction import Box, Pixels
from fer.inference.settings import Finder, Settings
from fer.inference.sources import Source

if TYPE_CHECKING:
    from fer.inference.model import Model

# Of a video, whole frames are searched so many seconds apart, and faces are followed between: a fifth of
# the time. A face that enters is seen so much later at most.
SEARCH = 0.2
GROUP = 64_000_000  # bytes of the frames that one worker follows faces through

Item: TypeAlias = "Looked | Unreadable"
Job: TypeAlias = Callable[[], "list[Item]"]
Look: TypeAlias = Callable[[Source, Sequence[Picture]], "list[Item]"]


@dataclass(frozen=True)
class Sighting:
    """A face that was found: its crops, whose probabilities are averaged, and what is known of it.

    found: in pixels of `Picture.pixels`.
    views: uint8 [K, size, size], or float32 [1, 1, size, size].
    """

    found: Found
    views: NDArray[np.uint8] | Tensor
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """A picture in which faces were looked for, and where it is from."""

    source: Source
    picture: Picture
    sightings: tuple[Sighting, ...]


def looking(model: Model, settings: Settings) -> Look:
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
    others: Sequence[Box],
) -> Sighting:
    height, width = pixels.shape[:2]
    warned = warnings.of(
        views[0],
        found.box,
        (width, height),
        side=side,
        landmarks=found.landmarks,
        roll=found.roll,
        others=others,
    )
    return Sighting(found, views, warned)


def _taken(source: Source, frames: Sequence[Picture], *, size: int) -> list[Item]:
    """Each whole picture as one face, as `Model.probabilities` takes it."""
    looked: list[Item] = []
    for picture in frames:
        height, width = picture.pixels.shape[:2]
        (views,) = batches(picture.pixels, size)
        box = (0.0, 0.0, float(width), float(height))
        crop = (255 * views[0, 0]).round().to(torch.uint8).numpy()
        warned = warnings.of(crop, box, (width, height), side=min(width, height))
        face = Sighting(Found(box, 1.0), views, warned)
        looked.append(Looked(source, picture, (face,)))
    return looked


def jobs(sources: Iterable[Source], settings: Settings, look: Look) -> Generator[Job]:
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
