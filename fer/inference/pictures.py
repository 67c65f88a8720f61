"""Pictures of any common form as upright RGB pixels.

How each form becomes 8-bit RGB:

- Turned by its EXIF orientation. `size` is that of the upright picture.
- More than WHOLE pixels: reduced by a whole factor, a JPEG while it is decoded. Refused above
  MOST_JPEG or MOST pixels, before memory is taken.
- Transparency: laid on white, as a browser shows it on a page. What hides under transparent
  pixels is often black or noise.
- Deep values (16 bits, float): full scale is the smallest of DEPTHS that holds the largest value.
  So 10, 12 and 14 bits in 16 are as bright as they were taken. 16 bits use 65535: value / 257.
  Values below 0 are black. Not a number is black.
- CMYK, palettes, 1 bit: as Pillow converts them. Colour profiles are not applied.
- Pages and attached pictures (TIFF, MPO): the first alone. They are no frames.

`fer.data.readers.images` decodes too, by OpenCV to grey. It stays as it is, because the hashes
of datasets and the measured results depend on its exact pixels. It reads crops of faces. This
reads whole photos.
"""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from math import ceil, log2, sqrt
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from fer.common.errors import InputError
from fer.inference.prediction import Pixels
from fer.inference.sources import HEAD, Source, format_of

if TYPE_CHECKING:
    from PIL.Image import Image

WHOLE = 2**25  # pixels up to which a picture is not reduced: 33 million, 100 MB as RGB
MOST = 178_956_970  # pixels of a picture that is decoded whole: where Pillow refuses a bomb
MOST_JPEG = 2**28  # pixels of a JPEG, reduced while decoded: cameras of phones have 200 million

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
REDUCIBLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})  # modes that Pillow reduces
ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # formats with frames, not pages

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
TIFF_WIDTH, TIFF_HEIGHT, TIFF_BITS = 256, 257, 258  # tags of TIFF

SHORTEST = 0.01  # seconds: browsers show a frame of this or less for USUAL seconds
USUAL = 0.1

