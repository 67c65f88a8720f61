"""The pages of `fer predict`: a gallery of the pictures and a timeline of the videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer.inference import video
from fer.inference.pictures import Picture
from fer.inference.prediction import Prediction
from fer.inference.sources import Source
from fer.reports.gallery import Gallery
from fer.reports.timeline import Timeline


class Pages:
    """Collects what the pages show. With pictures and videos there are two: `written` names them.

    names, blur: see fer.inference.draw.draw.
    """

    def __init__(self, folder: Path, classes: Sequence[str], *, names: bool, blur: bool) -> None:
        self.folder = folder
        self._gallery = Gallery(classes, names=names, blur=blur)
        self._timeline = Timeline(classes, blur=blur)
        self.written: list[Path] = []

    def add(self, source: Source, picture: Picture, prediction: Prediction) -> None:
        """Count a picture or frame."""
        if source.kind not in ("video", "camera"):
            self._gallery.add(prediction, picture.pixels)
            return
        new = source.name not in self._timeline.videos
        self._timeline.add(prediction, picture.pixels)
        if new and source.kind == "video":
            self._timeline.length(source.name, video.facts(source.content).duration)

    def skip(self, line: str) -> None:
        """Count a source that could not be read. `line` names it and says why."""
        self._gallery.skip(line)
        self._timeline.skip(line)

    def write(self, facts: Mapping[str, Any]) -> None:
        """Write report.html, and timeline.html where there are pictures and videos.

        facts: of the run, as the pages say them.
        """
        videos = bool(self._timeline.videos)
        if self._gallery.pictures or not videos:
            self.written.append(self.folder / "report.html")
            self._gallery.write(self.written[0], facts)
        if videos:
            self.written.append(self.folder / ("timeline.html" if self.written else "report.html"))
            self._timeline.write(self.written[-1], facts)
