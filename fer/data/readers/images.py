"""Encoded images (PNG, JPEG, WebP, TIFF, BMP) made into faces: grey, square, of one size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import cv2
import numpy as np

from fer.data.faces import Faces, pixel_hashes
from fer.data.readers.bad_rows import BadRows

# One row of a set: its place in a message, label, part, and its face or what is wrong with it.
Item = tuple[str, int, int, np.ndarray | ValueError]
T = TypeVar("T")
CHUNK = 32  # images a thread takes at a time: handing over one of 48x48 costs more than decoding it


def decode(encoded: bytes) -> np.ndarray:
    """An encoded image as OpenCV reads it in grey, turned as its EXIF data says: uint8 [H, W].

    Raises ValueError where it is no whole image.
    """
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # an empty file, or one of more than 2^30 pixels
        image = None
    if image is None:
        raise ValueError(f"no whole image that OpenCV can read ({len(encoded):,} bytes)")
    return image


def prepare(encoded: bytes, *, size: int) -> np.ndarray:
    """The face in an encoded image: uint8 [size, size].

    The centre square is cut out, which keeps the proportions, and resized by area interpolation.
    Raises ValueError where it is no whole image.
    """
    image = decode(encoded)
    height, width = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def prepare_all(
    sources: Sequence[T], load: Callable[[T], bytes], *, size: int
) -> Iterator[np.ndarray | ValueError]:
    """The face of each source, or what is wrong with it, in their order; decoded in threads."""

    def face(source: T) -> np.ndarray | ValueError:
        try:
            return prepare(load(source), size=size)
        except OSError as fault:
            return ValueError(fault.strerror)
        except ValueError as fault:
            return fault

    chunks = [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]
    # What OpenCV would print of a broken image, `BadRows` says.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with ThreadPoolExecutor() as threads:
            yield from chain.from_iterable(threads.map(lambda some: list(map(face, some)), chunks))
    finally:
        cv2.utils.logging.setLogLevel(level)


def gather(items: Iterable[Item], bad: BadRows, *, classes: tuple[str, ...]) -> Faces:
    """The faces of `items`, numbered in their order; those with a fault go to `bad`."""
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
