"""The page of pictures: each with its faces and their probabilities, to filter and to sort."""

from __future__ import annotations

import dataclasses
import heapq
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from fer.inference.detect import reduced
from fer.inference.draw import boxes, hidden, ink
from fer.inference.prediction import UNSURE, Face, Pixels, Prediction
from fer.reports.predicted import Predicted

# With 300 pictures of at most 60 kB the page stays below 25 MB in base64, whatever the folder holds.
MOST = 300
# Of these, the pictures with the least sure faces. The others are spread evenly.
LEAST_SURE = MOST // 2
BYTES = 60_000  # of a picture on the page
# Longer side in pixels and quality of JPEG: the first pair that gives so few bytes is taken.
STEPS = ((640, 80), (640, 60), (480, 60), (320, 50))
FACES = 60  # of a picture that the page lists
OPEN = 2  # faces of a picture that are listed without a click


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture on the page. `number` counts the predictions from 0. At most FACES faces are kept."""

    number: int
    prediction: Prediction
    faces: int
    jpeg: bytes
    size: tuple[int, int]

    @property
    def name(self) -> str:
        frame = f", frame {self.prediction.frame}" if self.prediction.frame else ""
        return f"{self.prediction.source}{frame}"

    @property
    def folder(self) -> str:
        """The name's part before the file's own name, with its slash."""
        return self.name.removesuffix(re.split(r"[/\\]", self.name)[-1])

    @property
    def surest(self) -> float:
        """The highest confidence of a face, -1 without a face."""
        return max((face.confidence for face in self.prediction.faces), default=-1.0)

    @property
    def words(self) -> str:
        """The picture in words, for those who do not see it."""
        found = ", ".join(f"{f.label} {100 * f.confidence:.0f} %" for f in self.prediction.faces)
        return f"{self.name}: {found or 'no face found'}"

    @property
    def placed(self) -> list[tuple[Face, tuple[float, ...]]]:
        """Each face with left, top, width and height of its box in percent of the picture."""
        found = boxes(self.prediction, self.size)
        shares = [
            (left / w, top / h, (right - left) / w, (bottom - top) / h)
            for w, h in [self.size]
            for left, top, right, bottom in found
        ]
        return list(
            zip(self.prediction.faces, [tuple(100 * x for x in s) for s in shares], strict=True)
        )


class Gallery(Predicted):
    """Collects predictions of any number of pictures in bounded memory, and writes the page.

    classes: names, in the order of the probabilities.
    names: False leaves text off the pictures.
    blur: whether faces are hidden in the pictures.
    """

    def __init__(self, classes: Sequence[str], *, names: bool = True, blur: bool = False) -> None:
        super().__init__(classes, blur=blur)
        self.names = names
        self.pictures = self.without = 0
        self.labels: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self._shown: dict[int, Shown] = {}
        self._step = 1  # every so many pictures is shown, whatever its faces
        self._unsure: list[tuple[float, int]] = []  # heap: the surest first, (-confidence, number)

    def add(self, prediction: Prediction, pixels: Pixels) -> None:
        """Count a picture's faces, and keep a small JPEG of it if the page may show it.

        pixels: uint8 [H, W, 3], the upright picture, also reduced.
        """
        number, self.pictures = self.pictures, self.pictures + 1
        self.without += not prediction.faces
        for face in prediction.faces:
            self.labels[face.label] += 1
            self.warnings.update(face.warnings)
        is_unsure, dropped = self._is_unsure(number, prediction), self._dropped()
        if dropped is not None and dropped % self._step:
            self._shown.pop(dropped, None)
        if is_unsure or number % self._step == 0:
            self._shown[number] = self._small(number, prediction, pixels)
        self._thin()

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the page, completely or not at all. facts: see Predicted._write."""
        shown = sorted(self._shown.values(), key=lambda each: (-each.surest, each.number))
        self._write(
            path,
            "gallery.html",
            facts,
            script="gallery.js",
            title=f"Faces in {self.pictures:,} picture{'' if self.pictures == 1 else 's'}",
            gallery=self,
            shown=shown,
            chosen=self._chosen(len(shown)),
            number_of={name: number for number, name in enumerate((*self.classes, UNSURE))},
            ink=ink,
            open=OPEN,
        )

    def _is_unsure(self, number: int, prediction: Prediction) -> bool:
        """Whether a picture is now among those with the least sure faces, which it joins."""
        if not prediction.faces:
            return False
        lowest = min(face.confidence for face in prediction.faces)
        entry = (-lowest, number)
        if len(self._unsure) == LEAST_SURE and entry <= self._unsure[0]:
            return False
        heapq.heappush(self._unsure, entry)
        return True

    def _dropped(self) -> int | None:
        """The number of the picture that is no longer among the least sure ones."""
        return heapq.heappop(self._unsure)[1] if len(self._unsure) > LEAST_SURE else None

    def _thin(self) -> None:
        """Show every second of the spread pictures while there are too many."""
        while len(self._shown) > MOST:
            self._step *= 2
            kept = {number for _, number in self._unsure}
            self._shown = {
                number: each
                for number, each in self._shown.items()
                if number in kept or number % self._step == 0
            }

    def _small(self, number: int, prediction: Prediction, pixels: Pixels) -> Shown:
        kept = dataclasses.replace(prediction, faces=prediction.faces[:FACES], pixels=None)
        pixels = reduced(pixels, STEPS[0][0])
        picture = Image.fromarray(hidden(pixels, prediction) if self.blur else pixels)
        jpeg, size = small_jpeg(picture)
        return Shown(number, kept, len(prediction.faces), jpeg, size)

    def _chosen(self, shown: int) -> str:
        """Which pictures are shown, in words, or nothing where all are."""
        if shown == self.pictures:
            return ""
        return (
            f"{shown:,} of {self.pictures:,} pictures are shown: the {len(self._unsure)} with the "
            f"least sure faces, and one of each {self._step} others. All are counted, and all rows "
            "are in predictions.csv."
        )


def small_jpeg(picture: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """A JPEG of at most BYTES, with its width and height."""
    reduced = picture.copy()
    for side, quality in STEPS:
        reduced.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2)
        buffer = BytesIO()
        reduced.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= BYTES:
            break
    return buffer.getvalue(), reduced.size