# What a file holds that is no picture, by its first bytes in small letters.
OTHERS = (
    (b"%pdf", "a PDF document"),
    (b"pk\x03\x04", "a zip archive"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML or SVG file"),
)

Frame: TypeAlias = tuple[float | None, Pixels, tuple[int, int]]  # time, pixels, full size

_IGNORE = ("ignore", None, Warning, re.compile(r"(PIL|pillow_heif)\b"), 0)
_lock = Lock()
_logging = Lock()  # held by the thread that silences OpenCV
_decoding = 0  # pictures that are decoded at this moment, in all threads


class Unreadable(InputError):
    """A source without usable pixels. The message is one line that opens with its name."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture, or one frame of a video.

    source: name of the source.
    frame: number in a video or animated picture, from 0.
    time: seconds from the start. None for a picture that is not one of several frames.
    pixels: uint8 [H, W, 3], RGB. Read-only, and reduced where the picture is huge.
    size: width and height of the upright picture before it was reduced.
    """

    source: str
    frame: int
    time: float | None
    pixels: Pixels
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """The factor from coordinates in `pixels` to those in the full picture. 1 unless huge."""
        height, width = self.pixels.shape[:2]
        return max(self.size) / int(max(width, height))


def read(source: Source, *, every_frame: bool = False) -> Iterator[Picture]:
    """The picture of a source of kind `picture` or `memory`.

    every_frame: all frames of an animated picture, one in memory at a time, with their times.
        The first alone otherwise, without a time.

    Raises Unreadable, at a later frame too.
    """
    frames = _remembered(source) if source.kind == "memory" else _filed(source, every_frame)
    with faults(source.name):
        for number, (time, pixels, size) in enumerate(frames):
            yield Picture(source.name, number, time, pixels, size)


@contextmanager
def faults(name: str) -> Iterator[None]:
    """Turn what the decoders raise into Unreadable. Pillow raises many kinds for broken files."""
    try:
        yield
    except Unreadable as fault:
        raise Unreadable(f"{name}: {fault}") from None
    except MemoryError:
        raise Unreadable(f"{name}: memory does not suffice for it; reduce the picture") from None
    except OSError as fault:
        raise Unreadable(f"{name}: {fault.strerror or _broken(fault)}") from None
    except Exception as fault:
        raise Unreadable(f"{name}: {_broken(fault)}") from None


def _broken(fault: Exception) -> str:
    return f"a broken picture: {' '.join(str(fault).split())}; copy or save it again"


def _filed(source: Source, every_frame: bool) -> Iterator[Frame]:
    """The frames of a file."""
    path = Path(source.content)
    with opened(path) as file:
        kind = _picture_format(file.read(HEAD), path)
        file.seek(0)
        image = _open(file, kind)
        if image is None:
            yield (None, *_rare_tiff(file))
        else:
            yield from _frames(image, file, every_frame)


def opened(path: Path) -> IO[bytes]:
    """The file, open. Raises Unreadable with what is there instead."""
    if path.is_dir():
        raise Unreadable("a folder that cannot be read, or without a picture in it")
    if path.is_symlink() and not path.exists():
        raise Unreadable(f"a link to {os.readlink(path)}, which is not there")
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise Unreadable("no such file") from None
    except PermissionError:
        raise Unreadable("permission denied; this user may not read it") from None


def _picture_format(head: bytes, path: Path) -> str:
    """The name of a picture's format by its content. Raises Unreadable for anything else."""
    if not head:
        raise Unreadable("an empty file (0 bytes)")
    kind, name = format_of(head) or (None, "")
    if kind == "video":
        raise Unreadable(f"a video ({name}) with the suffix {path.suffix}; rename it to .mp4")
    if kind is None:
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        what = next((what for magic, what in OTHERS if start.startswith(magic)), "not a picture")
        raise Unreadable(f"{what}; expected JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP")
    return name


def _open(file: IO[bytes], kind: str) -> Image | None:
    """The picture, not decoded yet. None for a TIFF that Pillow does not know.

    A JPEG does not pass through `Image.open`, which refuses what can be reduced while decoding.
    Raises Unreadable for a picture that is too large.
    """
    from PIL import Image as images
    from PIL import JpegImagePlugin, UnidentifiedImageError

    formats: tuple[str, ...] = FORMATS
    if kind == "HEIC":
        _register_heif()
        formats = ("HEIF",)
    try:
        with _quiet():
            jpeg = kind == "JPEG"
            image = JpegImagePlugin.jpeg_factory(file) if jpeg else images.open(file, "r", formats)
    except images.DecompressionBombError as fault:
        claimed = "".join(re.findall(r"\d+ pixels", str(fault))[:1])
        raise Unreadable(f"{claimed}, more than are decoded; reduce the picture") from None
    except (UnidentifiedImageError, SyntaxError, EOFError, struct.error):
        if kind == "TIFF":
            return None
        raise Unreadable(f"not a complete {kind} picture; copy or save it again") from None
    _check_size(image.size, MOST_JPEG if jpeg else MOST)
    return image


def _check_size(size: tuple[int, int], most: int) -> None:
    """Raises Unreadable for more pixels than are decoded."""
    if size[0] * size[1] > most:
        raise Unreadable(
            f"{size[0]} x {size[1]} pixels, expected at most {most // 10**6} million; reduce it"
        )


def _register_heif() -> None:
    """Let Pillow read HEIC. Raises Unreadable with what to install."""
    try:
        import pillow_heif
    except ImportError:
        raise Unreadable("HEIC needs one more package: pip install 'fer-lab[heic]'") from None
    pillow_heif.register_heif_opener()


def _frames(image: Image, file: IO[bytes], every_frame: bool) -> Iterator[Frame]:
    """The first frame of an opened picture without a time, or all with their times."""
    if not (every_frame and image.format in ANIMATED and getattr(image, "is_animated", False)):
        yield (None, *_decode(image, file))
        return
    time = 0.0
    for number in count():
        try:
            with _quiet():
                image.seek(number)
        except EOFError:
            return
        yield (time, *_decode(image, file))
        time += _duration(image)


def _duration(image: Image) -> float:
    """Seconds for which the current frame is shown."""
    seconds = float(image.info.get("duration") or 0) / 1000
    return seconds if seconds > SHORTEST else USUAL


def _decode(image: Image, file: IO[bytes]) -> tuple[Pixels, tuple[int, int]]:
    """The upright pixels of the current frame, and its size before it was reduced."""
    with _quiet():
        full = image.size
        if image.format in ("JPEG", "MPO"):
            _draft(image)
        else:
            image.load()
            full = image.size  # a TIFF is turned while it is loaded
        return _upright(_eight_bits(image, file), _orientation(image), full)


def _draft(image: Image) -> None:
    """Decode a JPEG, at a half, a quarter or an eighth if it is huge."""
    factor = _factor(*image.size)
    if factor > 1:
        factor = min(2 ** ceil(log2(factor)), 8)
        image.draft(None, (image.width // factor, image.height // factor))
    image.load()


def _factor(width: int, height: int) -> int:
    """The whole number by which a picture is reduced, so that it has at most WHOLE pixels."""
    return max(1, ceil(sqrt(width * height / WHOLE)))


def _upright(
    image: Image, orientation: int, full: tuple[int, int]
) -> tuple[Pixels, tuple[int, int]]:
    """The pixels of a decoded 8-bit picture, reduced, as RGB and upright, and its full size.

    full: width and height before it was reduced and turned
    """
    from PIL import Image as images

    factor = _factor(*image.size)
    if factor > 1:
        image = (image if image.mode in REDUCIBLE else _rgb(image)).reduce(factor)
    image = _rgb(image)
    if orientation in TURNS:
        image = image.transpose(images.Transpose[TURNS[orientation]])
    return np.asarray(image), full[::-1] if orientation >= 5 else full


def _rgb(image: Image) -> Image:
    """The picture in RGB, what is transparent on white."""
    from PIL import Image as images

    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = images.new("RGB", image.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _orientation(image: Image) -> int:
    """The EXIF orientation of a loaded picture, 1 to 8. 1 where it has none or broken data."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # struct.error, SyntaxError and others: a picture is worth more than its EXIF
        return 1
    return found if found in TURNS else 1


def _eight_bits(image: Image, file: IO[bytes] | None = None) -> Image:
    """A loaded picture with 8 bits a channel.

    Pillow keeps grey as it is and cuts deep colours to their upper 8 bits. OpenCV reads those.
    """
    from PIL import Image as images

    if image.mode == "F" or image.mode.startswith("I"):
        return images.fromarray(_shallow(np.asarray(image)))
    if file and image.mode in ("RGB", "RGBA", "LA") and _bits(image, file) > 8:
        return images.fromarray(_shallow(_by_opencv(file)))
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


def _by_opencv(file: IO[bytes]) -> NDArray[Any]:
    """The values of a picture as they are: [H, W] or RGB or RGBA [H, W, 3 or 4]."""
    import cv2

    file.seek(0)
    with silence():
        values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise Unreadable("a broken picture, or a rare kind of TIFF; save it as PNG")
    if values.ndim == 3 and values.shape[2] == 4:
        return values[..., [2, 1, 0, 3]]
    return values if values.ndim == 2 else values[..., ::-1]


def _rare_tiff(file: IO[bytes]) -> tuple[Pixels, tuple[int, int]]:
    """The pixels and size of a TIFF that Pillow does not know, such as one of float colours."""
    from PIL import Image as images
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    with _quiet():
        tags = ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
    if TIFF_WIDTH not in tags or TIFF_HEIGHT not in tags:
        raise Unreadable("not a complete TIFF picture; copy or save it again")
    _check_size((tags[TIFF_WIDTH], tags[TIFF_HEIGHT]), MOST)
    image = images.fromarray(_shallow(_by_opencv(file)))
    return _upright(image, 1, image.size)


def _shallow(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Deep values in 8 bits: by the smallest full scale that holds the largest value.

    Opacity, the last of 4 channels, has a scale of its own.
    """
    if values.ndim == 3 and values.shape[2] == 4:
        return np.dstack([_shallow(values[..., :3]), _shallow(values[..., 3])])
    shallow = np.empty(values.shape, np.uint8)
    whole = values.dtype.kind in "iu"
    largest = max(float((row if whole else np.nan_to_num(row, posinf=0)).max()) for row in values)
    scales = DEPTHS if whole else DEPTHS_FLOAT
    full = next((scale for scale in scales if largest <= scale), largest)
    table = _scaled(np.arange(full + 1), full) if values.dtype.kind == "u" else None
    for row, out in zip(values, shallow, strict=True):  # by rows, which bounds the memory
        out[...] = _scaled(row, full) if table is None else table[row]
    return shallow


def _scaled(values: NDArray[Any], full: float) -> NDArray[np.uint8]:
    """Values from 0 to `full` as 0 to 255, rounded. Not a number is 0."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=full, neginf=0)
    return np.clip(finite * (255 / full) + 0.5, 0, 255).astype(np.uint8)


def _remembered(source: Source) -> Iterator[Frame]:
    """The only frame of an array, a tensor or a PIL image."""
    from PIL import Image as images

    image = source.content
    if not isinstance(image, images.Image):
        image = _of_array(image)
    with _quiet():
        image.load()
        frame = _upright(_eight_bits(image), _orientation(image), image.size)
    yield (None, *frame)


def _of_array(values: Any) -> Image:
    """The picture of an array [H, W] or [H, W, 1, 3 or 4], or of a tensor with channels first."""
    from PIL import Image as images

    if type(values).__module__.startswith("torch"):
        values = values.detach().cpu().numpy()
        values = np.moveaxis(values, 0, -1) if values.ndim == 3 else values
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    kind = values.dtype
    if kind.kind == "f" and not ((values >= 0) & (values <= 1)).all():  # NaN too
        raise Unreadable(
            f"values from {values.min():.4g} to {values.max():.4g}, expected uint8 from 0 to 255, "
            "or float in [0, 1]"
        )
    if kind.kind == "b":
        values = values.astype(np.uint8) * 255
    elif kind == np.uint16 or kind.kind == "f":
        values = _shallow(values)
    elif kind != np.uint8:
        raise Unreadable(f"values of type {kind}, expected uint8, uint16, or float in [0, 1]")
    return images.fromarray(np.ascontiguousarray(values))


@contextmanager
def _quiet() -> Iterator[None]:
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
