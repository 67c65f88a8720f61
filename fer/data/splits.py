"""Which faces train, which validate, which test: splits made, read, exported, checked for leaks."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, shared

Kind = Literal["official", "holdout", "random", "kfold", "file"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions in a set of faces, int64 and rising, for each part; and how they were chosen.

    removed: how many rows were left out, by reason; relabelled: the label that a training position
    is taught instead of its own. The others are the options of the same names (fer.data.plan).
    """

    kind: str
    seed: int | None
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    val_share: float | None = None
    folds: int | None = None
    fold: int | None = None
    twins: str = "keep"
    near_twins: int | None = None
    conflicts: str = "keep"
    removed: Mapping[str, int] = field(default_factory=dict)
    relabelled: Mapping[int, int] = field(default_factory=dict)

    def part(self, name: str) -> np.ndarray:
        return getattr(self, name)


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


def from_file(faces: Faces, path: Path) -> Split:
    """The split of a `split.json`, such as every run writes, with the labels that it taught.

    Raises InputError for a file that is none, a row that the faces lack, or one in two parts.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"data.split_file: no file {path}") from None
    except (OSError, ValueError) as fault:
        raise InputError(f"data.split_file: {path} is no split.json ({fault})") from None
    parts = [_positions(faces, path, content, name) for name in PARTS]
    taken = np.concatenate(parts)
    if len(np.unique(taken)) != len(taken):
        rows, times = np.unique(taken, return_counts=True)
        raise InputError(
            f"{path}: row {faces.rows[rows[times > 1][0]]} stands twice; each row belongs to one part"
        )
    return Split("file", None, *parts, relabelled=_relabelled(faces, path, content, parts[0]))


def _relabelled(faces: Faces, path: Path, content: Any, train: np.ndarray) -> dict[int, int]:
    """The label that each relabelled position is taught; in older files there are none."""
    taught = content.get("relabelled", {})
    positions = dict(zip(map(str, faces.rows[train]), train.tolist(), strict=True))
    known = isinstance(taught, dict) and taught.keys() <= positions.keys()
    if not (known and all(_is_class(faces, label) for label in taught.values())):
        raise InputError(f"{path}: 'relabelled' is no mapping of training rows to labels")
    return {positions[row]: label for row, label in taught.items()}


def _is_class(faces: Faces, label: Any) -> bool:
    return type(label) is int and 0 <= label < len(faces.classes)


def _positions(faces: Faces, path: Path, content: Any, name: str) -> np.ndarray:
    """The positions in `faces` of one part's rows."""
    rows = content.get(name) if isinstance(content, dict) else None
    if not (isinstance(rows, list) and rows and all(type(row) is int for row in rows)):
        raise InputError(f"{path}: {name!r} is no list of row numbers; expected a run's split.json")
    wanted = np.array(rows)
    places = np.searchsorted(faces.rows, wanted)
    missing = faces.rows[places.clip(max=len(faces) - 1)] != wanted
    if missing.any():
        raise InputError(
            f"{path}: row {wanted[missing][0]} of {name} is not among the {len(faces)} rows of "
            f"{faces.source}; was it written for another set?"
        )
    return np.sort(places)


def relabelled(faces: Faces, split: Split) -> Faces:
    """The faces with the labels that the split teaches; those of val and test are the source's."""
    if not split.relabelled:
        return faces
    labels = faces.labels.copy()
    labels[list(split.relabelled)] = list(split.relabelled.values())
    return replace(faces, labels=labels)


def leaks(faces: Faces, split: Split) -> dict[str, int]:
    """How many test rows have a pixel-identical row in train, and in train or validation."""
    return {
        "test_in_train": int(_twins(faces, split, ("train",)).sum()),
        "test_in_train_or_val": int(_twins(faces, split).sum()),
    }


def _twins(faces: Faces, split: Split, others: Sequence[str] = ("train", "val")) -> np.ndarray:
    """Which test rows have a pixel-identical row in other parts: bool [test rows]."""
    return shared(faces.hashes[split.test], [faces.hashes[split.part(name)] for name in others])


def own_test(faces: Faces, split: Split) -> dict[str, int]:
    """How many rows of the test part that the source itself names train, and how many validate."""
    own = faces.parts == PARTS.index("test")
    return {f"own_test_in_{name}": int(own[split.part(name)].sum()) for name in ("train", "val")}


def own_test_words(faces: Faces, split: Split) -> str:
    """The same in words; empty where there are none."""
    train, val = own_test(faces, split).values()
    return (
        f"of the source's own test part {train:,} rows train and {val:,} validate"
        if train or val
        else ""
    )


def settings(split: Split) -> dict[str, Any]:
    """How the split was made beyond kind and seed, and what it left out: for both json files."""
    names = ("val_share", "folds", "fold", "twins", "near_twins", "conflicts", "removed")
    return {name: getattr(split, name) for name in names}


def describe(faces: Faces, split: Split) -> str:
    """The line that a run opens with: what leaks, what was left out, what was relabelled."""
    found, own = leaks(faces, split), own_test_words(faces, split)
    left_out = ", ".join(
        f"{count:,} {why.replace('_', ' ')}" for why, count in split.removed.items() if count
    )
    return (
        f"twins: {found['test_in_train_or_val']:,} test faces have an identical one in train or "
        f"val, {found['test_in_train']:,} of them in train; left out: {left_out or 'nothing'}"
        + (f"; relabelled: {len(split.relabelled):,} of train" if split.relabelled else "")
        + (f"; {own}" if own else "")
    )


def export(faces: Faces, split: Split) -> Mapping[str, Any]:
    """The content of split.json: how it was made, each part's rows, counts and SHA-256."""
    rows = {name: faces.rows[split.part(name)].tolist() for name in PARTS}
    return {
        "kind": split.kind,
        "seed": split.seed,
        **settings(split),
        **rows,
        "relabelled": {str(faces.rows[at]): label for at, label in split.relabelled.items()},
        "counts": {name: faces.counts(split.part(name)) for name in PARTS},
        "leaks": leaks(faces, split),
        "test_twins": faces.rows[split.test[_twins(faces, split)]].tolist(),
        "sha256": {
            name: hashlib.sha256(json.dumps(part).encode()).hexdigest()
            for name, part in rows.items()
        },
    }
