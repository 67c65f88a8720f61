"""What a network has seen: the faces it was trained and selected on, told again by row and by pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fer.data.faces import Faces, shared
from fer.data.splits.split import Split

# What a network must not have seen of the rows that are measured as a part. Validation chooses the
# epoch, so its rows may be measured as validation again, but never as test.
BARRED = {"train": (), "val": ("train",), "test": ("train", "val")}


@dataclass(frozen=True, eq=False)
class Seen:
    """One set of faces that a network was trained on (train) and selected on (val).

    fingerprint: of the set, see Faces; train, val: int64 [2, n], row numbers and pixel hashes.
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
        return getattr(self, part)[0].numpy()

    def hashes(self, part: str) -> np.ndarray:
        return getattr(self, part)[1].numpy().view(np.uint64)


def record(faces: Faces, split: Split) -> Seen:
    """What training on a split sees."""
    train, val = (
        torch.from_numpy(np.stack([faces.rows[part], faces.hashes[part].view(np.int64)]))
        for part in (split.train, split.val)
    )
    return Seen(faces.fingerprint, train, val)


def listed(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which of `positions` are rows of this very set that were seen as `part`: bool [n]."""
    own = faces.fingerprint
    rows = [each.rows(part) for each in seen if each.fingerprint == own]
    return shared(faces.rows[positions], rows)


def identical(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which are pixel-identical to a face that is barred to what is measured as `part`: bool [n]."""
    hashes = [each.hashes(barred) for each in seen for barred in BARRED[part]]
    return shared(faces.hashes[positions], hashes)


def elsewhere(faces: Faces, positions: np.ndarray, seen: Sequence[Seen], part: str) -> np.ndarray:
    """Which are pixel-identical to a barred face of another set, and to none of this one: bool [n].

    A twin in the set itself is already told by `identical`: that the other set has it too is no news.
    """
    own = [each for each in seen if each.fingerprint == faces.fingerprint]
    strange, known = (
        identical(faces, positions, each, part) for each in (foreign(faces, seen), own)
    )
    return strange & ~known


def foreign(faces: Faces, seen: Sequence[Seen]) -> list[Seen]:
    """What was seen of other sets than this one."""
    own = faces.fingerprint
    return [each for each in seen if each.fingerprint != own]
