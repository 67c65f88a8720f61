"""FER2013's csv in its editions: Kaggle's, the lab's with additional planes, and other people's.

The columns are `emotion,pixels,Usage` in any order, under these or other usual names
(fer.data.readers.columns). `pixels` holds size * size numbers, or k times as many: the original and
k - 1 computed planes, as in the lab's fer2021.csv. Its wide edition has a column per plane. Computed
planes are not read, because fer.data.planes computes them again.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import isqrt
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces, pixel_hashes
from fer.data.labels import CONTEMPT, EMOTIONS, arrange, canonical
from fer.data.planes import PLANES
from fer.data.readers.archives import PREFERRED, Table, open_table
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.columns import LABELS, PARTS, PIXELS, Columns, chosen, usual
from fer.data.readers.files import files_below
from fer.data.readers.folder import part_of
from fer.data.readers.pixels import AS_SPACES, SIDE, count_outside, parse, parse_block, shown

USAGES = {"Training": 0, "PublicTest": 1, "PrivateTest": 2}  # indices into PARTS
PART_OF = {usage.encode(): part for usage, part in USAGES.items()}
_COMPUTED = set(PLANES) - {"original"}
A_PIXEL = re.compile(r"(pixel|px|p|x|v)?[ _]?\d+", re.IGNORECASE)  # a column that holds one pixel
BLOCK = 32  # rows per step: few enough for the working arrays to stay in a core's cache

Line = tuple[int, list[bytes]]  # its number in the file, its fields
Row = tuple[int, int, np.ndarray]  # label, part, image uint8 [48, 48]


def read_csv(
    path: Path,
    *,
    names: tuple[str, ...] = EMOTIONS,
    size: int = SIDE,
    columns: Columns = Columns(),
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """The faces of a csv in row order. Parts are from the column Usage, -1 without it.

    path: the csv, plain or in an archive
    names: names of the labels 0, 1, ...
    size: side of its images in pixels
    columns: names of its columns
    on_bad_row: raise, or skip, which leaves bad rows out; the others keep their row numbers

    Raises InputError with file, line and fault. A good row has size * size whole numbers from 0 to
    255, the number of an emotion or its name, and a known Usage.
    """
    with open_table(path, wanted=lambda names: _fault(names, columns) is None) as table:
        form, bad = _Form(table, columns, names, size), BadRows(on_bad_row, table.name)
        blocks = list(_blocks(table, form, bad))
    if not blocks:
        raise InputError(f"{table.name}: no rows after the header; expected one face per row")
    rows, labels, parts, images = (np.concatenate(each) for each in zip(*blocks, strict=True))
    labelling = arrange(names)
    index = np.array([labelling.index[name] for name in names])
    return Faces(
        images=images,
        labels=index[labels],
        parts=parts,
        hashes=pixel_hashes(images),
        rows=rows,
        classes=labelling.classes,
        source=str(path),
        notes=bad.notes(len(rows)) + form.notes(),
    )


def find_csv(folder: Path, names: Sequence[str] = PREFERRED) -> Path | None:
    """The file in a folder that is called as one of `names`, else its only csv; None without."""
    files = sorted(file for file in files_below(folder) if not file.name.startswith("."))
    known = (file for name in names for file in files if file.name.lower() == name)
    tables = [file for file in files if file.suffix.lower() == ".csv"]
    return next(known, tables[0] if len(tables) == 1 else None)


def _blocks(table: Table, form: "_Form", bad: BadRows) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield row numbers, labels, parts and images of each block of rows."""
    lines, start = table.rows(), 0
    with tqdm(desc=f"reading {table.name}", unit="row", delay=2, disable=None) as bar:
        while block := list(itertools.islice(lines, BLOCK)):
            numbers = np.arange(start, start + len(block))
            start += len(block)
            yield form.plain_rows(block, numbers) or form.checked_rows(block, numbers, bad)
            bar.update(len(block))


