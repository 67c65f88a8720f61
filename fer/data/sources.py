"""Where faces come from: a datamodule for each choice of `data=`."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.config.instantiate import build_node
from fer.data import drawn, writers
from fer.data.cache import cache_folder, cached
from fer.data.faces import PARTS, Faces
from fer.data.labels import arrange
from fer.data.module import FaceData
from fer.data.readers import ferplus
from fer.data.readers.bad_rows import OnBadRow
from fer.data.readers.fer2013_csv import read_csv
from fer.data.readers.folder import list_images, read_folder
from fer.data.readers.parquet import list_parquet, read_parquet
from fer.data.readers.pixels import SIDE
from fer.data.splits.split import Kind

# Names of cache entries: a number rises when its reader gives something else for the same file.
CSV, FOLDER, PARQUET = "csv2", "folder1", "parquet1"
# FER2013 itself, and how many rows its parts have, one after the other.
FER2013_FACES = "c7cffc84059702327247a73e8a5bd642914d533ab0c34d141eb01ca08edda6c0"
FER2013_PARTS = (28_709, 3_589, 3_589)


@dataclass(kw_only=True, eq=False)
class FER2013(FaceData):
    """FER2013 from its csv at `path`, plain or in an archive (fer.data.readers.fer2013_csv).

    Without a path, fer2013.csv in $FER_DATA_DIR, else in ./data.
    """

    path: str | None = None
    on_bad_row: OnBadRow = "raise"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.file = _in_data(self.path, "fer2013.csv")
        if self.file.is_dir():
            raise ValueError(f"path: {self.file} is a folder; for one of images choose data=folder")
        if not self.file.is_file():
            raise ValueError(
                f"path: no file {self.file.absolute()}; get it with `fer fetch fer2013`, or from "
                "Kaggle's 'Challenges in Representation Learning: Facial Expression Recognition "
                "Challenge' and name it with data.path=FILE or its folder with FER_DATA_DIR; data=drawn runs without it"
            )

    def read(self) -> Faces:
        read = partial(read_csv, on_bad_row=self.on_bad_row)
        faces = cached(self.file, read, reader=f"{CSV}-{self.on_bad_row}")
        return _own_parts(faces) if faces.fingerprint == FER2013_FACES else faces


@dataclass(kw_only=True, eq=False)
class FERPlus(FER2013):
    """FER2013's faces with the labels of FER+, from the csv of votes at `votes`.

    Without it, fer2013new.csv in $FER_DATA_DIR, else in ./data. target, min_votes and classes, 7 or
    8: see fer.data.readers.ferplus.relabel; target=blend and own_share: its blend.
    """

    votes: str | None = None
    target: ferplus.Target = "majority"
    min_votes: int = 0
    own_share: float = 0.5
    classes: InitVar[Literal[7, 8]] = 8

    def __post_init__(self, classes: Literal[7, 8]) -> None:
        super().__post_init__()
        self.votes_file = _in_data(self.votes, "fer2013new.csv")
        if not self.votes_file.is_file():
            raise ValueError(
                f"votes: no file {self.votes_file.absolute()}; get fer2013new.csv from Microsoft's "
                "repository FERPlus and name it with data.votes=FILE"
            )
        if self.target not in get_args(ferplus.Target):
            raise ValueError(f"target: {self.target!r}, expected majority, votes or blend")
        if not 0 <= self.min_votes <= 10:
            raise ValueError(f"min_votes: {self.min_votes}, expected 0 to 10, of ten votes a row")
        if self.min_votes and self.target == "blend":
            raise ValueError(f"min_votes: {self.min_votes}, but data.target=blend keeps every row")
        if not 0 <= self.own_share <= 1:
            raise ValueError(f"own_share: {self.own_share}, expected 0 to 1")
        if classes not in (7, 8):
            raise ValueError(f"classes: {classes}, expected 7, or 8 with contempt")
        self.classes = ferplus.CHOICES[:classes]

    @cached_property
    def original(self) -> Faces:
        """FER2013 itself, all rows with their first labels."""
        return super().read()

    def read(self) -> Faces:
        shared = {"classes": len(self.classes), "on_bad_row": self.on_bad_row}
        if self.target == "blend":
            return ferplus.blend(self.original, self.votes_file, own_share=self.own_share, **shared)
        faces = ferplus.relabel(
            self.original,
            self.votes_file,
            target=self.target,
            min_votes=self.min_votes,
            **shared,
        )
        # Source and fingerprint are FER2013's: what is measured on these labels must say so.
        return replace(faces, notes=(*faces.notes, f"labelled by FER+ ({self.votes_file.name})"))


@dataclass(kw_only=True, eq=False)
class ImageSet(FaceData):
    """Encoded images at `path`, made `size` pixels square; the set itself names classes and parts.

    split: auto is official where the set names parts, holdout where only train and test, random
    where none.
    """

    path: str | None = None
    size: int = SIDE
    on_bad_row: OnBadRow = "raise"
    split: Kind | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.path is None:
            raise ValueError("path: none; name the images with data.path=PATH")
        self.file = Path(self.path)
        if not self.file.exists():
            raise ValueError(f"path: no file or folder {self.file.absolute()}")
        if self.size < 1:
            raise ValueError(f"size: {self.size}, expected 1 pixel or more")
        self.classes, parts = self.look()
        if len(self.classes) < 2:
            found = ", ".join(self.classes) or "none"
            raise InputError(f"{self.file}: classes: {found}; expected two or more to tell apart")
        self.remarks: tuple[str, ...] = ()
        if self.split == "auto":
            self.split = _fitting(parts)
            if self.split == "holdout":
                self.remarks = (
                    f"no part val: {self.val_share} of train validates (data.val_share)",
                )
        super().__post_init__()

    def look(self) -> tuple[tuple[str, ...], Sequence[int]]:
        """The classes, and the part of each file, known before any image is read."""
        raise NotImplementedError

    def _cached(self, read: Callable[..., Faces], reader: str) -> Faces:
        read = partial(read, size=self.size, on_bad_row=self.on_bad_row)
        faces = cached(self.file, read, reader=f"{reader}-{self.size}-{self.on_bad_row}")
        return replace(faces, notes=(*faces.notes, *self.remarks))


@dataclass(kw_only=True, eq=False)
class Folder(ImageSet):
    """A folder of images, `<class>/*` or `<train|val|test>/<class>/*` (fer.data.readers.folder)."""

    def look(self) -> tuple[tuple[str, ...], Sequence[int]]:
        if not self.file.is_dir():
            raise ValueError(f"path: {self.file} is a file, expected a folder of images")
        listing = list_images(self.file)
        return arrange(listing.names)[0], listing.parts

    def read(self) -> Faces:
        return self._cached(read_folder, FOLDER)


@dataclass(kw_only=True, eq=False)
class Parquet(ImageSet):
    """Parquet files with columns `image` and `label` (fer.data.readers.parquet)."""

    def look(self) -> tuple[tuple[str, ...], Sequence[int]]:
        listing = list_parquet(self.file)
        return listing.classes, listing.parts

    def read(self) -> Faces:
        return self._cached(read_parquet, PARQUET)


@dataclass(kw_only=True, eq=False)
class Drawn(FaceData):
    """`count` drawn faces, written once as a csv in FER2013's form and read like any other."""

    count: int = 6000
    draw_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < 500:
            raise ValueError(
                f"count: {self.count}, expected 500 or more: every part needs each class"
            )
        if self.draw_seed < 0:
            raise ValueError(f"draw_seed: {self.draw_seed}, expected 0 or more")

    def read(self) -> Faces:
        # Named after the code that draws, so that a changed drawing never meets an old file.
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


