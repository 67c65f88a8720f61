"""Images whose labels stand in a list, in a file next to each image, or in their names."""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from fer.common.errors import InputError
from fer.data.labels import are_emotions
from fer.data.readers.columns import (
    GROUPS,
    IMAGES,
    LABELS,
    PARTS,
    Column,
    Columns,
    chosen,
    plain,
    usual,
)
from fer.data.readers.files import Files
from fer.data.readers.folder import SUFFIXES, is_image, part_of
from fer.data.readers.images import Box
from fer.data.readers.lookup import Lookup
from fer.data.readers.rows import JSON_ENDS, Rows, is_number, parse_rows, with_label
from fer.data.readers.table import Table, compiled

# Names of columns that say where a face is, in AffectNet and ExpW.
A_BOX = {f"face{edge}" for edge in ("x", "y", "width", "height")} | {
    f"facebox{edge}" for edge in ("left", "top", "right", "bottom")
}
SAMPLE = 200  # rows that decide what a column is


@dataclass(frozen=True)
class Row:
    """A row of a list.

    file: path of its image, or the name as listed if there is no such image
    fault: what is wrong with it; None: nothing
    """

    file: str
    label: str = ""
    part: int = -1
    group: str | None = None
    fault: ValueError | None = None
    box: Box | None = None


def are_label_files(names: Sequence[str]) -> bool:
    """Whether data.labels is a pattern of a label file an image, and no list."""
    return len(names) == 1 and "*" in names[0] and not names[0].endswith((".csv", ".tsv"))


def read_lists(
    files: Files,
    lists: Sequence[str],
    *,
    columns: Columns = Columns(),
    group: str | None = None,
    pattern: str | None = None,
) -> Table:
    """The images that lists name, with the lists' labels, in their order.

    files: the files of the set; a list is looked for in the current directory, then among them
    columns: the columns of image, label and part; else usual names and the fields tell them
    group: the column that says whose each image is; None: one with a usual name
    pattern: regular expression that finds person and part in the images' paths (`read_names`)

    Raises InputError for a list that is missing, or whose columns are unclear.
    """
    images = [name for name in files.names if is_image(name)]
    if not images:
        raise InputError(f"{files.source}: no images ({' '.join(SUFFIXES)})")
    lookup, rows, notes = Lookup(images), [], []
    for name in lists:
        listed = parse_rows(*_list(files, name), is_image=is_image)
        if columns.label is None:
            listed = with_label(listed)
        form = _Form(listed, lookup, columns, group)
        rows += form.rows(lookup)
        notes.append(form.note())
    unlisted = sorted(set(images) - {row.file for row in rows})
    if unlisted:
        notes.append(f"images that no row lists: {len(unlisted):,}, such as {unlisted[0]}")
    return _table(files, named(rows, pattern), notes)


def _list(files: Files, name: str) -> tuple[str, bytes]:
    """The path and the content of a list, from the current directory or the set itself."""
    if Path(name).is_file():
        return name, Path(name).read_bytes()
    tail = PurePosixPath(name).parts
    inside = [each for each in files.names if PurePosixPath(each).parts[-len(tail) :] == tail]
    if len(inside) != 1:
        found = f"several in it: {', '.join(inside[:3])}" if inside else f"none in {files.source}"
        raise InputError(f"data.labels: no file {Path(name).absolute()}, and {found}")
    return f"{files.source}/{inside[0]}", files.content(inside[0])


