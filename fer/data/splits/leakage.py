"""Leaks of a split: test rows with a duplicate (identical pixels) in another part."""

from collections.abc import Sequence

import numpy as np

from fer.data.faces import PARTS, Faces, Parts, shared
from fer.data.splits.split import Split


def leaks(faces: Faces, split: Split) -> dict[str, int]:
    """Number of test rows with a duplicate in train, and with one in train or val.

    Where persons are known, also the number of test rows whose person is in train or val.
    """
    found = {
        "test_in_train": int(test_duplicates(faces, split, ("train",)).sum()),
        "test_in_train_or_val": int(test_duplicates(faces, split).sum()),
    }
    if faces.groups is not None:
        others = [faces.groups[split.train], faces.groups[split.val]]
        found["test_persons_in_train_or_val"] = int(shared(faces.groups[split.test], others).sum())
    return found


def test_duplicates(
    faces: Faces, split: Split, others: Sequence[str] = ("train", "val")
) -> np.ndarray:
    """Which test rows have a duplicate in the parts `others`: bool [test rows]."""
    return shared(faces.hashes[split.test], [faces.hashes[split.part(name)] for name in others])


def own_test(faces: Faces, split: Split) -> dict[str, int]:
    """Number of rows of the source's own test part that the split assigns to train, and to val."""
    is_test = faces.parts == PARTS.index("test")
    return {
        f"own_test_in_{name}": int(is_test[split.part(name)].sum()) for name in ("train", "val")
    }


def own_test_words(faces: Faces, split: Split) -> str:
    """A clause with these numbers for the log; empty if both are 0."""
    train, val = own_test(faces, split).values()
    if not train and not val:
        return ""
    return f"rows of the source's own test part: {train:,} in train, {val:,} in val"


def describe(faces: Faces, split: Split) -> str:
    """The line of a run's opening that reports leaks, removed rows and relabelled rows."""
    found, own = leaks(faces, split), own_test_words(faces, split)
    removed = ", ".join(
        f"{count:,} {reason.replace('_', ' ').replace('twins', 'duplicates')}"
        for reason, count in split.removed.items()
        if count
    )
    persons = found.get("test_persons_in_train_or_val")
    return (
        f"duplicates: {found['test_in_train_or_val']:,} test rows have one in train or val, "
        f"{found['test_in_train']:,} of them in train; removed: {removed or 'none'}"
        + (f"; relabelled: {len(split.relabelled):,} train rows" if split.relabelled else "")
        + ("" if persons is None else f"; {persons:,} test rows of persons in train or val")
        + (f"; {own}" if own else "")
    )


def leakage(hashes: np.ndarray, parts: Parts) -> np.ndarray:
    """Number of rows of each of P parts with a duplicate in each part: int [P, P + 1].

    Entry i, j: rows of part i with a duplicate in part j; on the diagonal, another row of part i.
    Last column: rows with a duplicate in any other part.

    hashes: uint64 [N], equal for identical pixels
    """
    _, group = np.unique(hashes, return_inverse=True)
    most = group.max(initial=0) + 1
    table = np.stack([np.bincount(group[each], minlength=most) for each in parts.values()], axis=1)
    rows = []
    for index, positions in enumerate(parts.values()):
        found = table[group[positions]]  # images with these pixels in each part: [n, P]
        found[:, index] -= 1  # the row itself
        elsewhere = np.delete(found, index, axis=1).any(1)
        rows.append([*(found > 0).sum(0), elsewhere.sum()])
    return np.array(rows)
