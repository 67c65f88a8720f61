"""The options that decide a split, checked before any image is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from fer.data.splits.split import Kind

Twins = Literal["keep", "group", "drop"]
Conflicts = Literal["keep", "drop", "majority"]

# Beyond it candidates become too many to compare: FER2013 has 5,000 pairs within 8 bits, 74,000
# within 12, 330,000 within 14, and few of the latter show one face (docs/splits.md).
MOST_NEAR = 12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a set is split; docs/splits.md says what each choice is good for.

    seed: of holdout, random and kfold; split_file: of file; val_share: of holdout; folds, fold: of
    kfold; twins: what becomes of images that stand more than once; near_twins: how many of 64 bits
    of a perceptual hash may differ where images are compared for a copy, None: only equal pixels
    count; conflicts: what becomes of training images that stand more than once with different
    labels.
    """

    split: Kind = "official"
    seed: int = 0
    split_file: str | None = None
    val_share: float = 0.1
    folds: int = 5
    fold: int = 0
    twins: Twins = "keep"
    near_twins: int | None = None
    conflicts: Conflicts = "keep"

    def __post_init__(self) -> None:
        for name, known in (("split", Kind), ("twins", Twins), ("conflicts", Conflicts)):
            if getattr(self, name) not in get_args(known):
                expected = ", ".join(get_args(known))
                raise ValueError(f"{name}: {getattr(self, name)!r}, expected one of {expected}")
        if self.split == "file" and self.split_file is None:
            raise ValueError(
                "split_file: none, expected the split.json that data.split=file follows"
            )
        if self.split != "file" and self.split_file is not None:
            raise ValueError(
                f"split_file: {self.split_file}, expected null, since data.split is {self.split}"
            )
        if self.split_file is not None and not Path(self.split_file).is_file():
            raise ValueError(f"split_file: no file {self.split_file}")
        if not 0 <= self.seed < 2**32:  # what scikit-learn takes
            raise ValueError(f"seed: {self.seed}, expected 0 to {2**32 - 1}")
        if not 0 < self.val_share < 1:
            raise ValueError(f"val_share: {self.val_share}, expected between 0 and 1")
        self._check_folds()
        self._check_twins()

    def _check_folds(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds: {self.folds}, expected 2 or more")
        if not 0 <= self.fold < self.folds:
            raise ValueError(f"fold: {self.fold}, expected 0 to {self.folds - 1}, below data.folds")
        if self.fold and self.split != "kfold":  # else a sweep over folds repeats one split
            raise ValueError(f"fold: {self.fold}, but data.split={self.split}; folds want kfold")

    def _check_twins(self) -> None:
        if self.twins == "group" and self.split in ("official", "file"):
            raise ValueError(
                f"twins: group, but the parts of data.split={self.split} are given; choose "
                "data.twins=drop, or data.split=random, holdout or kfold"
            )
        near = self.near_twins
        if near is None:
            return
        if type(near) is not int or not 0 <= near <= MOST_NEAR:
            raise ValueError(f"near_twins: {near!r}, expected a whole number 0-{MOST_NEAR} or null")
        if self.twins == "keep":
            raise ValueError(
                "near_twins: changes nothing with data.twins=keep; choose group or drop"
            )