class _Form:
    """The columns of a csv, and how to read its rows. Raises InputError for unsuitable columns.

    labels: names of the labels 0, 1, ...
    side: side of the images in pixels
    """

    def __init__(self, table: Table, names: Columns, labels: tuple[str, ...], side: int) -> None:
        columns, place = table.columns, table.name
        if fault := _fault(columns, names):
            found = f"the header is {table.header[:60]!r}" if table.header else "the file is empty"
            raise InputError(f"{place}: {found}; {fault}")
        self.width, self.labels, self.side = len(columns), labels, side
        label = chosen(columns, names.label, key="label_column", place=place)
        self.emotion = usual(columns, LABELS) if label is None else label
        self.usage = chosen(columns, names.part, key="part_column", place=place)
        if self.usage is None:
            self.usage = usual(columns, PARTS)
        image = chosen(columns, names.image, key="image_column", place=place)
        self.original = usual(columns, PIXELS) if image is None else image
        self.pixels = _pixel_columns(columns) if self.original is None else []
        self.computed = [columns.index(name) for name in columns if name in _COMPUTED]
        # Number of planes in the original's column, from the first row.
        self.stacked: int | None = None
        self.outside = 0  # number of values of computed planes outside 0-255

    def plain_rows(self, block: Sequence[Line], numbers: np.ndarray) -> tuple | None:
        """A block of rows in FER2013's usual form, read at once; None if a row has another form."""
        if self.computed or (self.stacked or 1) > 1:
            return None
        try:
            labels = [_label(fields[self.emotion], self.labels) for _, fields in block]
            parts = [self._part(fields) for _, fields in block]
            images = parse_block([self._text(fields) for _, fields in block], side=self.side)
        except (ValueError, IndexError):
            return None
        if images is None:
            return None
        self.stacked = 1
        return _arrays(numbers, labels, parts, images)

    def checked_rows(self, block: Sequence[Line], numbers: np.ndarray, bad: BadRows) -> tuple:
        """A block of rows, read one by one. Bad rows go to `bad`."""
        good = []
        for number, (line, fields) in zip(numbers, block, strict=True):
            try:
                good.append((number, *self._row(fields)))
            except ValueError as fault:
                bad.add(f" line {line}", fault)
        if not good:
            return _arrays([], [], [], np.empty((0, self.side, self.side), np.uint8))
        return _arrays(*zip(*good, strict=True))

    def _row(self, fields: list[bytes]) -> Row:
        if len(fields) < self.width:
            raise ValueError(f"{len(fields)} columns, expected {self.width}: is the file cut off?")
        return _label(fields[self.emotion], self.labels), self._part(fields), self._image(fields)

    def _part(self, fields: list[bytes]) -> int:
        return -1 if self.usage is None else _part(fields[self.usage])

    def _text(self, fields: list[bytes]) -> bytes:
        """The numbers of the original plane, which may have a column each."""
        if self.original is not None:
            return fields[self.original]
        return b" ".join([fields[column] for column in self.pixels])

    def _image(self, fields: list[bytes]) -> np.ndarray:
        """The original plane. Values of computed planes are only checked and counted."""
        pixels, count = self._text(fields).translate(AS_SPACES), self.side * self.side
        if self.stacked is None:
            self.stacked = _planes(len(pixels.split()), self.side)
        if self.stacked > 1:
            computed = (pixels.split(None, count)[count:] or [b""])[0]
            image = parse(pixels[: len(pixels) - len(computed)], side=self.side)
            self.outside += count_outside(computed, planes=self.stacked - 1, side=self.side)
        else:
            image = parse(pixels, side=self.side)
        for column in self.computed:
            self.outside += count_outside(fields[column], planes=1, side=self.side)
        return image

    def notes(self) -> tuple[str, ...]:
        """Sentences about planes that were not read and a missing column Usage."""
        computed = len(self.computed) + (self.stacked or 1) - 1
        notes = []
        if computed:
            notes.append(
                f"computed planes not read: {computed} (data.channels computes them again); "
                f"{self.outside:,} of their values are outside 0-255"
            )
        if self.usage is None:
            notes.append("no column Usage: the file names no parts")
        return tuple(notes)


def _arrays(numbers, labels, parts, images) -> tuple[np.ndarray, ...]:
    return (
        np.array(numbers, dtype=np.int64),
        np.array(labels, dtype=np.int64),
        np.array(parts, dtype=np.int8),
        np.asarray(images),
    )


def _planes(count: int, side: int) -> int:
    """The number of planes in `count` numbers; 1 where they are none, or one image of another side."""
    planes, rest = divmod(count, side * side)
    return planes if planes and not rest and isqrt(planes) ** 2 != planes else 1


@lru_cache(maxsize=1024)
def _label(field: bytes, names: tuple[str, ...]) -> int:
    """The number of a label from its number or name. Raises ValueError for another."""
    text = field.decode(errors="replace")
    name = canonical(text)
    try:
        number = float(text)
    except ValueError:
        meant = [canonical(name) for name in names]
        number = meant.index(name) if name in meant else -1
    if number not in range(len(names)):
        hint = "; data.names names more" if number == len(names) or name == CONTEMPT else ""
        raise ValueError(f"emotion {shown(field)}, expected 0 to {len(names) - 1}{hint}")
    return int(number)


@lru_cache(maxsize=1024)
def _part(field: bytes) -> int:
    """The part that a field of Usage names, as an index into PARTS. Raises ValueError for another."""
    part = part_of(field.decode(errors="replace"))
    if part < 0:
        raise ValueError(f"Usage {shown(field)}, expected {', '.join(USAGES)}")
    return part


def _pixel_columns(columns: Sequence[str]) -> list[int]:
    """The indices of the columns that hold one pixel each, by their names."""
    return [index for index, name in enumerate(columns) if A_PIXEL.fullmatch(name)]


def _fault(columns: Sequence[str], names: Columns) -> str | None:
    """Why a csv with these columns cannot be used; None if it can."""
    several = len(_pixel_columns(columns)) > SIDE
    has_pixels = names.image is not None or usual(columns, PIXELS) is not None or several
    has_labels = names.label is not None or usual(columns, LABELS) is not None
    if not has_pixels and not _COMPUTED.isdisjoint(columns):
        return "expected a column `original` or `pixels`, from which planes are computed"
    if has_pixels and not has_labels:
        return (
            "no column `emotion`; training needs labels, which Kaggle's test.csv lacks "
            "(data.label_column names another column)"
        )
    if not has_pixels and has_labels:
        return (
            "expected the columns emotion,pixels,Usage; a list of image files needs data=folder "
            "data.path=FOLDER data.labels=FILE"
        )
    return None if has_pixels else "expected the columns emotion,pixels,Usage"
