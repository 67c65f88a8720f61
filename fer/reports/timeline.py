"""The page of videos: one row a track, its probabilities over time, and the faces at changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer.inference.prediction import Pixels, Prediction
from fer.reports.predicted import Predicted
from fer.reports.tracks import Track, Video

ROWS = 40  # tracks of a video on the page, those seen longest
VIDEOS = 50  # on the page
TICKS = 6  # labels of the time axis, which fit on a page 400 pixels wide
# Seconds between two of them.
EVERY = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
NAMED = 5  # parts without frames that are written out


@dataclass(frozen=True)
class Row:
    """A track on the page: its words, an SVG path for each class, and faces at changes."""

    track: Track
    words: str
    paths: list[str]  # in the order of the classes. A path is the sum up to its class
    faces: list[tuple[str, int, bytes, float]]  # time, class, JPEG, place on the axis in percent


@dataclass(frozen=True)
class Section:
    """A video on the page."""

    video: Video
    words: list[str]
    columns: int
    ticks: list[tuple[float, str]]  # place in percent, and its text
    analysed: str  # SVG paths
    with_faces: str
    rows: list[Row]
    others: str


class Timeline(Predicted):
    """Collects predictions of videos of any length in bounded memory, and writes the page.

    classes: names, in the order of the probabilities.
    blur: whether faces are hidden in the thumbnails.
    """

    def __init__(self, classes: Sequence[str], *, blur: bool = False) -> None:
        super().__init__(classes, blur=blur)
        self.videos: dict[str, Video] = {}

    def add(self, prediction: Prediction, pixels: Pixels) -> None:
        """Count the faces of a frame. Frames of a video come in the order of their time.

        pixels: uint8 [H, W, 3], the upright frame, also reduced.
        """
        video = Video(prediction.source, prediction.size)
        self.videos.setdefault(prediction.source, video).add(prediction, pixels, self.blur)

    def length(self, source: str, seconds: float) -> None:
        """Note how long a video is, so that the page shows the part that was not analysed."""
        if source in self.videos and np.isfinite(seconds):
            self.videos[source].length = seconds

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the page, completely or not at all. facts: see Predicted._write."""
        videos = list(self.videos.values())
        several = f"{len(videos):,} videos"
        self._write(
            path,
            "timeline.html",
            facts,
            title=f"Faces in {Path(videos[0].source).name if len(videos) == 1 else several}",
            timeline=self,
            sections=[self._section(video) for video in videos[:VIDEOS]],
            labels=sum((video.labels for video in videos), Counter()),
            warnings=sum((video.warnings for video in videos), Counter()),
        )

    def _section(self, video: Video) -> Section:
        longest = sorted(video.tracks.values(), key=lambda track: -track.rows)[:ROWS]
        columns = ceil(video.end / video.width)
        with_faces = {number: at for number, at in video.seen.items() if at[1]}
        return Section(
            video=video,
            words=said(video),
            columns=columns,
            ticks=[(100 * at / video.end, clock(at)) for at in ticks(video.end)],
            analysed=area({number: 0.0 for number in within(video.seen, video)}),
            with_faces=area({number: 0.0 for number in within(with_faces, video)}),
            rows=[
                self._row(video, track)
                for track in sorted(longest, key=lambda t: (t.first, t.number))
            ],
            others=others(video, longest),
        )

    def _row(self, video: Video, track: Track) -> Row:
        shown = within(track.columns, video)
        sums = {number: np.cumsum(row[:-1] / row[-1]) for number, row in shown.items()}
        paths = [
            area({number: 100 - 100 * float(row[index]) for number, row in sums.items()})
            for index in range(len(self.classes))
        ]
        faces = [
            (clock(each.time), each.top, jpeg(each.face), 100 * each.time / video.end)
            for each in track.pictures
        ]
        return Row(track, track_said(track), paths, faces)


def area(tops: Mapping[int, float]) -> str:
    """An SVG path below steps: each column from its top, 0 to 100 downwards, to the bottom at 100."""
    parts, before, height = [], None, 100
    for number in sorted(tops):
        top = round(tops[number])
        if before is None or number != before + 1:
            parts.append(
                f"{f'H{before + 1}V100Z' if before is not None else ''}M{number} 100V{top}"
            )
        elif top != height:
            parts.append(f"H{number}V{top}")
        before, height = number, top
    return "".join(parts) + (f"H{before + 1}V100Z" if before is not None else "")


def within(columns: Mapping[int, Any], video: Video) -> dict[int, Any]:
    """Columns, each repeated up to the next analysed one, which may be several columns later."""
    looked, most = sorted(video.seen), video.pause / video.width
    last = max(1, round(video.step / video.width))  # columns until the next frame would follow
    following = dict(zip(looked, [*looked[1:], looked[-1] + last]))
    filled: dict[int, Any] = {}
    for number, row in columns.items():
        gap = following[number] - number
        filled.update(dict.fromkeys(range(number, number + (gap if gap <= most else 1)), row))
    return filled


def ticks(end: float) -> list[int]:
    """Whole seconds at which the axis is labelled, at most TICKS of them."""
    step = next((each for each in EVERY if end / each < TICKS), EVERY[-1])
    return list(range(0, int(end) + 1, step))


def clock(seconds: float) -> str:
    """Seconds as `02:05`, or `1:02:05` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def said(video: Video) -> list[str]:
    """What was analysed and where faces were found, in sentences."""
    found = 100 * (1 - video.empty / video.frames)
    pace = f", {1 / video.step:.3g} a second" if video.step else ""
    lines = [
        f"{video.frames:,} frame{'' if video.frames == 1 else 's'} of {video.size[0]} × "
        f"{video.size[1]} pixels analysed, from {clock(video.first)} to {clock(video.last)}{pace}.",
        f"{found:.0f} % of them have a face.",
    ]
    parts = [f"{clock(a)} to {clock(b)}" for a, b in video.missed[:NAMED]]
    if len(video.missed) > NAMED:
        parts.append(f"more, {video.missed_seconds:,.0f} s in all")
    if video.length is not None and video.length - video.last > video.pause:
        parts.append(f"{clock(video.last)} to the end, {clock(video.length)}")
    lines.append(f"Not analysed: {', '.join(parts)}." if parts else "No part was left out.")
    return lines


def track_said(track: Track) -> str:
    """When a track was seen, what it mostly showed and for how long it was lost, in one line."""
    label, rows = track.labels.most_common(1)[0]
    lost = (
        f"lost {track.gaps} time{'' if track.gaps == 1 else 's'}, {track.lost:.1f} s in all"
        if track.gaps
        else "never lost"
    )
    return (
        f"{clock(track.first)} to {clock(track.last)}, {100 * rows / track.rows:.0f} % {label}. "
        f"Found in {track.rows:,} of {track.frames:,} frames, {lost}."
    )


def others(video: Video, shown: Sequence[Track]) -> str:
    """The tracks that the page leaves out, in words, or nothing."""
    number = len(video.tracks) + video.dropped - len(shown)
    rows = video.labels.total() - sum(track.rows for track in shown)
    if not number:
        return ""
    return f"{number:,} shorter tracks with {rows:,} faces are in predictions.csv alone."


def jpeg(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
