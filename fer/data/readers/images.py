"""Encoded images (PNG, JPEG, WebP, TIFF, BMP) to faces: grey, square, of one size."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from fer.data import colours
from fer.data.faces import Faces, pixel_hashes
from fer.data.readers.bad_rows import BadRows
from fer.data.resize import resize

if TYPE_CHECKING:
    from PIL.Image import Image

# A row: its place in a message, label, part, and its image or what is wrong with it.
Item = tuple[str, int, int, np.ndarray | ValueError]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
T = TypeVar("T")
JPEG, BMP, PNG = b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n"  # first bytes
TIFF = (b"II*\0", b"MM\0*")
CHUNK = 32  # images per task of a thread: passing one of 48x48 costs more than decoding it


def decode(encoded: bytes) -> np.ndarray:
    """Decode an image as grey, rotated as its EXIF data says: uint8 [H, W].

    OpenCV reads it. What is transparent or deeper than 8 bits becomes common colours first, by the
    rule of `fer.data.colours`. Of several frames or pages the first one counts.

    encoded: content of the file

    Raises ValueError for what cannot be decoded.
    """
    common = _has_common_form(encoded)
    return _imdecode(encoded if common else _flattened(encoded), cv2.IMREAD_GRAYSCALE)


def _imdecode(encoded: bytes, form: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), form)
    except cv2.error:  # an empty file, or one of more than 2^30 pixels
        image = None
    if image is None:
        raise ValueError(f"no complete image that OpenCV can read ({len(encoded):,} bytes)")
    return image


def _has_common_form(encoded: bytes) -> bool:
    """Whether an image has 8 bits a channel and nothing transparent. Most are known by their first bytes."""
    if encoded.startswith(JPEG) or encoded.startswith(BMP) and encoded[28:30] != b"\x20\0":
        return True  # a BMP of 32 bits a pixel may hold opacity
    if encoded.startswith(PNG) and len(encoded) > 25:
        depth, kind = encoded[24], encoded[25]
        return depth <= 8 and kind < 4 and b"tRNS" not in encoded[: encoded.find(b"IDAT")]
    values = _imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if values.dtype != np.uint8 or values.shape[2:] == (4,):
        return False
    return not (encoded.startswith(TIFF) and _is_grey_with_opacity(encoded))


def _is_grey_with_opacity(encoded: bytes) -> bool:
    """Whether Pillow finds grey with opacity, which OpenCV leaves out of a TIFF."""
    from PIL import Image as images
    from PIL import UnidentifiedImageError

    try:
        with colours.quiet():
            return images.open(io.BytesIO(encoded)).mode == "LA"
    except UnidentifiedImageError:
        return False


def _flattened(encoded: bytes) -> bytes:
    """An image in the common form: by the rule of `fer.data.colours`, as a PNG of its colours."""
    try:
        with colours.quiet():
            flat = np.asarray(_flat(io.BytesIO(encoded)))
    except Exception as fault:  # Pillow raises many kinds for broken files
        line = " ".join(str(fault).split())
        raise ValueError(f"no complete image that Pillow can read ({line:.80})") from None
    return cv2.imencode(".png", flat[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes()


def _flat(file: io.BytesIO) -> "Image":
    """The colours of an image by the rule of `fer.data.colours`, upright."""
    from PIL import Image as images
    from PIL import UnidentifiedImageError

    try:
        image = images.open(file)
        image.load()
    except UnidentifiedImageError:  # float colours, which OpenCV alone reads
        return colours.rgb(images.fromarray(colours.shallow(colours.by_opencv(file))))
    turn = colours.orientation(image)
    return colours.turned(colours.rgb(colours.eight_bits(image, file)), turn)


def prepare(encoded: bytes, *, size: int, box: Box | None = None) -> np.ndarray:
    """The face in an image: grey, its centre square, resized (fer.data.resize), uint8 [size, size].

    Its values are rounded to whole grey values, which datasets keep.

    encoded: content of the file
    size: side in pixels
    box: where the face is in the image; None: everywhere

    Raises ValueError for what OpenCV cannot decode, and for a box outside the image.
    """
    image = decode(encoded)
    if box is not None:
        height, width = image.shape
        left, top, right, bottom = box
        image = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if not image.size:
            raise ValueError(f"the box {box} is outside the image of {width}x{height}")
    if image.shape == (size, size):
        return image
    return np.rint(resize(image.astype(np.float32), size)).astype(np.uint8)


def prepare_all(
    sources: Sequence[T],
    load: Callable[[T], bytes],
    *,
    size: int,
    box: Callable[[T], Box | None] = lambda source: None,
) -> Iterator[np.ndarray | ValueError]:
    """Yield the face of each source in order, or what is wrong with it. Threads decode.

    load: returns the content of a source's file; may raise OSError or ValueError
    size: side in pixels
    box: returns where the face is in the image of a source
    """

    def face(source: T) -> np.ndarray | ValueError:
        try:
            return prepare(load(source), size=size, box=box(source))
        except OSError as fault:
            return ValueError(fault.strerror)
        except ValueError as fault:
            return fault

    chunks = [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]
    # OpenCV prints warnings about broken images, which `BadRows` reports.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # One thread of matrix products in each thread: more would wait for each other.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor() as threads:
            yield from chain.from_iterable(threads.map(lambda some: list(map(face, some)), chunks))
    finally:
        cv2.utils.logging.setLogLevel(level)


def gather(items: Iterable[Item], bad: BadRows, *, classes: tuple[str, ...]) -> Faces:
    """The dataset of `items`, numbered in their order. Items with a fault go to `bad`."""
    rows, labels, parts, images = [], [], [], []
    for row, (place, label, part, image) in enumerate(items):
        if isinstance(image, ValueError):
            bad.add(place, image)
            continue
        rows.append(row)
        labels.append(label)
        parts.append(part)
        images.append(image)
    notes = bad.notes(len(rows))
    stacked = np.stack(images)
    return Faces(
        images=stacked,
        labels=np.array(labels, dtype=np.int64),
        parts=np.array(parts, dtype=np.int8),
        hashes=pixel_hashes(stacked),
        rows=np.array(rows, dtype=np.int64),
        classes=classes,
        source=str(bad.source),
        notes=notes,
    )