def _own_parts(faces: Faces) -> Faces:
    """FER2013 with its own parts, also where its csv names none.

    Raises InputError where rows are called other parts than they are: an often cited 73.28 % has
    PublicTest and PrivateTest exchanged.
    """
    own = np.repeat(np.arange(len(PARTS), dtype=faces.parts.dtype), FER2013_PARTS)
    other = np.flatnonzero((faces.parts >= 0) & (faces.parts != own))
    if len(other):
        row = other[0]
        raise InputError(
            f"{faces.source}: {len(other)} rows name another part than FER2013 itself does (row {row}: "
            f"{PARTS[faces.parts[row]]}, and there {PARTS[own[row]]}); take the original file, and choose other "
            "parts with data.split"
        )
    if unnamed := int((faces.parts < 0).sum()):
        note = f"{unnamed:,} rows name no part; these are FER2013's faces, and have its own parts"
        faces = replace(faces, parts=own, notes=(*faces.notes, note))
    return faces


def _fitting(parts: Sequence[int]) -> Kind:
    """The split for a set that names `parts`, of each image or file -1 or an index of PARTS."""
    named = {PARTS[part] for part in set(parts) - {-1}}
    if not named:
        return "random"
    return "holdout" if named == {"train", "test"} else "official"


def _in_data(path: str | None, name: str) -> Path:
    """`path`, or without one `name` in $FER_DATA_DIR, else in ./data."""
    folder = Path(os.environ.get("FER_DATA_DIR") or "data")
    return Path(path) if path is not None else folder / name


def build_data(cfg: DictConfig) -> FaceData:
    return build_node(cfg, "data", order_seed=cfg.seed)
