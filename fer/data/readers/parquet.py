"""Parquet files with encoded images, as data hubs have them: columns `image` and `label`.

`image` is the content of an image file, or a struct with `bytes` and `path`. `label` is a name, or a
number. Names of numbers are in the metadata that Hugging Face's `datasets` writes (ClassLabel).
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

BATCH = 1024  # rows per step, encoded in memory
COLUMNS = ("image", "label")


@dataclass(frozen=True)
class Listing:
    """The files of a dataset and its classes.

    files: sorted paths
    parts: part that each file is named after, an index into PARTS or -1
    classes: names of the classes
    index: index of the class of each value in the column `label`
    rows: number of rows in all files
    """

    files: tuple[Path, ...]
    parts: tuple[int, ...]
    classes: tuple[str, ...]
    index: dict[Any, int]
    rows: int


def list_parquet(path: Path) -> Listing:
    """Read the schemas and labels at `path`, a file or a folder of files, but no images.

    Raises InputError for a file that is no Parquet or lacks a column, or if only some name parts.
    """
    files = tuple(sorted(path.rglob("*.parquet"))) if path.is_dir() else (path,)
    if not files:
        raise InputError(f"{path}: no *.parquet in it")
    parts = tuple(_part(file, path) for file in files)
    if min(parts) == -1 < max(parts):
        odd = files[parts.index(-1)]
        raise InputError(f"{odd}: names no part, but others do; expected a name as train-*.parquet")
    names, values, rows = None, set(), 0
    for file in files:
        with _opened(file) as table:
            names = names or _class_names(table.schema_arrow)
            rows += table.metadata.num_rows
            values |= set() if names else set(table.read(["label"])["label"].unique().to_pylist())
    classes, index = _classes(path, names, values - {None})
    return Listing(files, parts, classes, index, rows)


def read_parquet(path: Path, *, size: int, on_bad_row: OnBadRow = "raise") -> Faces:
    """The faces at `path` in the order of files and rows, each made by `prepare`.

    size: side in pixels
    on_bad_row: raise, or skip, which leaves bad rows out; the others keep their row numbers

    Raises InputError for an image that cannot be read, or an unknown label.
    """
    listing = list_parquet(path)
    items = _items(path, listing, size)
    bar = tqdm(items, f"reading {path}", listing.rows, unit="image", delay=2, disable=None)
    return gather(bar, BadRows(on_bad_row, path), classes=listing.classes)


def _items(path: Path, listing: Listing, size: int) -> Iterator[Item]:
    """Yield each row with its face, or what is wrong with it."""
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
    """Open a file. Raises InputError, also while it is read, for a fault or a missing column."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("data=parquet needs pyarrow: pip install 'fer-lab[parquet]'") from None
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            columns = table.schema_arrow.names
            if not set(COLUMNS) <= set(columns):
                raise InputError(f"{file}: columns {', '.join(columns)}; expected image and label")
            yield table
    except (pyarrow.ArrowException, OSError) as fault:
        line = " ".join(str(fault).split())
        raise InputError(f"{file}: no complete Parquet file ({line:.120})") from None


def _part(file: Path, path: Path) -> int:
    """The part in a file's name (`train-00000-of-00001.parquet`) or folder (`train/0.parquet`), or -1."""
    if file == path:
        return -1
    words = (re.split(r"[-.]", file.name)[0], *file.relative_to(path).parts[:-1])
    return max(part_of(word) for word in words)


def _class_names(schema: Any) -> list[str] | None:
    """The names of the classes in the schema's metadata (ClassLabel), by label; None without."""
    written = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        return json.loads(written)["info"]["features"]["label"]["names"]
    except (ValueError, KeyError, TypeError):
        return None


def _classes(
    path: Path, names: list[str] | None, values: set
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """The classes, and the index of each value's class. Negative numbers are no labels.

    names: names of the labels 0, 1, ..., if known
    values: values of the column `label`, if names are unknown
    """
    if names:
        classes, index = arrange(names)
        return classes, {number: index[name] for number, name in enumerate(names)}
    words = [value for value in values if isinstance(value, str)]
    if len(words) == len(values):
        return arrange(words)
    if words:
        raise InputError(
            f"{path}: labels are both strings such as {min(words)!r:.30} and numbers; expected one kind"
        )
    numbers = sorted(value for value in values if value >= 0)
    return tuple(map(str, numbers)), {number: place for place, number in enumerate(numbers)}


def _bytes(image: Any) -> bytes:
    """The encoded image in a row. Raises ValueError if there is none."""
    encoded = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(encoded, bytes):
        raise ValueError("no image; expected its bytes inside the file")
    return encoded
