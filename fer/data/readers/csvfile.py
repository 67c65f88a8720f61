"""FER2013's csv, `emotion,pixels,Usage` with 2,304 numbers a row, read and checked row by row."""

from pathlib import Path

import numpy as np

from fer.data.faces import Faces, pixel_hashes
from fer.errors import InputError
from fer.labels import EMOTIONS

SIDE = 48  # pixels; Goodfellow et al., arXiv:1307.0414
USAGES = {"Training": 0, "PublicTest": 1, "PrivateTest": 2}  # to indices of PARTS, by convention
COLUMNS = ("emotion", "pixels", "usage")


def read_csv(path: Path) -> Faces:
    """The faces of a FER2013 csv, in row order, with the parts that its Usage column names.

    Raises InputError naming the file, the line and the fault for anything but 2,304 whole numbers
    0-255, an emotion 0-6 and a known Usage.
    """
    images, labels, parts = [], [], []
    with open(path, "rb") as file:
        lines = enumerate(file, start=1)
        order = _columns(path, next(lines, (1, b""))[1])
        for number, line in lines:
            if not line.strip():
                continue
            try:
                label, image, part = _row(line, order)
            except ValueError as fault:
                raise InputError(f"{path} line {number}: {fault}") from None
            labels.append(label)
            images.append(image)
            parts.append(part)
    if not images:
        raise InputError(f"{path}: no rows after the header; expected one face a row")
    stacked = np.stack(images)
    return Faces(
        images=stacked,
        labels=np.array(labels, dtype=np.int64),
        parts=np.array(parts, dtype=np.int8),
        hashes=pixel_hashes(stacked),
        rows=np.arange(len(labels)),
        classes=EMOTIONS,
        source=str(path),
    )


def _columns(path: Path, header: bytes) -> list[int]:
    """The positions of emotion, pixels and Usage in the header line."""
    text = header.decode("utf-8-sig", errors="replace").strip()
    names = [name.strip().strip('"').lower() for name in text.split(",")]
    if any(column not in names for column in COLUMNS):
        found = f"the header is {text[:60]!r}" if text else "the file is empty"
        raise InputError(f"{path}: {found}; expected the columns emotion,pixels,Usage")
    return [names.index(column) for column in COLUMNS]


def _row(line: bytes, order: list[int]) -> tuple[int, np.ndarray, int]:
    """Label, image uint8 [48, 48] and part of one line; ValueError says what is wrong with it."""
    fields = [field.strip().strip(b'"') for field in line.split(b",")]
    if len(fields) <= max(order):
        raise ValueError(f"{len(fields)} columns, expected {max(order) + 1}: is the file cut off?")
    emotion, pixels, usage = (fields[index] for index in order)
    if not (emotion.isdigit() and int(emotion) < len(EMOTIONS)):
        raise ValueError(f"emotion {_shown(emotion)}, expected 0 to {len(EMOTIONS) - 1}")
    part = USAGES.get(usage.decode(errors="replace"))
    if part is None:
        raise ValueError(f"Usage {_shown(usage)}, expected {', '.join(USAGES)}")
    return int(emotion), _image(pixels), part


def _image(pixels: bytes) -> np.ndarray:
    """uint8 [48, 48] of 2,304 numbers between spaces."""
    try:
        values = np.fromstring(pixels, dtype=np.int64, sep=" ")
    except ValueError:  # numpy's parser stops at what is no whole number; find it
        wrong = next((word for word in pixels.split() if not word.isdigit()), pixels)
        raise ValueError(f"pixel {_shown(wrong)}, expected a whole number 0-255") from None
    if len(values) != SIDE * SIDE:
        raise ValueError(f"{len(values)} pixels, expected {SIDE * SIDE} ({SIDE}x{SIDE})")
    if values.min() < 0 or values.max() > 255:
        wrong = values[(values < 0) | (values > 255)][0]
        raise ValueError(f"pixel {wrong}, expected 0-255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _shown(field: bytes) -> str:
    """A field as an error line shows it: quoted and short."""
    return repr(field[:20].decode(errors="replace"))
