"""Pixels of any form as 8-bit colours: one rule for the faces of datasets and for whole pictures.

- What is transparent lies on one grey. The colours hidden under it are often black or noise.
- Deep values (16 bits, float): full scale is the smallest of DEPTHS that holds the largest value.
  So 10, 12 and 14 bits in 16 are as bright as they were taken. 16 bits use 65535: value / 257.
  Values below 0 are black. Not a number is black.
- CMYK, palettes, 1 bit: as Pillow converts them. Colour profiles are not applied.
- Pictures are turned upright by their EXIF orientation.

So two files that look the same give the same face.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fer.common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = 128  # under what is transparent
DEPTHS = (255, 1023, 4095, 16383, 65535)
DEPTHS_FLOAT = (1, 255, 65535)

# How a picture is turned upright, by its EXIF orientation: the names of Pillow's transpositions.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
ORIENTATION = 0x0112  # the number of the tag in EXIF and TIFF

TIFF_BITS = 258  # a tag of TIFF

_IGNORE = ("ignore", None, Warning, re.compile(r"(PIL|pillow_heif)\b"), 0)
_lock = Lock()
_logging = Lock()  # held by the thread that silences OpenCV
_decoding = 0  # pictures that are decoded at this moment, in all threads


def rgb(image: Image) -> Image:
    """The picture in RGB, what is transparent on grey."""
    from PIL import Image as images

    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        grey = images.new("RGB", image.size, (GREY, GREY, GREY))
        grey.paste(layer, mask=layer.getchannel("A"))
        return grey
    return image if image.mode == "RGB" else image.convert("RGB")


def orientation(image: Image) -> int:
    """The EXIF orientation of a loaded picture, 1 to 8. 1 where it has none or broken data."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # struct.error, SyntaxError and others: a picture is worth more than its EXIF
        return 1
    return found if found in TURNS else 1


def turned(image: Image, turn: int) -> Image:
    """The picture upright. turn: its EXIF orientation"""
    from PIL import Image as images

    return image.transpose(images.Transpose[TURNS[turn]]) if turn in TURNS else image


def eight_bits(image: Image, file: IO[bytes] | None = None) -> Image:
    """A loaded picture with 8 bits a channel.

    Pillow keeps grey as it is and cuts deep colours to their upper 8 bits. OpenCV reads those.
    """
    from PIL import Image as images

    if image.mode == "F" or image.mode.startswith("I"):
        return images.fromarray(shallow(np.asarray(image)))
    if file and image.mode in ("RGB", "RGBA", "LA") and _bits(image, file) > 8:
        return images.fromarray(shallow(by_opencv(file)))
    return image


def _bits(image: Image, file: IO[bytes]) -> int:
    """Bits a channel of a PNG or TIFF. 8 for other formats."""
    from PIL.TiffImagePlugin import TiffImageFile

    if image.format == "PNG":
        file.seek(24)  # signature 8, length 4, IHDR 4, width 4, height 4
        return file.read(1)[0]
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(TIFF_BITS, (8,))))
    return 8


def by_opencv(file: IO[bytes]) -> NDArray[Any]:
    """The values of a picture as they are: [H, W] or RGB or RGBA [H, W, 3 or 4]."""
    import cv2

    file.seek(0)
    with silence():
        values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise InputError("a broken picture, or a rare kind of TIFF; save it as PNG")
    if values.ndim == 3 and values.shape[2] == 4:
        return values[..., [2, 1, 0, 3]]
    return values if values.ndim == 2 else values[..., ::-1]


def shallow(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Deep values in 8 bits: by the smallest full scale that holds the largest value.

    Opacity, the last of 4 channels, has a scale of its own.
    """
    if values.ndim == 3 and values.shape[2] == 4:
        return np.dstack([shallow(values[..., :3]), shallow(values[..., 3])])
    found = np.empty(values.shape, np.uint8)
    whole = values.dtype.kind in "iu"
    largest = max(float((row if whole else np.nan_to_num(row, posinf=0)).max()) for row in values)
    scales = DEPTHS if whole else DEPTHS_FLOAT
    full = next((scale for scale in scales if largest <= scale), largest)
    table = _scaled(np.arange(full + 1), full) if values.dtype.kind == "u" else None
    for row, out in zip(values, found, strict=True):  # by rows, which bounds the memory
        out[...] = _scaled(row, full) if table is None else table[row]
    return found


def _scaled(values: NDArray[Any], full: float) -> NDArray[np.uint8]:
    """Values from 0 to `full` as 0 to 255, rounded. Not a number is 0."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=full, neginf=0)
    return np.clip(finite * (255 / full) + 0.5, 0, 255).astype(np.uint8)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings from the user while a picture is decoded, in whatever thread.

    `warnings.catch_warnings` restores the filters of all threads and cannot be nested across
    them. This adds one filter with the first decoding and removes it with the last.
    """
    global _decoding
    with _lock:
        if not _decoding:
            _filters().insert(0, _IGNORE)
        _decoding += 1
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            if not _decoding and _IGNORE in _filters():
                _filters().remove(_IGNORE)


def _filters() -> list[Any]:
    """The list that `warnings.filterwarnings` changes. Its stub types it as a constant."""
    return cast(list[Any], warnings.filters)


@contextmanager
def silence() -> Iterator[None]:
    """Keep OpenCV's messages from stderr. One thread at a time, so that the old level returns."""
    import cv2

    with _logging:
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            yield
        finally:
            cv2.utils.logging.setLogLevel(level)
