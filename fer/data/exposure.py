"""The record of the images that a network was trained or validated on, and comparisons with it.

docs/protocol.md says which comparison decides what.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fer.data.faces import Faces, shared
from fer.data.splits.split import Split

# Parts of the record that must not contain a row measured as each part. Validation chooses the epoch,
# so its rows may be measured as validation again, but never as test.
BARRED = {"train": (), "val": ("train",), "test": ("train", "val")}


@dataclass(frozen=True, eq=False)
class Seen:
    """The rows of one dataset that a network was trained on (train) and validated on (val).

    fingerprint: the dataset's (`Faces.fingerprint`)
    train, val: int64 [2, n], row numbers and pixel hashes
    """

    fingerprint: str
    train: Tensor
    val: Tensor

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Seen)
            and self.fingerprint == other.fingerprint
            and torch.equal(self.train, other.train)
            and torch.equal(self.val, other.val)
        )

    def rows(self, part: str) -> np.ndarray:
        """Row numbers of `part`: int64 [n]."""
        return getattr(self, part)[0].numpy()

    def hashes(self, part: str) -> np.ndarray:
        """Pixel hashes of `part`: uint64 [n]."""
        return getattr(self, part)[1].numpy().view(np.uint64)


def record(faces: Faces, split: Split) -> Seen:
    """The record of a network that is trained and validated on this split."""
    train, val = (
        torch.from_numpy(np.stack([faces.rows[part], faces.hashes[part].view(np.int64)]))
        for part in (split.train, split.val)
    )
    return Seen(faces.fingerprint, train, val)


def listed(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which of `positions` are rows that the record lists under `part`, in this dataset: bool [n]."""
    fingerprint = faces.fingerprint
    rows = [each.rows(part) for each in seen if each.fingerprint == fingerprint]
    return shared(faces.rows[positions], rows)


def identical(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which are duplicates of an image in the record that BARRED excludes from `part`: bool [n]."""
    hashes = [each.hashes(barred) for each in seen for barred in BARRED[part]]
    return shared(faces.hashes[positions], hashes)


def elsewhere(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which are such duplicates of an image of another dataset, and of none of this one: bool [n]."""
    fingerprint = faces.fingerprint
    own = [each for each in seen if each.fingerprint == fingerprint]
    others = foreign(faces, seen)
    return identical(faces, positions, others, part) & ~identical(faces, positions, own, part)


def foreign(faces: Faces, seen: Sequence[Seen]) -> list[Seen]:
    """The records of other datasets than this one."""
    fingerprint = faces.fingerprint
    return [each for each in seen if each.fingerprint != fingerprint]
