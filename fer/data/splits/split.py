"""A split: the positions of each part in a dataset, and the options that chose them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from fer.data.faces import Faces

Kind = Literal["official", "holdout", "random", "kfold", "file"]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of each part in a dataset, and the options that chose them.

    kind: the strategy
    train, val, test: int64 [n], rising positions in the dataset
    removed: number of rows left out, by reason: train_twins, val_twins, train_conflicts
    relabelled: new label of each relabelled training position
    notes: sentences for the log and the report, about parts that the source lacks
    The other fields are the options of the same names (fer.data.splits.options.SplitOptions),
    None where the strategy does not use them.
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
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> np.ndarray:
        """The positions of the part `name` (train, val or test)."""
        return getattr(self, name)


def apply_labels(faces: Faces, split: Split) -> Faces:
    """The dataset with the split's training labels. Labels of val and test stay the source's."""
    if not split.relabelled:
        return faces
    labels = faces.labels.copy()
    labels[list(split.relabelled)] = list(split.relabelled.values())
    return replace(faces, labels=labels)


def settings(split: Split) -> dict[str, Any]:
    """The options other than kind and seed, and the removed rows, for split.json and summary.json."""
    names = ("val_share", "folds", "fold", "twins", "near_twins", "conflicts", "removed")
    return {name: getattr(split, name) for name in names}
