"""The options that decide a split, checked before any face is read, and the split they give."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from fer.common.errors import InputError
from fer.data import splits, twins
from fer.data.faces import PARTS, Faces, shared
from fer.data.splits import Kind, Split

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


def make(faces: Faces, plan: Plan) -> Split:
    """The split that `plan` describes. Raises InputError where a part cannot be had."""
    groups = None if plan.twins == "keep" else twins.groups(faces, near=plan.near_twins)
    together = groups if plan.twins == "group" else None
    match plan.split:
        case "official":
            split = splits.official(faces)
        case "holdout":
            split = splits.holdout(faces, val_share=plan.val_share, seed=plan.seed, groups=together)
        case "random":
            split = splits.random(faces, seed=plan.seed, groups=together)
        case "kfold":
            split = splits.kfold(
                faces, folds=plan.folds, fold=plan.fold, seed=plan.seed, groups=together
            )
        case "file":
            split = splits.from_file(faces, Path(str(plan.split_file)))
    if groups is not None:  # grouped holdout and kfold too: their test part is given
        split = without_twins(split, groups)
    if plan.conflicts != "keep":
        taught = splits.relabelled(faces, split)
        split = without_conflicts(taught, split, majority=plan.conflicts == "majority")
    for name in PARTS:
        if len(split.part(name)) == 0:
            raise InputError(
                f"{faces.source}: data.twins={plan.twins} and data.conflicts={plan.conflicts} "
                f"leave no rows for {name}; choose keep"
            )
    kept = set(split.train.tolist())
    return replace(
        split,
        twins=plan.twins,
        near_twins=plan.near_twins,
        conflicts=plan.conflicts,
        relabelled={at: label for at, label in split.relabelled.items() if at in kept},
    )


def without_twins(split: Split, groups: np.ndarray) -> Split:
    """The split without validation rows that have a twin in test, or training rows in either.

    Test rows all stay, so that every method is measured on the same ones; validation goes before
    training because it is the smaller and chooses the epoch.
    """
    train, val, test = (groups[part] for part in (split.train, split.val, split.test))
    val_twins, train_twins = shared(val, [test]), shared(train, [val, test])
    removed = {"train_twins": int(train_twins.sum()), "val_twins": int(val_twins.sum())}
    return replace(
        split,
        train=split.train[~train_twins],
        val=split.val[~val_twins],
        removed={**split.removed, **removed},
    )


def without_conflicts(faces: Faces, split: Split, *, majority: bool) -> Split:
    """The split without the training rows whose pixel-identical ones in train have another label.

    majority: they stay and are taught the label that most of them carry; a tie leaves them out.
    Only training labels are looked at, so that no label of a measured row steers what is taught.
    """
    if majority and faces.targets is not None:
        raise InputError("data.conflicts: majority, but these faces have soft labels; choose drop")
    train = split.train
    image, counts = twins.votes(faces.hashes[train], faces.labels[train], len(faces.classes))
    most, winner = counts.max(1), counts.argmax(1)
    conflicting = (counts > 0).sum(1) > 1
    undecided = (counts == most[:, None]).sum(1) > 1
    out = (conflicting & (undecided | (not majority)))[image]
    outvoted = ~out & (faces.labels[train] != winner[image])
    relabelled = dict(zip(train[outvoted].tolist(), winner[image][outvoted].tolist(), strict=True))
    return replace(
        split,
        train=train[~out],
        removed={**split.removed, "train_conflicts": int(out.sum())},
        relabelled={**split.relabelled, **relabelled},
    )
