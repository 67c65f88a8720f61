"""The one form that every set of faces takes in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

# The three parts a set is split into, as the project names them; `Faces.parts` indexes this.
PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces with their labels, as a source gives them.

    images: uint8 [N, H, W], often memory-mapped; labels: int64 [N], an index into `classes`;
    parts: int8 [N], an index into `PARTS` where the source names parts, else -1;
    hashes: uint64 [N], equal where two images are equal pixel for pixel (see `pixel_hashes`);
    rows: int64 [N], rising, the number of each in its source, from 0;
    targets: float32 [N, classes], rows of probabilities where the source gives soft labels, else None;
    whole: the fingerprint of the set that these are some rows of; None: they are the whole set;
    notes: what the reader left out or put right, a sentence each, for the log and the report.
    """

    images: np.ndarray
    labels: np.ndarray
    parts: np.ndarray
    hashes: np.ndarray
    rows: np.ndarray
    classes: tuple[str, ...]
    source: str
    targets: np.ndarray | None = None
    whole: str | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the set's row numbers and pixel hashes: of the same faces in the same rows the same.

        Neither the file's name nor labels count: faces that are labelled anew, and some left out
        meanwhile, are the same set.
        """
        if self.whole is not None:
            return self.whole
        content = np.stack([self.rows.astype("<i8"), self.hashes.astype("<u8").view("<i8")])
        return hashlib.sha256(content.tobytes()).hexdigest()

    def counts(self, positions: np.ndarray | slice = slice(None)) -> list[int]:
        """The number of images of each class among `positions`."""
        return np.bincount(self.labels[positions], minlength=len(self.classes)).tolist()


def as_classes(faces: Faces, classes: tuple[str, ...]) -> Faces:
    """The faces with their labels as indices into other `classes`, which hold all of theirs."""
    if faces.classes == classes:
        return faces
    index = np.array([classes.index(name) for name in faces.classes])
    targets = None
    if faces.targets is not None:
        targets = np.zeros((len(faces), len(classes)), np.float32)
        targets[:, index] = faces.targets
    return replace(faces, labels=index[faces.labels], targets=targets, classes=classes)


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """64 bits of each image's BLAKE2b: uint8 [N, H, W] -> uint64 [N].

    At a million images the chance that two different ones meet is 3 in 100 million.
    """
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def shared(hashes: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Which of `hashes` [N] occur in any of `others`: bool [N]."""
    return np.isin(hashes, np.concatenate([np.empty(0, hashes.dtype), *others]))


Parts = Mapping[str, np.ndarray]  # positions in a set of faces, by the name of their part
