"""Make the split that the options describe."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, shared
from fer.data.splits import duplicates, strategies
from fer.data.splits.file import from_file
from fer.data.splits.options import SplitOptions
from fer.data.splits.split import Split, apply_labels


def make(faces: Faces, options: SplitOptions) -> Split:
    """The split that `options` describe. Raises InputError if a part would be empty."""
    groups = None
    if options.twins != "keep":
        groups = duplicates.groups(faces, near=options.near_twins)
    split = _by_strategy(faces, options, groups if options.twins == "group" else None)
    if groups is not None:  # with twins=group too, because holdout and kfold keep the source's test
        split = without_duplicates(split, groups)
    if options.conflicts != "keep":
        split = without_conflicts(
            apply_labels(faces, split), split, majority=options.conflicts == "majority"
        )
    for name in PARTS:
        if len(split.part(name)) == 0:
            raise InputError(
                f"{faces.source}: no {name} rows left with data.twins={options.twins} and "
                f"data.conflicts={options.conflicts}; choose keep"
            )
    kept = set(split.train.tolist())
    return replace(
        split,
        twins=options.twins,
        near_twins=options.near_twins,
        conflicts=options.conflicts,
        relabelled={at: label for at, label in split.relabelled.items() if at in kept},
    )


def _by_strategy(faces: Faces, options: SplitOptions, groups: np.ndarray | None) -> Split:
    """The split of `options.split`; groups: int64 [N], rows of equal numbers stay in one part."""
    seed = options.seed
    match options.split:
        case "official":
            return strategies.official(faces)
        case "random":
            return strategies.random(faces, seed=seed, groups=groups)
        case "holdout":
            return strategies.holdout(faces, val_share=options.val_share, seed=seed, groups=groups)
        case "kfold":
            return strategies.kfold(
                faces, folds=options.folds, fold=options.fold, seed=seed, groups=groups
            )
    return from_file(faces, Path(str(options.split_file)))


def without_duplicates(split: Split, groups: np.ndarray) -> Split:
    """The split without validation rows that repeat a test row, and training rows that repeat either.

    Test rows all stay, so that every method is measured on the same rows. Validation keeps rows
    before training does, because it is smaller and chooses the epoch.

    groups: int64 [N], equal numbers for duplicates (fer.data.splits.duplicates.groups)
    """
    train, val, test = (groups[part] for part in (split.train, split.val, split.test))
    from_train, from_val = shared(train, [val, test]), shared(val, [test])
    removed = {"train_twins": int(from_train.sum()), "val_twins": int(from_val.sum())}
    return replace(
        split,
        train=split.train[~from_train],
        val=split.val[~from_val],
        removed={**split.removed, **removed},
    )


def without_conflicts(faces: Faces, split: Split, *, majority: bool) -> Split:
    """The split without training rows that have a duplicate in train with another label.

    Only labels of training rows are compared, so that no measured row's label influences training.

    majority: keep such rows under the label that most of the duplicates have; a tie removes them

    Raises InputError for majority with soft labels.
    """
    if majority and faces.targets is not None:
        raise InputError("data.conflicts: majority, but the dataset has soft labels; choose drop")
    train = split.train
    image, counts = duplicates.votes(faces.hashes[train], faces.labels[train], len(faces.classes))
    most, winner = counts.max(1), counts.argmax(1)
    conflicting = (counts > 0).sum(1) > 1
    tied = (counts == most[:, None]).sum(1) > 1
    out = (conflicting & (tied | (not majority)))[image]
    outvoted = ~out & (faces.labels[train] != winner[image])
    relabelled = dict(zip(train[outvoted].tolist(), winner[image][outvoted].tolist(), strict=True))
    return replace(
        split,
        train=train[~out],
        removed={**split.removed, "train_conflicts": int(out.sum())},
        relabelled={**split.relabelled, **relabelled},
    )
