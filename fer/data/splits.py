"""Which faces train, which validate, which test: splits made, read, exported, checked for leaks."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.model_selection import train_test_split

from fer.data.faces import PARTS, Faces, shared
from fer.errors import InputError

Kind = Literal["official", "random", "file"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions in a set of faces, int64 and rising, for each part; and how they were chosen."""

    kind: str
    seed: int | None
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def part(self, name: str) -> np.ndarray:
        return getattr(self, name)


def official(faces: Faces) -> Split:
    """The parts that the source itself names (FER2013: Training, PublicTest, PrivateTest)."""
    parts = [np.flatnonzero(faces.parts == index) for index in range(len(PARTS))]
    for name, positions in zip(PARTS, parts, strict=True):
        if len(positions) == 0:
            raise InputError(
                f"{faces.source}: no rows for {name}; data.split=official wants all of "
                f"{', '.join(PARTS)}: choose data.split=random"
            )
    return Split("official", None, *parts)


def random(faces: Faces, *, seed: int) -> Split:
    """70 % train, 15 % validation, 15 % test, stratified by class: the lab's split, row for row.

    The lab cut 30 % off with scikit-learn and then halved it with the same seed; the first half
    returned is its test set.
    """
    counts = faces.counts()
    for name, count in zip(faces.classes, counts, strict=True):
        if 0 < count < 7:  # 30 % of seven is the least that two stratified halves can share
            raise InputError(
                f"{faces.source}: {count} images of {name}; a stratified split wants 7 of each class"
            )
    positions, labels = np.arange(len(faces)), faces.labels
    train, rest = train_test_split(positions, stratify=labels, test_size=0.3, random_state=seed)
    test, val = train_test_split(rest, stratify=labels[rest], test_size=0.5, random_state=seed)
    return Split("random", seed, *(np.sort(part) for part in (train, val, test)))


def from_file(faces: Faces, path: Path) -> Split:
    """The split of a `split.json`, such as every run writes.

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
    return Split("file", None, *parts)


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


def clean_test(faces: Faces, split: Split) -> np.ndarray:
    """Which test rows have no pixel-identical row in train or validation: bool [len(split.test)]."""
    hashes = faces.hashes
    return ~shared(hashes[split.test], [hashes[split.train], hashes[split.val]])


def leaks(faces: Faces, split: Split) -> dict[str, int]:
    """How many test rows have a pixel-identical row in train, and in train or validation."""
    test, train, val = (faces.hashes[split.part(name)] for name in ("test", "train", "val"))
    return {
        "test_in_train": int(shared(test, [train]).sum()),
        "test_in_train_or_val": int(shared(test, [train, val]).sum()),
    }


def export(faces: Faces, split: Split) -> Mapping[str, Any]:
    """The content of split.json: how it was made, each part's rows, counts and SHA-256."""
    rows = {name: faces.rows[split.part(name)].tolist() for name in PARTS}
    return {
        "kind": split.kind,
        "seed": split.seed,
        **rows,
        "counts": {name: faces.counts(split.part(name)) for name in PARTS},
        "leaks": leaks(faces, split),
        "sha256": {
            name: hashlib.sha256(json.dumps(part).encode()).hexdigest()
            for name, part in rows.items()
        },
    }
