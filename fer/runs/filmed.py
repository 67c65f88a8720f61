"""Write an annotated H.264 video, frame by frame. Needs PyAV, the extra `fer-lab[video]`.

The times of the source are kept. Its sound is not copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from fer.common.errors import InputError
from fer.inference.prediction import Pixels

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoStream
    from av.container import OutputContainer

LONGEST = 1920  # side in pixels of the largest frame: Full HD stays as it is, 4K is halved
TICKS = 90_000  # a second; what MPEG counts in, so that times are kept to 0.01 ms
# Between them a player cannot enter the video.
KEYFRAMES = 2.0  # seconds
# Fragments: what was written plays after a kill, up to its last half second. Hybrid: a file that was
# closed has one index, as players expect it. delay_moov: the index tells when the first frame starts.
CONTAINER = {
    "movflags": "+hybrid_fragmented+delay_moov",
    "frag_duration": "500000",  # microseconds
    "flush_packets": "1",
}
LEAST = (
    62,
    12,
)  # libavformat of FFmpeg 8.1: those before write broken files with these two together
ENCODER = {"preset": "veryfast", "crf": "23"}  # 23: x264's default quality
# Colours of HD video, named in the file, since players differ in what they take unnamed ones for.
PIXELS = {"format": "yuv420p", "dst_colorspace": "ITU709", "interpolation": "AREA"}
BT709, LIMITED = 1, 1  # FFmpeg's numbers of that, and of the range 16 to 235
THREADS = 2  # each holds frames in memory


def pyav() -> ModuleType:
    """The module `av`. Raises InputError that names the extra where it is missing."""
    try:
        import av
    except ImportError:
        raise InputError(
            "annotated videos need PyAV, which is not installed: pip install 'fer-lab[video]'"
        ) from None
    if av.library_versions["libavformat"] < LEAST:
        raise InputError(
            f"annotated videos need PyAV with FFmpeg 8.1 or newer, PyAV {av.__version__} has an older "
            "one: pip install --upgrade 'fer-lab[video]'"
        )
    return av


class Film:
    """An annotated video that is being written. `film` opens it and closes it whole."""

    def __init__(self, container: OutputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._tick = -1

    def add(self, pixels: Pixels, time: float) -> None:
        """Append a frame.

        pixels: uint8 [H, W, 3], RGB. Resized where they do not have the video's size.
        time: seconds from the start. A frame that is not later than the one before is moved after it.
        """
        width, height = self._stream.width, self._stream.height
        if 0 <= len(pixels) - height <= 1 and 0 <= pixels.shape[1] - width <= 1:
            pixels = pixels[:height, :width]  # an odd last row or column is cut off
        frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(width, height, **PIXELS)
        self._tick = max(self._tick + 1, round(time * TICKS))
        frame.pts, frame.time_base = self._tick, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write the frames that the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def film(path: Path, size: tuple[int, int], rate: float) -> Iterator[Film]:
    """A video to add frames to. After an exception it has the frames until then.

    path: ends with .mp4
    size: width and height in pixels of the source, see `even`
    rate: frames a second that are expected, to set the distance of key frames
    """
    with pyav().open(str(path), "w", format="mp4", options=CONTAINER) as container:
        stream = container.add_stream("libx264", options=ENCODER)
        stream.width, stream.height = even(size)
        _set_up(stream.codec_context, rate)
        stream.time_base = Fraction(1, TICKS)
        filmed = Film(container, stream)
        try:
            yield filmed
        finally:
            filmed.finish()


def even(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the video: at most LONGEST and even, as H.264 needs them."""
    scale = min(1.0, LONGEST / max(size))
    width, height = (max(2, 2 * int(scale * side / 2)) for side in size)
    return width, height


def _set_up(encoder: VideoCodecContext, rate: float) -> None:
    encoder.pix_fmt = "yuv420p"
    encoder.colorspace = encoder.color_primaries = encoder.color_trc = BT709
    encoder.color_range = LIMITED
    encoder.time_base = Fraction(1, TICKS)
    encoder.framerate = Fraction(rate).limit_denominator(1001)
    encoder.gop_size = max(1, round(KEYFRAMES * rate))
    encoder.thread_count = THREADS
