"""A split: the positions of each part, and how they were chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from fer.data.faces import Faces

Kind = Literal["official", "holdout", "random", "kfold", "file"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions in a set of faces, int64 and rising, for each part; and how they were chosen.

    removed: how many rows were left out, by reason; relabelled: the label that a training position
    is taught instead of its own. The others are the options of the same names (fer.data.splits.options).
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


def relabelled(faces: Faces, split: Split) -> Faces:
    """The faces with the labels that the split teaches; those of val and test are the source's."""
    if not split.relabelled:
        return faces
    labels = faces.labels.copy()
    labels[list(split.relabelled)] = list(split.relabelled.values())
    return replace(faces, labels=labels)


def settings(split: Split) -> dict[str, Any]:
    """How the split was made beyond kind and seed, and what it left out: for both json files."""
    names = ("val_share", "folds", "fold", "twins", "near_twins", "conflicts", "removed")
    return {name: getattr(split, name) for name in names}