class _Form:
    """What the columns of a list mean. Raises InputError where that is unclear."""

    def __init__(self, rows: Rows, lookup: Lookup, columns: Columns, group: str | None) -> None:
        self.listed = rows
        names, place = rows.columns, rows.name
        self.group = chosen(names, group, key="groups", place=place)
        if self.group is None and rows.headed:
            self.group = usual(names, GROUPS)
        self.part = chosen(names, columns.part, key="part_column", place=place)
        self.image = chosen(names, columns.image, key="image_column", place=place)
        self.label = chosen(names, columns.label, key="label_column", place=place)
        self.box = [chosen(names, column, key="box_columns", place=place) for column in columns.box]
        if self.image is None:
            self.image = self._image_column(lookup)
        if self.part is None:
            self.part = self._part_column()
        if self.label is None:
            self.label = self._label_column()

    def _sample(self, column: int) -> list[str]:
        """Fields of a column, evenly spaced, without empty ones."""
        fields = [field for field in self.listed.column(column) if field]
        return fields[:: max(1, len(fields) // SAMPLE)]

    def _image_column(self, lookup: Lookup) -> int:
        """The column of images: by suffixes, else by its name, else the one that names most images.

        Raises InputError if it names none.
        """
        columns = range(len(self.listed.columns))
        hits = [sum(_exists(lookup, field) for field in self._sample(each)) for each in columns]
        suffixed = [each for each in columns if _most(map(is_image, self._sample(each)))]
        likely = usual(self.listed.columns, IMAGES)
        named = [likely] if likely is not None and hits[likely] else columns
        best = max(suffixed or named, key=lambda each: (hits[each], each == likely))
        if hits[best] == 0:
            raise InputError(
                f"{self.listed.name} line {self.listed.lines[0]}: no field names an image that is in "
                f"data.path ({', '.join(self.listed.cells[0]):.80}); name the folder of the images "
                "with data.path, and their column with data.image_column"
            )
        return best

    def _part_column(self) -> int | None:
        """The column of parts: by its name where it has parts, else by its fields; None without."""
        if self.listed.headed and (likely := usual(self.listed.columns, PARTS)) is not None:
            return likely if any(part_of(field) >= 0 for field in self._sample(likely)) else None
        for column in range(len(self.listed.columns)):
            fields = self._sample(column) if column != self.image else []
            if fields and all(part_of(field) >= 0 for field in fields):
                return column
        return None

    def _label_column(self) -> int:
        """The column of labels, by its name, or the only one left, or the only one with emotions."""
        if self.listed.headed and (likely := usual(self.listed.columns, LABELS)) is not None:
            return likely
        taken = (self.image, self.part, self.group)
        left = [column for column in range(len(self.listed.columns)) if column not in taken]
        if len(left) > 1:
            emotions = [column for column in left if are_emotions(self._sample(column) or ["?"])]
            left = emotions or left
        if len(left) != 1:
            names = ", ".join(self.listed.columns)
            row = ", ".join(self.listed.cells[0])
            raise InputError(
                f"{self.listed.name} line {self.listed.lines[0]}: which column is the label? name it "
                f"with data.label_column: {names:.120} ({row:.80})"
            )
        return left[0]

    def rows(self, lookup: Lookup) -> Iterator[Row]:
        """Yield each row with the path of its image."""
        whole = max(
            part_of(word) for word in re.split(r"[-_.]", PurePosixPath(self.listed.name).name)
        )
        for line, cells in zip(self.listed.lines, self.listed.cells, strict=True):
            yield self._row(lookup, f"{self.listed.name} line {line}", cells, whole)

    def _row(self, lookup: Lookup, place: str, cells: Sequence[str], part: int) -> Row:
        def field(column: int | None) -> str:
            return cells[column].strip() if column is not None and column < len(cells) else ""

        listed, label = field(self.image), field(self.label)
        group = None if self.group is None else field(self.group)
        file = None
        try:
            if self.part is not None:
                part = part_of(field(self.part))
            file = lookup.find(listed, part=part)
            if file is None:
                raise ValueError("no such image")
            if self.part is not None and part < 0:
                raise ValueError(f"part {field(self.part)!r:.30}, expected train, val or test")
            if not label:
                raise ValueError("no label")
            box = self._box([field(column) for column in self.box])
        except ValueError as fault:
            return Row(file or listed, label, part, group, ValueError(f"{fault} ({place})"))
        return Row(file, label, part, group, box=box)

    def _box(self, fields: Sequence[str]) -> Box | None:
        """The box in a row; None without columns of boxes. Raises ValueError for what is no box."""
        if not fields:
            return None
        try:
            left, top, right, bottom = (round(float(field)) for field in fields)
        except ValueError:
            raise ValueError(f"box {', '.join(fields)}, expected four numbers") from None
        if plain(self.listed.columns[self.box[2]]).endswith(("w", "width")):
            right, bottom = left + right, top + bottom
        return left, top, right, bottom

    def note(self) -> str:
        """What was taken for what."""
        found = {"image": self.image, "label": self.label, "part": self.part, "group": self.group}
        kind = "" if self.listed.headed else "number "
        told = [
            f"{what} {kind}{self.listed.columns[column]}"
            for what, column in found.items()
            if column is not None
        ]
        seems = [name for name in self.listed.columns if plain(name) in A_BOX and not self.box]
        hint = f"; {', '.join(seems)}: data.box_columns crops to such boxes" if seems else ""
        return f"columns of {self.listed.name}: {', '.join(told)}{hint}"


def _most(answers: Iterable[bool]) -> bool:
    """Whether most answers are yes."""
    given = list(answers)
    return sum(given) * 2 > len(given)


def _exists(lookup: Lookup, field: str) -> bool:
    try:
        return lookup.find(field) is not None
    except ValueError:  # several
        return True


def read_label_files(
    files: Files, paths: str, *, label: Column = None, pattern: str | None = None
) -> Table:
    """The images that have a label file each, such as `0.cls` or `annotations/0_exp.npy`.

    paths: paths of the label files below any folder; the last * is the image's name without suffix
    label: the key of the label in JSON; None: a usual one
    pattern: regular expression that finds person and part in the images' paths (`read_names`)

    Images without a label file are left out and counted.

    Raises InputError if no file fits.
    """
    glob = _glob(paths)
    found = [(match["stem"], name) for name in files.names if (match := glob.fullmatch(name))]
    if not found:
        raise InputError(f"data.labels: no file {paths} in {files.source}")
    by_stem: dict[str, list[str]] = {}
    for name in filter(is_image, files.names):
        by_stem.setdefault(PurePosixPath(name).stem, []).append(name)
    contents = files.contents(name for _, name in found)
    rows = []
    for (stem, name), content in zip(found, contents, strict=True):
        images = _nearest(name, by_stem.get(stem, []))
        try:
            if len(images) != 1:
                raise ValueError(f"{len(images)} images of this name, expected one")
            rows.append(Row(images[0], label_in(name, content, label)))
        except ValueError as fault:
            file = images[0] if images else name
            rows.append(Row(file, fault=ValueError(f"{fault} ({name})")))
    rows.sort(key=lambda row: PurePosixPath(row.file))
    total = sum(map(len, by_stem.values()))
    left = total - len({row.file for row in rows})
    notes = [f"images without a label file {paths}: {left:,} of {total:,}"] if left else []
    return _table(files, named(rows, pattern), notes)


def _glob(pattern: str) -> re.Pattern[str]:
    """A regular expression for a path below any folder; the last * is called stem."""
    head, _, tail = pattern.rpartition("*")
    before = ".*".join("[^/]*".join(map(re.escape, each.split("*"))) for each in head.split("**"))
    return re.compile(f"(?:.*/)?{before}(?P<stem>[^/]*){re.escape(tail)}")


def _nearest(name: str, images: Sequence[str]) -> list[str]:
    """The images that share the most folders with a label file, from the top."""
    folders = name.split("/")[:-1]

    def shared(image: str) -> int:
        return sum(
            1
            for index in range(len(folders))
            if image.split("/")[: index + 1] == folders[: index + 1]
        )

    most = max(map(shared, images), default=0)
    return [image for image in images if shared(image) == most]


def label_in(name: str, content: bytes | ValueError, key: Column) -> str:
    """The label in a label file: a NumPy array, JSON, or text. Raises ValueError without one."""
    if isinstance(content, ValueError):
        raise content
    if name.endswith(".npy"):
        value = np.load(io.BytesIO(content), allow_pickle=False)
        if value.size != 1:
            raise ValueError(f"an array of {value.size} numbers, expected one label")
        return str(value.item())
    if name.endswith(JSON_ENDS):
        rows = parse_rows(name, content, is_image=is_image)
        column = chosen(rows.columns, key, key="label_column", place=name)
        column = usual(rows.columns, LABELS) if column is None else column
        if column is None:
            raise ValueError(f"no label among {', '.join(rows.columns)}")
        return rows.cells[0][column]
    line = content.decode("utf-8-sig", errors="replace").strip().split("\n")[0].strip()
    if not line:
        raise ValueError("no label")
    first = line.split()[0]
    return first if is_number(first) else line


def read_names(files: Files, pattern: str) -> Table:
    """The images whose labels a regular expression finds in their paths.

    pattern: has a group `label`, or one group without a name, and may have `person` (or `group`) and
        `part`

    Images whose paths do not fit are left out and counted.

    Raises InputError for an expression that is none, that finds no label, or that fits no image.
    """
    found = expression(pattern)
    images = [name for name in files.names if is_image(name)]
    fitting = {name: match for name in images if (match := found.search(name))}
    others = [name for name in images if name not in fitting]
    if not fitting:
        shown = f"such as {images[0]}" if images else "none"
        raise InputError(
            f"data.pattern: {pattern} fits no image of {files.source} ({len(images):,}, {shown})"
        )
    notes = []
    if others:
        notes.append(
            f"images that do not fit data.pattern: {len(others):,} of {len(images):,}, "
            f"such as {others[0]}"
        )
    rows = [Row(name, label_of(match)) for name, match in fitting.items()]
    return _table(files, named(rows, pattern), notes)


def label_of(match: re.Match[str]) -> str:
    """The label that a pattern has found: its group `label`, or its only group."""
    return match["label"] if "label" in match.re.groupindex else match[1]


def named(rows: Sequence[Row], pattern: str | None) -> list[Row]:
    """The rows with the person and the part that a pattern finds in their paths.

    A path that does not fit is a bad row.
    """
    if pattern is None:
        return list(rows)
    found = expression(pattern, needs_label=False)
    return [_named(row, found) for row in rows]


def _named(row: Row, found: re.Pattern[str]) -> Row:
    match = found.search(row.file)
    if match is None or row.fault is not None:
        fault = row.fault or ValueError(f"does not fit data.pattern {found.pattern}")
        return replace(row, fault=fault)
    words = match.groupdict()
    if "person" in words or "group" in words:
        row = replace(row, group=words.get("person") or words.get("group") or "")
    if "part" not in words:
        return row
    part = part_of(words["part"] or "")
    fault = (
        None if part >= 0 else ValueError(f"part {words['part']!r:.30} is no train, val or test")
    )
    return replace(row, part=part, fault=fault)


def expression(pattern: str, *, needs_label: bool = True) -> re.Pattern[str]:
    """A regular expression for names. Raises InputError for one without a label, where it needs one."""
    found = compiled(pattern, key="pattern")
    finds_label = "label" in found.groupindex or (not found.groupindex and found.groups == 1)
    if needs_label and not finds_label:
        raise InputError(
            f"data.pattern: {pattern} has no group for the label; expected (?P<label>...), and "
            "(?P<person>...) and (?P<part>...) where names have them"
        )
    return found


def _table(files: Files, rows: Sequence[Row], notes: Sequence[str]) -> Table:
    """The rows as a table. Without parts of their own, folders or beginnings of names tell them."""
    parts = [row.part for row in rows]
    if all(part < 0 for part in parts):
        parts = parts_in([row.file for row in rows])
    grouped = any(row.group is not None for row in rows)
    return Table(
        source=str(files.source),
        files=[row.file for row in rows],
        labels=as_numbers([row.label for row in rows]),
        parts=parts,
        groups=[row.group or "" for row in rows] if grouped else None,
        names={},
        contents=lambda: _contents(files, rows),
        notes=tuple(notes),
        boxes=[row.box for row in rows] if any(row.box for row in rows) else None,
    )


def _contents(files: Files, rows: Sequence[Row]) -> Iterator[bytes | ValueError]:
    found = files.contents(row.file for row in rows if row.fault is None)
    for row in rows:
        yield next(found) if row.fault is None else row.fault


def parts_in(names: Sequence[str]) -> list[int]:
    """The part of each path: a folder in it, or its name's beginning (train_1.jpg); else -1 for all."""
    tellers: tuple[Callable[[str], int], ...] = (
        lambda name: max(map(_part_of_folder, name.split("/")[:-1]), default=-1),
        lambda name: part_of(re.split(r"[-_. ]|\d", PurePosixPath(name).name)[0]),
    )
    for teller in tellers:
        parts = [teller(name) for name in names]
        if parts and min(parts) >= 0:
            return parts
    return [-1] * len(names)


def _part_of_folder(name: str) -> int:
    """The part of a folder or shard: train, train_set, train-000000.tar."""
    return max(part_of(name), part_of(re.split(r"[-.]", name)[0]))


def as_numbers(labels: Sequence[str]) -> list[str | int]:
    """The labels as whole numbers if all are, such as 3 and 3.0; else as they are."""
    given = [label for label in labels if label]
    if not given or not all(is_number(label) and float(label).is_integer() for label in given):
        return list(labels)
    return [int(float(label)) if label else "" for label in labels]
