"""Ways to split a dataset: official, random, holdout, kfold."""

import math

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces
from fer.data.splits.split import Kind, Split


def official(faces: Faces) -> Split:
    """The parts that the source names (FER2013: Training, PublicTest, PrivateTest), some may be empty."""
    if (faces.parts < 0).all():
        raise InputError(
            f"{faces.source}: no train rows, as it names no parts, but data.split=official takes "
            "these; choose data.split=random"
        )
    parts = [np.flatnonzero(faces.parts == index) for index in range(len(PARTS))]
    return Split("official", None, *parts)


def random(faces: Faces, *, seed: int, groups: np.ndarray | None = None) -> Split:
    """70 % train, 15 % validation and 15 % test, stratified by class: the lab's split, row for row.

    The lab split off 30 % with scikit-learn and halved it with the same seed. The first half that
    scikit-learn returns is the lab's test set.

    groups: int64 [N], rows of equal numbers stay in one part: 3 of 10 folds are split off and halved.
        With fewer groups there is a fold for each, and at least 2 are split off.
    """
    from sklearn.model_selection import train_test_split  # slow to import (0.4 s)

    positions, labels = np.arange(len(faces)), faces.labels
    if groups is None:
        # 30 % of 7 images are the fewest that two stratified halves can be made of.
        _require(faces, labels, least=7, option="data.split=random")
        train, rest = train_test_split(positions, stratify=labels, test_size=0.3, random_state=seed)
        test, val = train_test_split(rest, stratify=labels[rest], test_size=0.5, random_state=seed)
    else:
        count = min(10, max(3, len(np.unique(groups))))
        groups_of = "data.twins=group" if faces.groups is None else "data.groups"
        _require(faces, labels, least=count, option=f"data.split=random with {groups_of}")
        fold, held = _folds(labels, count, seed=seed, groups=groups), max(2, round(0.3 * count))
        train, rest = positions[fold >= held], positions[fold < held]
        half = _folds(labels[rest], 2, seed=seed, groups=groups[rest])
        test, val = rest[half == 0], rest[half == 1]
    return Split("random", seed, *(np.sort(part) for part in (train, val, test)))


def holdout(
    faces: Faces, *, val_share: float, seed: int, groups: np.ndarray | None = None
) -> Split:
    """A fraction of the source's train and val rows validates, stratified by class. Test stays.

    val_share: the fraction, between 0 and 1
    groups: int64 [N], rows of equal numbers stay in one part; the fraction is then of groups, and
        each counts for the class of its first row
    """
    from sklearn.model_selection import train_test_split  # slow to import (0.4 s)

    rest, test = _except_test(faces, "holdout")
    if faces.groups is not None and groups is not None:
        # Persons have several classes, so they are stratified by all of their images.
        count = min(max(2, round(1 / val_share)), max(2, len(np.unique(groups[rest]))))
        validates = _folds(faces.labels[rest], count, seed=seed, groups=groups[rest]) == 0
        return Split("holdout", seed, rest[~validates], rest[validates], test, val_share=val_share)
    group = rest if groups is None else groups[rest]
    names, first = np.unique(group, return_index=True)
    labels = faces.labels[rest[first]]
    _require(faces, labels, least=2, option="data.split=holdout")
    _check_val_share(val_share, len(names), classes=len(np.unique(labels)))
    _, held = train_test_split(names, stratify=labels, test_size=val_share, random_state=seed)
    validates = np.isin(group, held)
    return Split("holdout", seed, rest[~validates], rest[validates], test, val_share=val_share)


def kfold(
    faces: Faces, *, folds: int, fold: int, seed: int, groups: np.ndarray | None = None
) -> Split:
    """Fold `fold` of the source's train and val rows validates, stratified by class. Test stays.

    groups: int64 [N], rows of equal numbers stay in one part
    """
    rest, test = _except_test(faces, "kfold")
    labels = faces.labels[rest]
    _require(faces, labels, least=folds, option=f"data.folds={folds}")
    group = None if groups is None else groups[rest]
    held = _folds(labels, folds, seed=seed, groups=group) == fold
    return Split("kfold", seed, rest[~held], rest[held], test, folds=folds, fold=fold)


def _except_test(faces: Faces, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the source's train and val rows together, and of its test rows, which may be none.

    A source that names no parts has no test rows.
    """
    is_test = faces.parts == PARTS.index("test")
    named = (faces.parts >= 0) | (faces.parts < 0).all()
    test, rest = np.flatnonzero(is_test), np.flatnonzero(named & ~is_test)
    if len(rest) == 0:
        raise InputError(
            f"{faces.source}: no train rows, but data.split={kind} keeps the source's test part; "
            "choose data.split=random"
        )
    return rest, test


def _folds(labels: np.ndarray, count: int, *, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """The fold of each label, 0 to count - 1, as scikit-learn shuffles them: int64 [n]."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is not None and (different := len(np.unique(groups))) < count:
        raise InputError(
            f"data.split: only {different} different images or persons for {count} folds; choose "
            "fewer data.folds, data.twins=keep, or data.groups=null"
        )
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(count, shuffle=True, random_state=seed)
    numbers = np.empty(len(labels), np.int64)
    for number, (_, held) in enumerate(splitter.split(labels, labels, groups)):
        numbers[held] = number
    return numbers


def _require(faces: Faces, labels: np.ndarray, *, least: int, option: str) -> None:
    """Raise InputError if a class has images, but fewer than `least`."""
    counts = np.bincount(labels, minlength=len(faces.classes))
    for name, count in zip(faces.classes, counts, strict=True):
        if 0 < count < least:
            raise InputError(
                f"{faces.source}: {count} images of {name}, but {option} needs {least} different "
                "ones of each class"
            )


def _check_val_share(val_share: float, images: int, *, classes: int) -> None:
    """Raise InputError if train or val cannot have one image of each class."""
    val = math.ceil(val_share * images)
    if not classes <= val <= images - classes:
        raise InputError(
            f"data.val_share: {val_share} of {images} images leaves {val} for val and "
            f"{images - val} for train; each needs one per class ({classes})"
        )
