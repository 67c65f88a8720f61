"""The split that the options describe."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, shared
from fer.data.splits import duplicates, strategies
from fer.data.splits.file import from_file
from fer.data.splits.options import Plan
from fer.data.splits.split import Split, relabelled


def make(faces: Faces, plan: Plan) -> Split:
    """The split that `plan` describes. Raises InputError where a part cannot be had."""
    groups = None if plan.twins == "keep" else duplicates.groups(faces, near=plan.near_twins)
    together = groups if plan.twins == "group" else None
    match plan.split:
        case "official":
            split = strategies.official(faces)
        case "holdout":
            split = strategies.holdout(
                faces, val_share=plan.val_share, seed=plan.seed, groups=together
            )
        case "random":
            split = strategies.random(faces, seed=plan.seed, groups=together)
        case "kfold":
            split = strategies.kfold(
                faces, folds=plan.folds, fold=plan.fold, seed=plan.seed, groups=together
            )
        case "file":
            split = from_file(faces, Path(str(plan.split_file)))
    if groups is not None:  # grouped holdout and kfold too: their test part is given
        split = without_twins(split, groups)
    if plan.conflicts != "keep":
        taught = relabelled(faces, split)
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
    image, counts = duplicates.votes(faces.hashes[train], faces.labels[train], len(faces.classes))
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
