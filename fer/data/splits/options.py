"""The options that choose a split: the keys of conf/data/_split.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from fer.data.splits.split import Kind

Duplicates = Literal["keep", "group", "drop"]
Conflicts = Literal["keep", "drop", "majority"]

# Above it, candidate pairs become too many to compare. FER2013 has 5,000 pairs within 8 bits,
# 74,000 within 12 and 330,000 within 14, and few of the last show one photograph (docs/splits.md).
MOST_NEAR = 12


@dataclass(kw_only=True, eq=False)
class SplitOptions:
    """The options that choose a split. docs/splits.md explains each choice.

    split: the strategy (fer.data.splits.strategies), or file; auto follows the parts that the source
        names: official; holdout for train and test; random for train alone or none
    seed: random seed of holdout, random and kfold; scikit-learn's range
    split_file: path of the split.json that split=file uses
    val_share: fraction of the train and validation rows that validates, for holdout
    folds: number of folds, for kfold
    fold: index of the fold that validates, from 0, for kfold
    twins: what happens to duplicates (identical pixels) in different parts
    near_twins: bits of 64 by which the perceptual hashes of near duplicates may differ;
        None: only identical pixels count
    conflicts: what happens to duplicates in train that have different labels

    Raises ValueError, opening with a parameter's name, for options that contradict each other.
    """

    split: Kind | Literal["auto"] = "auto"
    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    split_file: str | None = None
    val_share: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    folds: Annotated[int, Ge(2)] = 5
    fold: Annotated[int, Ge(0)] = 0
    twins: Duplicates = "keep"
    near_twins: Annotated[int, Interval(ge=0, le=MOST_NEAR)] | None = None
    conflicts: Conflicts = "keep"

    def __post_init__(self) -> None:
        self._check_file()
        self._check_fold()
        self.check_groups(self.split)
        self._check_near()

    def _check_file(self) -> None:
        if self.split == "file" and self.split_file is None:
            raise ValueError("split_file: null, but data.split=file needs the path of a split.json")
        if self.split != "file" and self.split_file is not None:
            raise ValueError(
                f"split_file: {self.split_file}, expected null with data.split={self.split}"
            )
        if self.split_file is not None and not Path(self.split_file).is_file():
            raise ValueError(f"split_file: no file {self.split_file}")

    def _check_fold(self) -> None:
        if self.fold >= self.folds:
            raise ValueError(f"fold: {self.fold}, expected 0 to {self.folds - 1}, below data.folds")
        if self.fold and self.split != "kfold":  # else a sweep over folds repeats one split
            raise ValueError(
                f"fold: {self.fold}, expected 0 with data.split={self.split}; folds need kfold"
            )

    def check_groups(self, kind: str) -> None:
        """Raise ValueError if a split of this kind cannot keep duplicates in one part."""
        if self.twins == "group" and kind in ("official", "file"):
            raise ValueError(
                f"twins: group, but data.split={kind} gives the parts; choose "
                "data.twins=drop, or data.split=random, holdout or kfold"
            )

    def _check_near(self) -> None:
        if self.near_twins is not None and self.twins == "keep":
            raise ValueError(
                f"near_twins: {self.near_twins}, expected null with data.twins=keep; "
                "choose data.twins=group or drop"
            )
