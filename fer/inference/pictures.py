"""Pictures of any common form as upright RGB pixels.

How each form becomes 8-bit RGB:

- Turned by its EXIF orientation. `size` is that of the upright picture.
- More than WHOLE pixels: reduced by a whole factor, a JPEG while it is decoded. Refused above
  MOST_JPEG or MOST pixels, before memory is taken.
- Transparency, deep values, palettes: by the rule of `fer.data.colours`, which datasets share.
- Pages and attached pictures (TIFF, MPO): the first alone. They are no frames.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from math import ceil, log2, sqrt
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer.common.errors import InputError
from fer.data.colours import by_opencv, eight_bits, orientation, quiet, rgb, shallow, turned
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

TIFF_WIDTH, TIFF_HEIGHT = 256, 257  # tags of TIFF

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
    except InputError as fault:
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
        with quiet():
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
            with quiet():
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
    with quiet():
        full = image.size
        if image.format in ("JPEG", "MPO"):
            _draft(image)
        else:
            image.load()
            full = image.size  # a TIFF is turned while it is loaded
        return _upright(eight_bits(image, file), orientation(image), full)


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


def _upright(image: Image, turn: int, full: tuple[int, int]) -> tuple[Pixels, tuple[int, int]]:
    """The pixels of a decoded 8-bit picture, reduced, as RGB and upright, and its full size.

    turn: its EXIF orientation; full: width and height before it was reduced and turned
    """
    factor = _factor(*image.size)
    if factor > 1:
        image = (image if image.mode in REDUCIBLE else rgb(image)).reduce(factor)
    return np.asarray(turned(rgb(image), turn)), full[::-1] if turn >= 5 else full


def _rare_tiff(file: IO[bytes]) -> tuple[Pixels, tuple[int, int]]:
    """The pixels and size of a TIFF that Pillow does not know, such as one of float colours."""
    from PIL import Image as images
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    file.seek(0)
    with quiet():
        tags = ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
    if TIFF_WIDTH not in tags or TIFF_HEIGHT not in tags:
        raise Unreadable("not a complete TIFF picture; copy or save it again")
    _check_size((tags[TIFF_WIDTH], tags[TIFF_HEIGHT]), MOST)
    image = images.fromarray(shallow(by_opencv(file)))
    return _upright(image, 1, image.size)


def _remembered(source: Source) -> Iterator[Frame]:
    """The only frame of an array, a tensor or a PIL image."""
    from PIL import Image as images

    image = source.content
    if not isinstance(image, images.Image):
        image = _of_array(image)
    with quiet():
        image.load()
        frame = _upright(eight_bits(image), orientation(image), image.size)
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
        values = shallow(values)
    elif kind != np.uint8:
        raise Unreadable(f"values of type {kind}, expected uint8, uint16, or float in [0, 1]")
    return images.fromarray(np.ascontiguousarray(values))
