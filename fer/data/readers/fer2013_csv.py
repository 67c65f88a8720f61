"""FER2013's csv in its editions: Kaggle's, and the lab's with additional planes.

The columns are `emotion,pixels,Usage` in any order. `pixels` holds 2,304 numbers, or k times as many:
the original and k - 1 computed planes, as in the lab's fer2021.csv. Its wide edition has a column per
plane. Computed planes are not read, because fer.data.planes computes them again.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces, pixel_hashes
from fer.data.labels import ALIASES, EMOTIONS, canonical
from fer.data.planes import PLANES
from fer.data.readers.archives import Table, open_table
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.pixels import COUNT, SIDE, count_outside, parse, parse_block, shown

USAGES = {"Training": 0, "PublicTest": 1, "PrivateTest": 2}  # indices into PARTS
PART_OF = {usage.encode(): part for usage, part in USAGES.items()}
LABELS = {str(index).encode(): index for index in range(len(EMOTIONS))} | {
    name.encode(): EMOTIONS.index(canonical(name)) for name in (*EMOTIONS, *ALIASES)
}
_COMPUTED = set(PLANES) - {"original"}
BLOCK = 32  # rows per step: few enough for the working arrays to stay in a core's cache

Line = tuple[int, list[bytes]]  # its number in the file, its fields
Row = tuple[int, int, np.ndarray]  # label, part, image uint8 [48, 48]


def read_csv(path: Path, *, on_bad_row: OnBadRow = "raise") -> Faces:
    """The faces of a csv in row order. Parts are from the column Usage, -1 without it.

    path: the csv, plain or in an archive
    on_bad_row: raise, or skip, which leaves bad rows out; the others keep their row numbers

    Raises InputError with file, line and fault. A good row has 2,304 whole numbers from 0 to 255, an
    emotion from 0 to 6 or its name, and a known Usage.
    """
    with open_table(path, wanted=lambda columns: _fault(columns) is None) as table:
        form, bad = _Form(table), BadRows(on_bad_row, table.name)
        blocks = list(_blocks(table, form, bad))
    if not blocks:
        raise InputError(f"{table.name}: no rows after the header; expected one face per row")
    rows, labels, parts, images = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return Faces(
        images=images,
        labels=labels,
        parts=parts,
        hashes=pixel_hashes(images),
        rows=rows,
        classes=EMOTIONS,
        source=str(path),
        notes=bad.notes(len(rows)) + form.notes(),
    )


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
    """The columns of a csv, and how to read its rows. Raises InputError for unsuitable columns."""

    def __init__(self, table: Table) -> None:
        columns = table.columns
        if fault := _fault(columns):
            found = f"the header is {table.header[:60]!r}" if table.header else "the file is empty"
            raise InputError(f"{table.name}: {found}; {fault}")
        original = "original" if "original" in columns else "pixels"
        self.width = len(columns)
        self.emotion, self.original = columns.index("emotion"), columns.index(original)
        self.usage = columns.index("usage") if "usage" in columns else None
        self.computed = [columns.index(name) for name in columns if name in _COMPUTED]
        # Number of planes in the original's column, from the first row.
        self.stacked: int | None = None
        self.outside = 0  # number of values of computed planes outside 0-255

    def plain_rows(self, block: Sequence[Line], numbers: np.ndarray) -> tuple | None:
        """A block of rows in FER2013's usual form, read at once; None if a row has another form."""
        if self.computed or (self.stacked or 1) > 1:
            return None
        try:
            labels = [LABELS[fields[self.emotion]] for _, fields in block]
            parts = [self._part(fields) for _, fields in block]
            images = parse_block([fields[self.original] for _, fields in block])
        except (ValueError, KeyError, IndexError):
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
            return _arrays([], [], [], np.empty((0, SIDE, SIDE), np.uint8))
        return _arrays(*zip(*good, strict=True))

    def _row(self, fields: list[bytes]) -> Row:
        if len(fields) < self.width:
            raise ValueError(f"{len(fields)} columns, expected {self.width}: is the file cut off?")
        emotion = fields[self.emotion]
        label = LABELS.get(emotion.lower())
        if label is None:
            raise ValueError(f"emotion {shown(emotion)}, expected 0 to {len(EMOTIONS) - 1}")
        return label, self._part(fields), self._image(fields)

    def _part(self, fields: list[bytes]) -> int:
        if self.usage is None:
            return -1
        part = PART_OF.get(fields[self.usage])
        if part is None:
            raise ValueError(f"Usage {shown(fields[self.usage])}, expected {', '.join(USAGES)}")
        return part

    def _image(self, fields: list[bytes]) -> np.ndarray:
        """The original plane. Values of computed planes are only checked and counted."""
        pixels = fields[self.original]
        if self.stacked is None:
            planes, rest = divmod(len(pixels.split()), COUNT)
            self.stacked = planes if planes and not rest else 1
        if self.stacked > 1:
            computed = (pixels.split(None, COUNT)[COUNT:] or [b""])[0]
            image = parse(pixels[: len(pixels) - len(computed)])
            self.outside += count_outside(computed, planes=self.stacked - 1)
        else:
            image = parse(pixels)
        for column in self.computed:
            self.outside += count_outside(fields[column], planes=1)
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


def _fault(columns: Sequence[str]) -> str | None:
    """Why a csv with these columns cannot be used; None if it can."""
    has_pixels = not {"original", "pixels"}.isdisjoint(columns)
    if not has_pixels and not _COMPUTED.isdisjoint(columns):
        return "expected a column `original` or `pixels`, from which planes are computed"
    if has_pixels and "emotion" not in columns:
        return "no column `emotion`; training needs labels, which Kaggle's test.csv lacks"
    return None if has_pixels else "expected the columns emotion,pixels,Usage"
