"""Parquet files with encoded images, as data hubs have them.

The column of images is the one that holds encoded images: the content of image files, or structs with
`bytes` and `path`. The other columns have usual names (fer.data.readers.columns), or options name them.
A label is a name or a number. Names of numbers are in the metadata that Hugging Face's `datasets`
writes (ClassLabel).
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer.common.errors import InputError
from fer.data.readers.columns import GROUPS, IMAGES, LABELS, PARTS, Column, Columns, chosen, usual
from fer.data.readers.folder import part_of
from fer.data.readers.table import BATCH, Table


@dataclass(frozen=True)
class Form:
    """The names of a file's columns. part, group: None: the file has none."""

    image: str
    label: str
    part: str | None
    group: str | None


@dataclass(frozen=True)
class Row:
    """A row without its image. `place` continues the path of the source in a message."""

    place: str
    file: str
    label: str | int
    part: int
    group: str


def read_parquet(path: Path, *, columns: Columns = Columns(), group: Column = None) -> Table:
    """The images at `path`, a file or a folder of files, in the order of files and rows.

    columns: the options that name its columns
    group: the column that says whose each image is; None: one with a usual name

    Raises InputError for a file that is no Parquet or lacks a column, or if only some name parts.
    """
    files, forms, rows = _files(path), {}, []
    names: dict[int, str] = {}
    for file, part in files.items():
        with _opened(file) as opened:
            form = forms[file] = _form(file, opened.schema_arrow, columns, group)
            names = names or _class_names(opened.schema_arrow, form.label)
            rows += _rows(file, opened, form, part, "" if file == path else _below(file, path))
    labels = [row.label for row in rows]
    _check_one_kind(path, labels)
    return Table(
        source=str(path),
        files=[row.file for row in rows],
        labels=labels,
        parts=[row.part for row in rows],
        groups=[row.group for row in rows] if any(form.group for form in forms.values()) else None,
        names=names,
        contents=lambda: _contents(forms),
        places=[row.place for row in rows],
    )


def _files(path: Path) -> dict[Path, int]:
    """The files at `path`, sorted, and the part that each is named after, or -1."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no *.parquet in it")
    parts = {file: _part(file, path) for file in files}
    if min(parts.values()) == -1 < max(parts.values()):
        odd = next(file for file, part in parts.items() if part == -1)
        raise InputError(f"{odd}: names no part, but others do; expected a name as train-*.parquet")
    return parts


def _part(file: Path, path: Path) -> int:
    """The part in a file's name (`train-00000-of-00001.parquet`) or folder (`train/0.parquet`), or -1."""
    if file == path:
        return -1
    words = (re.split(r"[-.]", file.name)[0], *file.relative_to(path).parts[:-1])
    return max(part_of(word) for word in words)


def _below(file: Path, path: Path) -> str:
    return f"/{file.relative_to(path).as_posix()}"


def _form(file: Path, schema: Any, columns: Columns, group: Column) -> Form:
    """The columns of a file. Raises InputError if one is missing or unclear."""
    names = schema.names

    def named(option: Column, key: str, likely: Sequence[str], among: Sequence[str]) -> str | None:
        index = chosen(names, option, key=key, place=file)
        if index is not None:
            return names[index]
        index = usual(among, likely)
        return among[index] if index is not None else None

    encoded = [field.name for field in schema if _may_be_images(field.type)]
    image = named(columns.image, "image_column", IMAGES, encoded)
    if image is None and len(encoded) == 1:
        image = encoded[0]
    others = [name for name in names if name != image and name not in encoded]
    label = named(columns.label, "label_column", LABELS, others)
    if label is None and len(others) == 1:
        label = others[0]
    if image is None or label is None:
        raise InputError(
            f"{file}: columns {', '.join(names):.200}; expected encoded images and labels, as image "
            "and label; data.image_column and data.label_column name others"
        )
    part = named(columns.part, "part_column", PARTS, others)
    return Form(image, label, part, named(group, "groups", GROUPS, others))


def _may_be_images(kind: Any) -> bool:
    """Whether a type holds encoded images: bytes, or structs with bytes."""
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind)


def _rows(file: Path, opened: Any, form: Form, part: int, below: str) -> Iterator[Row]:
    """Yield the rows of a file without reading its images."""
    read = {name: _column(opened, name) for name in {form.label, form.part, form.group} - {None}}
    labels = [_label(value) for value in read[form.label]]
    parts = _parts(file, read[form.part], form.part) if form.part is not None else None
    groups = read[form.group] if form.group is not None else [""] * len(labels)
    files = _image_files(opened, form.image, len(labels))
    for row, (label, group, name) in enumerate(zip(labels, groups, files, strict=True)):
        yield Row(f"{below} row {row}", name, label, parts[row] if parts else part, str(group))


def _column(opened: Any, name: str) -> list[Any]:
    return opened.read([name])[name].to_pylist()


def _image_files(opened: Any, image: str, count: int) -> list[str]:
    """The names of image files that structs hold beside the bytes, "" without."""
    kind = opened.schema_arrow.field(image).type
    if not any(field.name == "path" for field in (kind if hasattr(kind, "fields") else ())):
        return [""] * count
    paths = opened.read([f"{image}.path"])[image].to_pylist()
    return [(each or {}).get("path") or "" for each in paths]


def _label(value: Any) -> str | int:
    """A label as the table has it: whole numbers as such, an empty string for none."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else str(value)


def _parts(file: Path, values: Sequence[Any], column: str) -> list[int] | None:
    """The part of each row, or None if the column names none. Raises InputError for an unknown one."""
    parts = [part_of(str(value)) for value in values]
    if all(part < 0 for part in parts):
        return None
    if min(parts) < 0:
        row = parts.index(-1)
        raise InputError(
            f"{file} row {row}: {column} {values[row]!r:.30}, expected train, val or test"
        )
    return parts


def _check_one_kind(path: Path, labels: Iterable[str | int]) -> None:
    words = {label for label in labels if isinstance(label, str)} - {""}
    if words and any(isinstance(label, int) for label in labels):
        raise InputError(
            f"{path}: labels are both strings such as {min(words)!r:.30} and numbers; expected one kind"
        )


def _contents(forms: dict[Path, Form]) -> Iterator[bytes | ValueError]:
    """Yield the encoded images, or what is wrong with one."""
    for file, form in forms.items():
        with _opened(file) as opened:
            for batch in opened.iter_batches(BATCH, columns=[form.image]):
                yield from map(_bytes, batch.column(0).to_pylist())


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a file. Raises InputError, also while it is read, for a fault."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError("data=parquet needs pyarrow: pip install 'fer-lab[parquet]'") from None
    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            yield opened
    except (pyarrow.ArrowException, OSError) as fault:
        line = " ".join(str(fault).split())
        raise InputError(f"{file}: no complete Parquet file ({line:.120})") from None


def _class_names(schema: Any, label: str) -> dict[int, str]:
    """The names of the classes in the schema's metadata (ClassLabel), by label; empty without."""
    written = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        return dict(enumerate(json.loads(written)["info"]["features"][label]["names"]))
    except (ValueError, KeyError, TypeError):
        return {}


def _bytes(image: Any) -> bytes | ValueError:
    """The encoded image in a row, or what is wrong with it."""
    encoded = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(encoded, bytes):
        return ValueError("no image; expected its bytes inside the file")
    return encoded
