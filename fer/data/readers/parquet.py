"""Parquet files with encoded images, as data hubs serve them: columns `image` and `label`.

`image`: the file's bytes, or a struct with `bytes` and `path`. `label`: a name, or a number whose
name the schema tells in the metadata that Hugging Face's `datasets` writes (ClassLabel).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces
from fer.data.labels import arrange
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.folder import part_of
from fer.data.readers.images import Item, gather, prepare_all

BATCH = 1024  # rows in memory at once, encoded
COLUMNS = ("image", "label")


@dataclass(frozen=True)
class Listing:
    """The files of a set, sorted, and the part that each one's name tells; the set's classes.

    index: the class of each value of the column `label`; rows: of all files together.
    """

    files: tuple[Path, ...]
    parts: tuple[int, ...]
    classes: tuple[str, ...]
    index: dict[Any, int]
    rows: int


def list_parquet(path: Path) -> Listing:
    """What lies at `path`, a file or a folder of them: schemas and labels, but no images.

    Raises InputError for a file that is no Parquet or lacks a column, and where only some are parts.
    """
    files = tuple(sorted(path.rglob("*.parquet"))) if path.is_dir() else (path,)
    if not files:
        raise InputError(f"{path}: no *.parquet in it")
    parts = tuple(_part(file, path) for file in files)
    if min(parts) == -1 < max(parts):
        odd = files[parts.index(-1)]
        raise InputError(f"{odd}: names no part while others do; expected train-*.parquet or such")
    names, values, rows = None, set(), 0
    for file in files:
        with _opened(file) as table:
            names = names or _class_names(table.schema_arrow)
            rows += table.metadata.num_rows
            values |= set() if names else set(table.read(["label"])["label"].unique().to_pylist())
    classes, index = _classes(path, names, values - {None})
    return Listing(files, parts, classes, index, rows)


def read_parquet(path: Path, *, size: int, on_bad_row: OnBadRow = "raise") -> Faces:
    """The faces at `path`, in the order of files and rows; see `prepare` for what is made of each.

    Raises InputError for an image that cannot be read and a label that is none; with
    on_bad_row=skip the row is left out, while the others keep their numbers.
    """
    listing = list_parquet(path)
    items = _items(path, listing, size)
    bar = tqdm(items, f"reading {path}", listing.rows, unit="image", delay=2, disable=None)
    return gather(bar, BadRows(on_bad_row, path), classes=listing.classes)


def _items(path: Path, listing: Listing, size: int) -> Iterator[Item]:
    for file, part in zip(listing.files, listing.parts, strict=True):
        inside = "" if file == path else f"/{file.relative_to(path).as_posix()}"
        row = 0
        with _opened(file) as table:
            for batch in table.iter_batches(BATCH, columns=list(COLUMNS)):
                images, labels = (batch.column(name).to_pylist() for name in COLUMNS)
                for label, face in zip(labels, prepare_all(images, _bytes, size=size), strict=True):
                    if label not in listing.index:
                        known = ", ".join(listing.classes)
                        face = ValueError(f"label {label!r:.30}, expected one of {known}")
                    yield f"{inside} row {row}", listing.index.get(label, -1), part, face
                    row += 1


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """The file for reading, with both columns; every fault of it becomes one line."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("data=parquet wants pyarrow: pip install 'fer-lab[parquet]'") from None
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            columns = table.schema_arrow.names
            if not set(COLUMNS) <= set(columns):
                raise InputError(f"{file}: columns {', '.join(columns)}; expected image and label")
            yield table
    except (pyarrow.ArrowException, OSError) as fault:
        line = " ".join(str(fault).split())
        raise InputError(f"{file}: no whole Parquet file ({line:.120})") from None


def _part(file: Path, path: Path) -> int:
    """What a file's name tells, `train-00000-of-00001.parquet`, or its folder's, `train/0.parquet`."""
    if file == path:
        return -1
    words = (re.split(r"[-.]", file.name)[0], *file.relative_to(path).parts[:-1])
    return max(part_of(word) for word in words)


def _class_names(schema: Any) -> list[str] | None:
    """The names of a ClassLabel in the schema's metadata, by index; None where it has none."""
    written = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        return json.loads(written)["info"]["features"]["label"]["names"]
    except (ValueError, KeyError, TypeError):
        return None


def _classes(
    path: Path, names: list[str] | None, values: set
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """The classes, and which of them each value of the column is; negative numbers are no label."""
    if names:
        classes, index = arrange(names)
        return classes, {number: index[name] for number, name in enumerate(names)}
    words = [value for value in values if isinstance(value, str)]
    if len(words) == len(values):
        return arrange(words)
    if words:
        raise InputError(
            f"{path}: labels are words such as {min(words)!r:.30} and numbers; expected one kind"
        )
    numbers = sorted(value for value in values if value >= 0)
    return tuple(map(str, numbers)), {number: place for place, number in enumerate(numbers)}


def _bytes(image: Any) -> bytes:
    """A row's encoded image, from either form of the column."""
    encoded = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(encoded, bytes):
        raise ValueError("no image in the row: its bytes must be inside the file")
    return encoded
