"""Frames of a video file or a camera, one in memory at a time, with their times."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fer.common.errors import InputError
from fer.data.colours import silence
from fer.inference.pictures import Picture, Unreadable, faults, opened
from fer.inference.prediction import Pixels
from fer.inference.sources import HEAD, format_of, printable

if TYPE_CHECKING:
    import cv2

# Fraction of the announced frames and of the time that may lack without a note.
SHORT = 0.02
USUAL = 25.0  # frames a second of a container that does not say it


@dataclass(frozen=True)
class Facts:
    """What a video says of itself.

    fps: frames a second, their mean where the rate varies. 0 where it is unknown.
    count: number of frames. Announced, not counted: Matroska and WebM only allow an estimate.
    size: width and height of the upright frames.
    duration: seconds. 0 where it is unknown.
    """

    fps: float
    count: int
    size: tuple[int, int]
    duration: float


def facts(path: str | os.PathLike[str]) -> Facts:
    """The facts of a video file, without decoding it. Raises Unreadable."""
    capture = _file(Path(path))
    try:
        return _facts(capture)
    finally:
        capture.release()


def frames(
    place: str | os.PathLike[str] | int, *, every: int = 1, seconds: float | None = None
) -> Frames:
    """The frames of a video file or of the camera with a number, as an iterator of pictures.

    every: 2 yields every second frame. Those between are not converted.
    seconds: where to stop. None is the end of the video, or never for a camera.

    Raises Unreadable at once for what cannot be opened, and later where no frame can be read.
    """
    if every < 1:
        raise InputError(f"every: {every}, expected 1 or more frames")
    if seconds is not None and not seconds > 0:
        raise InputError(f"seconds: {seconds}, expected more than 0")
    return Frames(place, every=every, seconds=seconds)


class Frames(Iterator[Picture]):
    """An iterator over the frames. `close` releases the file or camera before its end.

    The time of a frame counts from the first one: by the container's timestamps in a file, by the
    computer's clock at a camera. Where a container has no timestamps (AVI), the frame rate counts.

    name: the path, or `camera 0`.
    facts: what the file or camera says of itself.
    note: a sentence where it ended before its announced end. None until then.
    """

    def __init__(
        self, place: str | os.PathLike[str] | int, *, every: int, seconds: float | None
    ) -> None:
        self.name = f"camera {place}" if isinstance(place, int) else printable(os.fspath(place))
        self._is_camera = isinstance(place, int)
        self._capture = _camera(place) if isinstance(place, int) else _file(Path(place))
        self.facts = _facts(self._capture)
        self.note: str | None = None
        self._step = 1 / (self.facts.fps or USUAL)
        self._pictures = self._read(every, seconds)

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> Picture:
        return next(self._pictures)

    def close(self) -> None:
        """Release the file or camera. No frame follows."""
        self._pictures.close()
        self._capture.release()

    def _read(self, every: int, seconds: float | None) -> Generator[Picture]:
        number, now = 0, 0.0
        for number, now in enumerate(self._times(), 1):
            if seconds is not None and now >= seconds:
                break
            if (number - 1) % every == 0:
                yield Picture(self.name, number - 1, now, *self._pixels())
        else:
            if not number:
                raise Unreadable(f"{self.name}: no frame in it can be decoded; convert the video")
            self.note = self._shortfall(number, now)
        self._capture.release()

    def _times(self) -> Iterator[float]:
        """The time of each frame, which is grabbed then but not converted yet."""
        import cv2

        first, now = 0.0, -1.0
        while self._capture.grab():
            if self._is_camera:
                found = time.monotonic()
            else:
                found = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = found if now < 0 else first
            now = found - first if found - first > now else now + self._step
            yield now

    def _pixels(self) -> tuple[Pixels, tuple[int, int]]:
        """The upright RGB pixels of the frame that was grabbed, and its width and height."""
        import cv2

        found, image = self._capture.retrieve()
        if not found:
            raise Unreadable(f"{self.name}: a frame that cannot be decoded; convert the video")
        pixels = cast(Pixels, cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image))
        return pixels, (pixels.shape[1], pixels.shape[0])

    def _shortfall(self, number: int, now: float) -> str | None:
        """The note for an end after `number` frames, the last at `now` seconds.

        Both frames and time must lack. Matroska's number of frames is an estimate by its duration,
        wrong where the rate varies. Its duration includes the time before the first frame.
        """
        if self._is_camera:
            return f"{self.name}: no further picture came after {now:.1f} s"
        count, duration, step = self.facts.count, self.facts.duration, self._step
        lacks_frames = count - number > max(1, SHORT * count)
        lacks_time = duration - max(now, self._stamp()) > max(2 * step, SHORT * duration)
        if not (lacks_frames and lacks_time):
            return None
        return (
            f"{self.name}: ended after {number:,} of {count:,} announced frames "
            f"({now:.1f} of {duration:.1f} s); the file may be cut short"
        )

    def _stamp(self) -> float:
        """The last frame's own timestamp in seconds. 0 where OpenCV does not give it (4.10)."""
        import cv2

        return self._capture.get(getattr(cv2, "CAP_PROP_PTS", -1)) * self._step


def _facts(capture: cv2.VideoCapture) -> Facts:
    import cv2

    fps = max(0.0, capture.get(cv2.CAP_PROP_FPS))
    count = max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return Facts(fps, count, (round(width), round(height)), count / fps if fps > 0 else 0.0)


def _file(path: Path) -> cv2.VideoCapture:
    """A video file, open. Raises Unreadable."""
    import cv2

    name = printable(str(path))
    with faults(name), opened(path) as file:
        head = file.read(HEAD)
        if not head:
            raise Unreadable("an empty file (0 bytes)")
        kind, form = format_of(head) or (None, "")
        if kind == "picture":
            raise Unreadable(
                f"a {form} picture with the suffix {path.suffix} of a video; rename it"
            )
    # Absolute, because FFmpeg takes `a:b.mp4` for a protocol.
    with _silence():
        capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise Unreadable(f"{name}: no video in it that OpenCV can read; convert it to MP4 (H.264)")
    return capture


def _camera(number: int) -> cv2.VideoCapture:
    """A camera, open. Raises Unreadable."""
    import cv2

    with _silence():
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise Unreadable(f"camera {number}: not found, or another program uses it")
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, where the driver allows it
    return capture


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the messages of OpenCV and FFmpeg from stderr. What is wrong is said by an exception.

    FFmpeg's level is read once, with the first video of a process, and stays.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    with silence():
        yield
