"""Make the split that the options describe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, shared
from fer.data.splits import duplicates, strategies
from fer.data.splits.file import from_file
from fer.data.splits.options import SplitOptions
from fer.data.splits.split import Kind, Split, apply_labels


def make(faces: Faces, options: SplitOptions) -> Split:
    """The split that `options` describe. Raises InputError if a part loses all of its rows.

    Images of one person (`Faces.groups`) stay in one part, unless the source or a file gives the parts.
    """
    kind, groups, persons = kind_of(faces, options), None, faces.groups
    if options.twins != "keep":
        groups = duplicates.groups(faces, near=options.near_twins)
    together = _joined([persons, groups if options.twins == "group" else None])
    split = complete = _by_strategy(faces, options, kind, together)
    # With groups too, because holdout and kfold keep the source's test part.
    if persons is not None and kind in ("holdout", "kfold"):
        split = without_duplicates(split, persons, reason="persons")
    if groups is not None:
        split = without_duplicates(split, groups)
    if options.conflicts != "keep":
        split = without_conflicts(
            apply_labels(faces, split), split, majority=options.conflicts == "majority"
        )
    for name in PARTS:
        if len(split.part(name)) == 0 < len(complete.part(name)):
            raise InputError(
                f"{faces.source}: no {name} rows left with data.twins={options.twins} and "
                f"data.conflicts={options.conflicts}; choose keep, or data.split=random"
            )
    kept = set(split.train.tolist())
    return replace(
        split,
        twins=options.twins,
        near_twins=options.near_twins,
        conflicts=options.conflicts,
        notes=(*_part_notes(faces, options, kind), *_unlearned(faces, split)),
        relabelled={at: label for at, label in split.relabelled.items() if at in kept},
    )


def kind_of(faces: Faces, options: SplitOptions) -> Kind:
    """The strategy of `options.split`; auto follows the parts that the source names."""
    if options.split != "auto":
        return options.split
    kind: Kind = "official"
    named = {PARTS[part] for part in np.unique(faces.parts) if part >= 0}
    if named <= {"train"}:
        kind = "random"
    elif named == {"train", "test"}:
        kind = "holdout"
    try:
        options.check_groups(kind)
    except ValueError as fault:
        raise InputError(f"data.{fault}") from None
    return kind


def _part_notes(faces: Faces, options: SplitOptions, kind: Kind) -> list[str]:
    """A sentence about what auto does where the source names some parts."""
    if options.split != "auto" or kind == "official" or (faces.parts < 0).all():
        return []
    if kind == "holdout":
        return [f"no part val: {options.val_share} of train validates (data.val_share)"]
    return ["only a part train: it is split as data.split=random does"]


def _unlearned(faces: Faces, split: Split) -> list[str]:
    """A sentence for each class that is measured and not trained."""
    train = faces.counts(split.train)
    if not sum(train):
        return []
    return [
        f"no training images of {name}, which is measured on {val:,} val and {test:,} test images"
        for name, own, val, test in zip(
            faces.classes, train, faces.counts(split.val), faces.counts(split.test), strict=True
        )
        if not own and val + test
    ]


def _joined(groups: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Groups of rows that any of `groups` puts together: int64 [N]; None without groups."""
    known = [each for each in groups if each is not None]
    return duplicates.joined(known) if known else None


def _by_strategy(
    faces: Faces, options: SplitOptions, kind: Kind, groups: np.ndarray | None
) -> Split:
    """The split of a kind; groups: int64 [N], rows of equal numbers stay in one part."""
    seed = options.seed
    match kind:
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


def without_duplicates(split: Split, groups: np.ndarray, *, reason: str = "twins") -> Split:
    """The split without validation rows that repeat a test row, and training rows that repeat either.

    Test rows all stay, so that every method is measured on the same rows. Validation keeps rows
    before training does, because it is smaller and chooses the epoch.

    groups: int64 [N], equal numbers for duplicates (fer.data.splits.duplicates.groups), or persons
    reason: what they are, for the names in `Split.removed`
    """
    train, val, test = (groups[part] for part in (split.train, split.val, split.test))
    from_train, from_val = shared(train, [val, test]), shared(val, [test])
    removed = {f"train_{reason}": int(from_train.sum()), f"val_{reason}": int(from_val.sum())}
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
