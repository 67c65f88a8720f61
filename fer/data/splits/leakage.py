"""Which test rows have a duplicate (identical pixels) in another part."""

from collections.abc import Sequence

import numpy as np

from fer.data.faces import PARTS, Faces, Parts, shared
from fer.data.splits.split import Split


def leaks(faces: Faces, split: Split) -> dict[str, int]:
    """How many test rows have a pixel-identical row in train, and in train or validation."""
    return {
        "test_in_train": int(test_duplicates(faces, split, ("train",)).sum()),
        "test_in_train_or_val": int(test_duplicates(faces, split).sum()),
    }


def test_duplicates(
    faces: Faces, split: Split, others: Sequence[str] = ("train", "val")
) -> np.ndarray:
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


def leakage(hashes: np.ndarray, parts: Parts) -> np.ndarray:
    """How many rows of each part have a pixel-identical one elsewhere: int [P, P + 1].

    Entry i, j: rows of part i with a twin in part j, on the diagonal another row of the same part;
    the last column: rows with a twin in any other part.
    """
    _, group = np.unique(hashes, return_inverse=True)
    most = group.max(initial=0) + 1
    table = np.stack([np.bincount(group[each], minlength=most) for each in parts.values()], axis=1)
    rows = []
    for index, positions in enumerate(parts.values()):
        met = table[group[positions]]  # twins of each row in each part: [n, P]
        met[:, index] -= 1  # it is no twin of itself
        elsewhere = np.delete(met, index, axis=1).any(1)
        rows.append([*(met > 0).sum(0), elsewhere.sum()])
    return np.array(rows)
