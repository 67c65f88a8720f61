"""Ways to split a set: official, random, holdout, kfold."""

import math

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces
from fer.data.splits.split import Kind, Split


def official(faces: Faces) -> Split:
    """The parts that the source itself names (FER2013: Training, PublicTest, PrivateTest)."""
    parts = [np.flatnonzero(faces.parts == index) for index in range(len(PARTS))]
    for name, positions in zip(PARTS, parts, strict=True):
        if len(positions) == 0:
            raise InputError(
                f"{faces.source}: no rows for {name}; data.split=official wants all of "
                f"{', '.join(PARTS)}: choose data.split=random, or holdout if only val is missing"
            )
    return Split("official", None, *parts)


def random(faces: Faces, *, seed: int, groups: np.ndarray | None = None) -> Split:
    """70 % train, 15 % validation, 15 % test, stratified by class: the lab's split, row for row.

    The lab cut 30 % off with scikit-learn and then halved it with the same seed; the first half
    returned is its test set. `groups` [N], if any, are dealt out whole: 3 folds of 10, then halved.
    """
    from sklearn.model_selection import train_test_split  # 0.4 s that other splits need not wait

    positions, labels = np.arange(len(faces)), faces.labels
    if groups is None:
        # 30 % of seven is the least that two stratified halves can share
        _want(faces, labels, least=7, why="a stratified split wants 7 of each class")
        train, rest = train_test_split(positions, stratify=labels, test_size=0.3, random_state=seed)
        test, val = train_test_split(rest, stratify=labels[rest], test_size=0.5, random_state=seed)
    else:
        _want(faces, labels, least=10, why="a grouped split wants 10 of each class")
        tenth = _folds(labels, 10, seed=seed, groups=groups)
        train, rest = positions[tenth >= 3], positions[tenth < 3]
        half = _folds(labels[rest], 2, seed=seed, groups=groups[rest])
        test, val = rest[half == 0], rest[half == 1]
    return Split("random", seed, *(np.sort(part) for part in (train, val, test)))


def holdout(
    faces: Faces, *, val_share: float, seed: int, groups: np.ndarray | None = None
) -> Split:
    """A share of the source's train and val parts validates, the others train; test stays.

    Stratified by class; `groups` [N], if any, are never cut: the share is of groups, each counted
    under the class of its first face.
    """
    rest, test = _beside_test(faces, "holdout")
    own = rest if groups is None else groups[rest]
    names, first = np.unique(own, return_index=True)
    labels = faces.labels[rest[first]]
    _want(faces, labels, least=2, why="data.split=holdout wants 2 different ones of each class")
    classes, count = len(np.unique(labels)), math.ceil(val_share * len(names))
    if not classes <= count <= len(names) - classes:
        raise InputError(
            f"data.val_share: {val_share} of {len(names)} images is {count} for val and "
            f"{len(names) - count} for train, and each wants {classes}, one a class"
        )
    from sklearn.model_selection import train_test_split  # as in `random`

    _, held = train_test_split(names, stratify=labels, test_size=val_share, random_state=seed)
    validates = np.isin(own, held)
    return Split("holdout", seed, rest[~validates], rest[validates], test, val_share=val_share)


def kfold(
    faces: Faces, *, folds: int, fold: int, seed: int, groups: np.ndarray | None = None
) -> Split:
    """Fold `fold` of the source's train and val parts validates, the others train; test stays.

    Stratified by class; `groups` [N], if any, are never cut.
    """
    rest, test = _beside_test(faces, "kfold")
    labels = faces.labels[rest]
    _want(faces, labels, least=folds, why=f"data.folds={folds} wants {folds} of each class")
    own = None if groups is None else groups[rest]
    held = _folds(labels, folds, seed=seed, groups=own) == fold
    return Split("kfold", seed, rest[~held], rest[held], test, folds=folds, fold=fold)


def _beside_test(faces: Faces, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the source's train and val parts together, and of its test part."""
    is_test = faces.parts == PARTS.index("test")
    test, rest = np.flatnonzero(is_test), np.flatnonzero((faces.parts >= 0) & ~is_test)
    if len(test) == 0 or len(rest) == 0:
        missing = "train" if len(test) else "test"
        raise InputError(
            f"{faces.source}: no rows for {missing}; data.split={kind} cuts validation beside "
            "the source's own test part: choose data.split=random"
        )
    return rest, test


def _folds(labels: np.ndarray, count: int, *, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """The fold of each label, 0 to count - 1, as scikit-learn shuffles them: int64 [n]."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is not None and (different := len(np.unique(groups))) < count:
        raise InputError(
            f"data.twins: group, but only {different} different images for {count} folds; choose keep"
        )
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    cutter = kind(count, shuffle=True, random_state=seed)
    numbers = np.empty(len(labels), np.int64)
    for number, (_, held) in enumerate(cutter.split(labels, labels, groups)):
        numbers[held] = number
    return numbers


def _want(faces: Faces, labels: np.ndarray, *, least: int, why: str) -> None:
    """Raises InputError where a class has images, but fewer than `least`."""
    counts = np.bincount(labels, minlength=len(faces.classes))
    for name, count in zip(faces.classes, counts, strict=True):
        if 0 < count < least:
            raise InputError(f"{faces.source}: {count} images of {name}; {why}")
