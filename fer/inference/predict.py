"""From sources to predictions: threads read and find faces, the caller's runs the network.

Faces of several pictures make one batch. The order is that of the sources. A few pictures are in memory,
however many there are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer.inference.ahead import Ahead
from fer.inference.look import Item, Looked, Sighting, jobs, looking
from fer.inference.pictures import Picture, Unreadable
from fer.inference.prediction import UNSURE, Box, Face, Prediction
from fer.inference.settings import Settings
from fer.inference.sources import Source

if TYPE_CHECKING:
    from fer.inference.model import Model

FACES = 32  # a batch: the network's time a face falls by little beyond
PIXELS = 64_000_000  # bytes of pictures in a batch, ten in Full HD: they wait for its predictions


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
    ahead = Ahead(jobs(sources, settings, looking(model, settings)), _is_full)
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
        boxes: Sequence[Box],
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
                roll=sighting.found.roll,
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


def _scaled(box: Box, scale: float) -> Box:
    x, y, width, height = (scale * side for side in box)
    return x, y, width, height
