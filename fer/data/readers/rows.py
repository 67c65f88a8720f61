"""Parse a list with a row per image: csv, tsv, text with blanks, JSON or JSON lines."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fer.common.errors import InputError
from fer.data.readers.columns import IMAGES, LABELS, usual

SAMPLE = 100  # rows that decide about the separator
REGULAR = 0.9  # fraction of rows with the same number of fields, for a separator to be one
SEPARATORS = "\t,;|"
JSON_ENDS = (".json", ".jsonl", ".ndjson")

ONE_HOT = ({"0", "1"}, {"0.0", "1.0"}, {"0"}, {"0.0"})  # fields of a column that marks a class

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The rows of a list.

    name: its path, for messages
    columns: their names; without a header, their numbers from 1
    cells: the fields of each row
    lines: the line of each row, from 1
    headed: whether the list has a header
    """

    name: str
    columns: Cells
    cells: Sequence[Cells]
    lines: Sequence[int]
    headed: bool

    def column(self, index: int) -> list[str]:
        """The fields of a column; empty ones where a row is too short."""
        return [row[index].strip() if index < len(row) else "" for row in self.cells]


def parse_rows(name: str, content: bytes, *, is_image: Callable[[str], bool]) -> Rows:
    """The rows of a list. Its suffix tells JSON from text, its rows tell the separator.

    name: its path, for messages
    is_image: whether a field names an image, which no header does

    Raises InputError for a list without rows or columns.
    """
    text = _decoded(name, content)
    if name.lower().endswith(JSON_ENDS):
        return _from_json(name, text)
    numbered = _split(text)
    if not numbered:
        raise InputError(f"{name}: no rows; expected an image and its label in each")
    lines, cells = zip(*numbered, strict=True)
    width = max(len(row) for row in cells)
    if width < 2:
        raise InputError(
            f"{name} line {lines[0]}: one column {cells[0][0]!r:.60}, expected an image and its label"
        )
    if _is_header(cells[0], is_image):
        return Rows(name, cells[0], cells[1:], lines[1:], headed=True)
    return Rows(name, tuple(map(str, range(1, width + 1))), cells, lines, headed=False)


def with_label(rows: Rows) -> Rows:
    """The rows with a column `label` instead of a column a class that holds 1 in its rows, else 0.

    Rows without such columns, or with a column of labels, come back as they are.
    """
    columns = range(len(rows.columns))
    marks = [each for each in columns if set(rows.column(each)) in ONE_HOT]
    if not rows.headed or len(marks) < 2 or usual(rows.columns, LABELS) is not None:
        return rows
    marked = [[each for each in marks if float(row[each] or 0)] for row in rows.cells]
    if sum(len(found) == 1 for found in marked) < REGULAR * len(marked):
        return rows
    kept = [each for each in columns if each not in marks]
    labels = [rows.columns[found[0]].strip() if len(found) == 1 else "" for found in marked]
    cells = [
        (*(row[each] for each in kept), label)
        for row, label in zip(rows.cells, labels, strict=True)
    ]
    return replace(rows, columns=(*(rows.columns[each] for each in kept), "label"), cells=cells)


def _decoded(name: str, content: bytes) -> str:
    if content.startswith(b"PK\x03\x04"):
        raise InputError(f"{name}: an archive or a spreadsheet, expected a list; save it as csv")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _split(text: str) -> list[tuple[int, Cells]]:
    """The line and the fields of each row that is not blank."""
    sample = "\n".join(line for line in text.splitlines() if line.strip())
    separator = _separator(sample.split("\n")[:SAMPLE])
    if separator is None:
        rows = ((number, line.split()) for number, line in enumerate(text.splitlines(), start=1))
    else:
        reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        rows = ((reader.line_num, row) for row in reader)
    return [(line, tuple(row)) for line, row in rows if any(field.strip() for field in row)]


def _separator(lines: Sequence[str]) -> str | None:
    """The mark that makes most fields of almost all lines alike; None for blanks."""
    best, most = None, 1
    for mark in SEPARATORS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=mark))
        width, count = widths.most_common(1)[0]
        if width > most and count >= REGULAR * widths.total():
            best, most = mark, width
    return best


def _is_header(first: Cells, is_image: Callable[[str], bool]) -> bool:
    """Whether a first row names columns: it names usual ones, or neither an image nor a number."""
    if usual(first, LABELS) is not None and usual(first, IMAGES) is not None:
        return True
    return not any(is_image(field) or is_number(field) for field in first)


def is_number(field: str) -> bool:
    """Whether a field is a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def _from_json(name: str, text: str) -> Rows:
    """The rows of JSON: an object a line, a list of objects, or an object of labels by image."""
    try:
        records, lines = _records(text)
    except ValueError as fault:
        raise InputError(f"{name}: no JSON ({fault})") from None
    objects = [each for each in records if isinstance(each, dict)]
    if not objects or len(objects) != len(records):
        raise InputError(f"{name}: expected objects with an image and its label")
    columns = tuple(dict.fromkeys(key for each in objects for key in each))
    cells = [tuple(_text(each.get(key)) for key in columns) for each in objects]
    return Rows(name, columns, cells, lines, headed=True)


def _records(text: str) -> tuple[list[Any], list[int]]:
    """The records of JSON or JSON lines, and the line or number of each."""
    try:
        whole = json.loads(text)
    except ValueError:
        numbered = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        return [json.loads(line) for _, line in numbered], [number for number, _ in numbered]
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list)]
        if len(lists) == 1:
            whole = lists[0]
        elif not any(isinstance(value, (dict, list)) for value in whole.values()):
            whole = [{"image": image, "label": label} for image, label in whole.items()]
        else:
            whole = [whole]
    records = whole if isinstance(whole, list) else [whole]
    return records, list(range(1, len(records) + 1))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
