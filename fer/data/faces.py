"""A dataset in memory: what every reader returns."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fer.data.labels import places

# Names of the three parts of a dataset. `Faces.parts` holds indices into it.
PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Faces:
    """A dataset: images with labels.

    images: uint8 [N, H, W], often memory-mapped
    labels: int64 [N], indices into `classes`
    parts: int8 [N], indices into PARTS; -1 where the source names no part
    hashes: uint64 [N], equal for identical pixels (`pixel_hashes`)
    rows: int64 [N], rising row numbers in the source, from 0
    classes: names of the classes
    source: path of the file or folder
    targets: float32 [N, classes], soft labels as probabilities; None: the source has none
    groups: int64 [N], equal for images of one person (data.groups); None: not known
    files: the file of each row number, below the source; None: its images have none
    complete: fingerprint of the complete dataset, if rows were dropped; None: no row was
    notes: sentences for the log and the report, about rows left out or changed
    """

    images: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    hashes: np.ndarray
    rows: np.ndarray
    classes: tuple[str, ...]
    source: str
    targets: np.ndarray | None = None
    groups: np.ndarray | None = None
    files: Sequence[str] | None = None
    complete: str | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the complete dataset's row numbers and pixel hashes.

        File name and labels are not part of it, so a moved or relabelled dataset stays the same.
        """
        if self.complete is not None:
            return self.complete
        content = np.stack([self.rows.astype("<i8"), self.hashes.astype("<u8").view("<i8")])
        return hashlib.sha256(content.tobytes()).hexdigest()

    def counts(self, positions: np.ndarray | slice = slice(None)) -> list[int]:
        """The number of images of each class at `positions`."""
        return np.bincount(self.labels[positions], minlength=len(self.classes)).tolist()


def as_classes(faces: Faces, classes: tuple[str, ...]) -> Faces:
    """The dataset with labels as indices into `classes`, which name all of its own classes."""
    if faces.classes == classes:
        return faces
    index = np.array(places(faces.classes, classes))
    targets = None
    if faces.targets is not None:
        targets = np.zeros((len(faces), len(classes)), np.float32)
        targets[:, index] = faces.targets
    return replace(faces, labels=index[faces.labels], targets=targets, classes=classes)


def only_classes(faces: Faces, classes: tuple[str, ...]) -> Faces:
    """The images of `classes` alone, with a note of how many are left out."""
    if faces.classes == classes:
        return faces
    index = [faces.classes.index(name) for name in classes]
    keep = np.isin(faces.labels, index)
    counts = dict(zip(faces.classes, faces.counts(), strict=True))
    out = [f"{counts[name]:,} {name}" for name in faces.classes if name not in classes]
    note = (
        f"left out by data.classes: {(~keep).sum():,} of {len(faces):,} images ({', '.join(out)})"
    )
    moved = np.zeros(len(faces.classes), np.int64)  # new index of each class
    moved[index] = np.arange(len(classes))
    labels, targets = moved[faces.labels], None
    if faces.targets is not None:
        targets = faces.targets[:, index]
        total = targets.sum(1, keepdims=True)
        own = np.eye(len(classes), dtype=np.float32)[labels]
        targets = np.where(total > 0, targets / np.where(total > 0, total, 1), own)
    faces = replace(faces, labels=labels, targets=targets, classes=classes)
    return replace(only_rows(faces, keep), notes=(*faces.notes, note))


def only_rows(faces: Faces, keep: np.ndarray) -> Faces:
    """The images where `keep` is true, bool [N]. They keep their row numbers and the fingerprint."""
    optional = {
        name: None if (array := getattr(faces, name)) is None else array[keep]
        for name in ("targets", "groups")
    }
    return replace(
        faces,
        images=faces.images[keep],
        labels=faces.labels[keep],
        parts=faces.parts[keep],
        hashes=faces.hashes[keep],
        rows=faces.rows[keep],
        complete=faces.fingerprint,
        **optional,
    )


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """64 bits of each image's BLAKE2b hash: uint8 [N, H, W] -> uint64 [N].

    Among a million images, the chance of a collision is 3 in 100 million.
    """
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def shared(hashes: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Which of `hashes` [N] occur in any of `others`: bool [N]."""
    return np.isin(hashes, np.concatenate([np.empty(0, hashes.dtype), *others]))


Parts = Mapping[str, np.ndarray]  # positions in a dataset by name of the part
