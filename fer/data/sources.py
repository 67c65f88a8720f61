"""The sources of faces: a data module for each option of `data=`."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Interval, MinLen
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.config.instantiate import build_node
from fer.data import drawn, writers
from fer.data.cache import cache_folder, cached
from fer.data.faces import PARTS, Faces
from fer.data.labels import CONTEMPT, EMOTIONS, arrange, canonical
from fer.data.module import FaceData
from fer.data.readers import ferplus, lists
from fer.data.readers import table as tables
from fer.data.readers.archives import PREFERRED
from fer.data.readers.bad_rows import OnBadRow
from fer.data.readers.columns import Column, Columns
from fer.data.readers.fer2013_csv import find_csv, read_csv
from fer.data.readers.files import files_of
from fer.data.readers.folder import read_folder
from fer.data.readers.parquet import read_parquet
from fer.data.readers.pixels import SIDE
from fer.data.readers.table import Table

# Names of cache entries. Raise a number when its reader returns other faces for the same file.
CSV, TABLE = "csv3", "table1"
# The fingerprint of FER2013, and the number of rows of its parts in their order.
FER2013_FACES = "c7cffc84059702327247a73e8a5bd642914d533ab0c34d141eb01ca08edda6c0"
FER2013_PARTS = (28_709, 3_589, 3_589)


@dataclass(kw_only=True, eq=False)
class FER2013(FaceData):
    """FER2013 from its csv (fer.data.readers.fer2013_csv).

    path: the csv, plain or in an archive, or its folder; None: fer2013.csv or icml_face_data.csv in
        $FER_DATA_DIR, else in ./data
    names: names of the numbers 0, 1, ... in the column of labels; None: FER2013's emotions
    size: side of its images in pixels
    label_column, image_column, part_column: names of its columns; None: usual names
    on_bad_row: raise stops at a bad row, skip leaves bad rows out
    """

    path: str | None = None
    names: Annotated[Sequence[str], MinLen(2)] | None = None
    size: Annotated[int, Ge(1)] = SIDE
    label_column: Column = None
    image_column: Column = None
    part_column: Column = None
    on_bad_row: OnBadRow = "raise"

    def __post_init__(self, classes: Sequence[str] | None) -> None:
        if self.names is not None:
            self.source_classes = arrange(self.names).classes
        super().__post_init__(classes)
        self.file = _in_data(self.path, *PREFERRED)
        if self.file.is_dir():
            found = find_csv(self.file)
            if found is None:
                raise ValueError(
                    f"path: {self.file} is a folder, expected a csv or a folder with one; images "
                    "need data=folder"
                )
            self.file = found
        if not self.file.is_file():
            raise ValueError(
                f"path: no file {self.file.absolute()}; get it with `fer fetch fer2013`, name yours "
                "with data.path=FILE, or choose data=drawn, which needs no file"
            )

    def read(self) -> Faces:
        columns = Columns(self.label_column, self.image_column, self.part_column)
        names = tuple(self.names or EMOTIONS)
        read = partial(
            read_csv, names=names, size=self.size, columns=columns, on_bad_row=self.on_bad_row
        )
        named = hashlib.sha256(repr((columns, names)).encode()).hexdigest()[:8]
        reader = f"{CSV}-{self.size}-{named}-{self.on_bad_row}"
        faces = cached(self.file, read, reader=reader)
        return _with_own_parts(faces) if faces.fingerprint == FER2013_FACES else faces


@dataclass(kw_only=True, eq=False)
class FERPlus(FER2013):
    """FER2013's faces with the votes of FER+ (fer.data.readers.ferplus).

    votes: the csv of votes; None: fer2013new.csv in $FER_DATA_DIR, else in ./data
    target: majority and votes replace the labels (`ferplus.relabel`), blend mixes both (`ferplus.blend`)
    min_votes: least number of votes, of ten, for a row's label, for majority and votes
    own_share: weight of FER2013's label in a training target, for blend
    classes: 8 with contempt, 7 without, or the names of those that are kept
    """

    votes: str | None = None
    target: ferplus.Target = "majority"
    min_votes: Annotated[int, Interval(ge=0, le=10)] = 0
    own_share: Annotated[float, Interval(ge=0, le=1)] = 0.5
    classes: InitVar[Literal[7, 8] | Sequence[str] | None] = 8

    def __post_init__(self, classes: Literal[7, 8] | Sequence[str] | None) -> None:
        if self.names is not None:
            raise ValueError("names: expected null with data=ferplus, whose votes have names")
        kept = EMOTIONS if classes == 7 else classes if isinstance(classes, Sequence) else None
        with_contempt = kept is None or CONTEMPT in map(canonical, kept)
        self.source_classes = ferplus.CHOICES[: 7 + with_contempt]
        super().__post_init__(kept)
        self.votes_file = _in_data(self.votes, "fer2013new.csv")
        if not self.votes_file.is_file():
            raise ValueError(
                f"votes: no file {self.votes_file.absolute()}; get fer2013new.csv from Microsoft's "
                "repository FERPlus and name it with data.votes=FILE"
            )
        if self.min_votes and self.target == "blend":
            raise ValueError(
                f"min_votes: {self.min_votes}, expected 0 with data.target=blend, which keeps every row"
            )

    @cached_property
    def original(self) -> Faces:
        """FER2013: all rows with its own labels."""
        return super().read()

    def read(self) -> Faces:
        shared = {"classes": len(self.source_classes), "on_bad_row": self.on_bad_row}
        if self.target == "blend":
            return ferplus.blend(self.original, self.votes_file, own_share=self.own_share, **shared)
        faces = ferplus.relabel(
            self.original,
            self.votes_file,
            target=self.target,
            min_votes=self.min_votes,
            **shared,
        )
        # Source and fingerprint are FER2013's, so a note must distinguish the labels.
        return replace(faces, notes=(*faces.notes, f"labelled by FER+ ({self.votes_file.name})"))


@dataclass(kw_only=True, eq=False)
class ImageSet(FaceData):
    """Base of the sources of encoded images, whose folders or files name classes and parts.

    path: the folder or file
    names: names of labels: of numbers in order from the least, or a mapping; None: their own
    size: side in pixels that images are resized to
    label_column, image_column, part_column: columns of a table; None: usual names, else their fields
    groups: what says whose an image is: auto (folders, or person in a pattern), a column, the number of a
        level of folders, or a regular expression with parentheses for the files' paths; None: nothing
    on_bad_row: raise stops at an unreadable image, skip leaves such images out
    """

    path: str | None = None
    names: Sequence[str] | Mapping[str, str] | None = None
    size: Annotated[int, Ge(1)] = SIDE
    label_column: Column = None
    image_column: Column = None
    part_column: Column = None
    groups: Column = "auto"
    on_bad_row: OnBadRow = "raise"

    def __post_init__(self, classes: Sequence[str] | None) -> None:
        if self.path is None:
            raise ValueError("path: null; name the images with data.path=PATH")
        self.file = Path(self.path).expanduser()
        if not self.file.exists():
            raise ValueError(f"path: no file or folder {self.file.absolute()}")
        self.table = self._grouped(self.look())
        self.labelling = tables.label(self.table, self.names)
        self.source_classes = self.labelling.classes
        if len(self.source_classes) < 2:
            found = ", ".join(self.source_classes) or "none"
            raise InputError(f"{self.file}: classes: {found}; expected two or more")
        super().__post_init__(classes)

    def look(self) -> Table:
        """The images with their labels, before any is decoded."""
        raise NotImplementedError

    @property
    def group_column(self) -> Column:
        """The column that says whose an image is. None without one."""
        return None if self.groups == "auto" or "(" in str(self.groups) else self.groups

    def _grouped(self, table: Table) -> Table:
        """A table with the groups that `groups` asks for."""
        if self.groups is None:
            return replace(table, groups=None)
        if "(" not in str(self.groups):
            return table
        return replace(table, groups=tables.found_in_files(table, str(self.groups)))

    def read(self) -> Faces:
        def decoded(_: Path) -> Faces:
            return tables.read(
                self.table, self.labelling, size=self.size, on_bad_row=self.on_bad_row
            )

        reader = (
            f"{TABLE}-{tables.digest(self.table, self.labelling)}-{self.size}-{self.on_bad_row}"
        )
        faces = cached(self.file, decoded, reader=reader)
        files = self.table.files if any(self.table.files) else None
        return replace(faces, files=files)

    def _columns(self) -> Columns:
        return Columns(self.label_column, self.image_column, self.part_column)


@dataclass(kw_only=True, eq=False)
class Folder(ImageSet):
    """A folder, zip or tar of images, `<class>/*` or `<train|val|test>/<class>/*`.

    labels: lists with the labels (fer.data.readers.lists), or a pattern of label files such as *.cls
    box_columns: columns of a list that say where the face is in the image; empty: everywhere
    pattern: regular expression that finds label, person and part in the images' paths; with `labels`,
        person and part
    """

    labels: str | Sequence[str] | None = None
    box_columns: Sequence[str | int] = ()
    pattern: str | None = None

    def look(self) -> Table:
        files = files_of(self.file)
        if self.pattern is not None and self.labels is None:
            return self._by_level(lists.read_names(files, self.pattern), "data.pattern")
        if self.box_columns and (self.labels is None or len(self.box_columns) != 4):
            raise ValueError(
                f"box_columns: {', '.join(map(str, self.box_columns))}, expected the four of "
                "left, top, right, bottom in the list that data.labels names"
            )
        names = [self.labels] if isinstance(self.labels, str) else self.labels
        if names is None and any(name.endswith(".cls") for name in files.names):
            names = ["*.cls"]  # as webdataset has them
        if names is None:
            return self._by_level(read_folder(files), "data=folder without data.labels")
        if lists.are_label_files(names):
            table = lists.read_label_files(
                files, names[0], label=self.label_column, pattern=self.pattern
            )
            return self._by_level(table, f"data.labels={names[0]}")
        columns = replace(self._columns(), box=self.box_columns)
        return lists.read_lists(
            files, names, columns=columns, pattern=self.pattern, group=self.group_column
        )

    def _by_level(self, table: Table, where: str) -> Table:
        """A table without columns, with the level of folders as groups that `groups` is the number of."""
        if self.group_column is None:
            return table
        if str(self.group_column).isdecimal() and int(self.group_column) > 0:
            pattern = rf"^(?:[^/]+/){{{int(self.group_column) - 1}}}([^/]+)/"
            return replace(table, groups=tables.found_in_files(table, pattern))
        raise ValueError(
            f"groups: {self.groups}, but {where} has no columns; expected auto, null, the number of a "
            "level of folders from 1, or an expression with parentheses such as '\"(S[0-9]+)\"'"
        )


@dataclass(kw_only=True, eq=False)
class Parquet(ImageSet):
    """Parquet files with columns of encoded images and labels (fer.data.readers.parquet)."""

    def look(self) -> Table:
        return read_parquet(self.file, columns=self._columns(), group=self.group_column)


@dataclass(kw_only=True, eq=False)
class Drawn(FaceData):
    """Drawn faces, written once to the cache as a csv in FER2013's format and read from there.

    count: number of faces; with fewer than 500 a part could lack a class
    draw_seed: random seed of the drawings
    """

    count: Annotated[int, Ge(500)] = 6000
    draw_seed: Annotated[int, Ge(0)] = 0

    def read(self) -> Faces:
        # The name holds a hash of the code that draws, so that changed code never reads an old file.
        sources = sorted(Path(drawn.__file__).parent.glob("*.py"))
        code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        file = cache_folder() / f"drawn-{self.count}-{self.draw_seed}-{code[:12]}.csv"
        if not file.exists():
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as fault:
                raise InputError(
                    f"{file.parent}: {fault.strerror}; set FER_CACHE_DIR to move it"
                ) from None
            writers.write_drawn(file, count=self.count, seed=self.draw_seed)
        return cached(file, read_csv, reader=CSV)


def _with_own_parts(faces: Faces) -> Faces:
    """FER2013 with its own parts, also if its csv names none.

    Raises InputError if the csv assigns rows to other parts: an often cited 73.28 % has PublicTest
    and PrivateTest exchanged.
    """
    own = np.repeat(np.arange(len(PARTS), dtype=faces.parts.dtype), FER2013_PARTS)
    other = np.flatnonzero((faces.parts >= 0) & (faces.parts != own))
    if len(other):
        row = other[0]
        raise InputError(
            f"{faces.source}: {len(other)} rows are in another part than in FER2013 (row {row}: "
            f"{PARTS[faces.parts[row]]}, expected {PARTS[own[row]]}); take the original csv and "
            "choose other parts with data.split"
        )
    if unnamed := int((faces.parts < 0).sum()):
        note = f"{unnamed:,} rows name no part; they are FER2013's and get its parts"
        faces = replace(faces, parts=own, notes=(*faces.notes, note))
    return faces


def _in_data(path: str | None, *names: str) -> Path:
    """`path`; if None, the first of `names` that is in $FER_DATA_DIR, else in ./data."""
    if path is not None:
        return Path(path).expanduser()
    files = [Path(os.environ.get("FER_DATA_DIR") or "data") / name for name in names]
    return next((file for file in files if file.is_file()), files[0])


def build_data(cfg: DictConfig) -> FaceData:
    """The data module of `cfg.data`, nothing read yet. Raises InputError for a wrong option."""
    return build_node(cfg, "data", order_seed=cfg.seed)
