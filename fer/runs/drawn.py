"""The folder `drawn`: pictures and videos with boxes, labels and bars."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePath

import numpy as np

from fer.inference import video
from fer.inference.pictures import Picture
from fer.inference.predict import named
from fer.inference.prediction import UNSURE, Face, Prediction
from fer.inference.sources import Source
from fer.runs import filmed

QUALITY = 90  # of JPEG
RATE = 30.0  # frames a second that are expected where nothing says it, as of a webcam


class Drawn:
    """Writes drawn pictures below a folder, and each video as one H.264 file.

    names, blur: see fer.inference.draw.draw.
    """

    def __init__(self, folder: Path, *, names: bool, blur: bool) -> None:
        self.folder, self.names, self.blur = folder, names, blur
        self._used: set[Path] = set()
        self._source: Source | None = None
        self._open = ExitStack()
        self._film: filmed.Film | None = None

    def add(self, source: Source, picture: Picture, prediction: Prediction) -> None:
        """Draw a picture into a file of its own, and a frame into its video."""
        if source.kind not in ("video", "camera"):
            path = self._claim(source.name, picture.frame, ".jpg")
            drawn = prediction.draw(picture.pixels, names=self.names, blur=self.blur)
            drawn.save(path, quality=QUALITY)
            return
        if source is not self._source:
            self._begin(source, picture.size)
        assert picture.time is not None and self._film is not None
        faces = tuple(steady(face, prediction.classes) for face in prediction.faces)
        drawn = dataclasses.replace(prediction, faces=faces).draw(
            picture.pixels, names=self.names, blur=self.blur
        )
        self._film.add(np.asarray(drawn), picture.time)

    def close(self) -> None:
        """Close the video that is written."""
        self._open.close()
        self._film, self._source = None, None

    def _begin(self, source: Source, size: tuple[int, int]) -> None:
        """Open the video of a source, in place of the one before."""
        self.close()
        rate = RATE
        if source.kind == "video":
            rate = video.facts(source.content).fps or RATE
        path = self._claim(source.name, 0, ".mp4")
        self._film = self._open.enter_context(filmed.film(path, size, rate))
        self._source = source

    def _claim(self, name: str, frame: int, suffix: str) -> Path:
        """A new path below the folder, as the source's own."""
        own = _below(name)
        stem = own.with_name(f"{own.stem}_{frame}") if frame else own.with_suffix("")
        path = stem.with_name(stem.name + suffix)
        number = 2
        while path in self._used:
            path = stem.with_name(f"{stem.name}_{number}{suffix}")
            number += 1
        self._used.add(path)
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        return self.folder / path


def steady(face: Face, classes: Sequence[str]) -> Face:
    """A face of a video with its averages over time, which do not flicker."""
    if face.smoothed is None or face.label == UNSURE:
        return face
    label, confidence = named(face.smoothed, classes, abstain=0)
    return dataclasses.replace(
        face, label=label, confidence=confidence, probabilities=face.smoothed
    )


def _below(name: str) -> Path:
    """A source's path without what leads out of a folder: `/a/b.jpg` and `../a/b.jpg` are `a/b.jpg`."""
    path = PurePath(os.path.normpath(name))
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    kept = [part for part in path.parts if part not in (path.anchor, "..", ".")]
    return Path(*kept) if kept else Path("picture")
