"""Statistics of a dataset: parts, brightness, contrast, duplicates, conflicts, leaks, agreement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer.data.faces import PARTS, Faces, Parts
from fer.data.splits.leakage import leakage
from fer.data.splits.split import Split

NO_PART = "no part"
CHUNK = 4096  # images per step: 75 MB as 48x48 doubles


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a dataset. Positions are rising.

    brightness, contrast: float64 [N], mean and standard deviation of each image's pixels, 0 to 255
    constant: int64 [n], positions of images of one grey
    duplicates: positions of each group of images with identical pixels, largest group first
    conflicts: the groups with more than one label
    leaks: int [P, P + 1], see fer.data.splits.leakage.leakage
    """

    brightness: np.ndarray
    contrast: np.ndarray
    constant: np.ndarray
    duplicates: list[np.ndarray]
    conflicts: list[np.ndarray]
    leaks: np.ndarray


def statistics_of(faces: Faces, parts: Parts) -> Statistics:
    """The statistics of a dataset and its parts."""
    brightness, contrast = tone(faces.images)
    duplicates = duplicate_groups(faces.hashes)
    return Statistics(
        brightness=brightness,
        contrast=contrast,
        constant=np.flatnonzero(contrast == 0),
        duplicates=duplicates,
        conflicts=[group for group in duplicates if len(set(faces.labels[group])) > 1],
        leaks=leakage(faces.hashes, parts),
    )


def all_parts(faces: Faces, split: Split | None) -> dict[str, np.ndarray]:
    """The positions of all rows by part, without empty parts. Rows in no part come last (NO_PART).

    split: the split; None: the parts that the source names
    """
    if split is not None:
        parts = {name: split.part(name) for name in PARTS}
    else:
        parts = {name: np.flatnonzero(faces.parts == index) for index, name in enumerate(PARTS)}
    taken = np.concatenate(list(parts.values()))
    parts[NO_PART] = np.setdiff1d(np.arange(len(faces)), taken)
    return {name: positions for name, positions in parts.items() if len(positions)}


def tone(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each image's pixels: uint8 [N, H, W] -> twice float64 [N].

    An image of one grey has a deviation of exactly 0, because sums of integers are exact in doubles.
    """
    pixels = images.reshape(len(images), -1)
    sums, squares = np.empty((2, len(pixels)))
    for start in range(0, len(pixels), CHUNK):
        chunk = pixels[start : start + CHUNK].astype(np.float64)
        sums[start : start + CHUNK] = chunk.sum(1)
        squares[start : start + CHUNK] = np.einsum("np,np->n", chunk, chunk)
    count = pixels.shape[1]
    return sums / count, np.sqrt(count * squares - sums**2) / count


def duplicate_groups(hashes: np.ndarray) -> list[np.ndarray]:
    """The positions of each group of two or more equal `hashes` [N], largest first, then by row."""
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    groups = np.split(np.argsort(group, kind="stable"), np.cumsum(sizes)[:-1])
    several = [each for each in groups if len(each) > 1]
    return sorted(several, key=lambda each: (-len(each), each[0]))


def mean_faces(faces: Faces) -> dict[str, np.ndarray]:
    """The mean image, uint8 [H, W], of each class that has images."""
    present = {name: faces.labels == index for index, name in enumerate(faces.classes)}
    return {
        name: faces.images[chosen].mean(0).round().astype(np.uint8)
        for name, chosen in present.items()
        if chosen.any()
    }


def examples(faces: Faces, positions: np.ndarray, *, most: int, seed: int) -> list[np.ndarray]:
    """Up to `most` random rising positions of each class among `positions`."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(positions)
    labels = faces.labels[mixed]
    return [np.sort(mixed[labels == index][:most]) for index in range(len(faces.classes))]


@dataclass(frozen=True, eq=False)
class Agreement:
    """A dataset's labels compared with the voters' winning choices.

    matrix: int [classes, choices], number of rows by label and winner
    same: int [most votes + 1], number of rows whose winner is the label, by the winner's votes
    other: int [most votes + 1], number of rows whose winner is another choice, by the winner's votes
    ties: number of rows with two or more winners
    """

    classes: Sequence[str]
    choices: Sequence[str]
    matrix: np.ndarray
    same: np.ndarray
    other: np.ndarray
    ties: int

    def shares(self) -> dict[str, float]:
        """The fraction of each class's rows whose winner is the label; NaN for a class without rows."""
        hits = [self.matrix[row, self.choices.index(name)] for row, name in enumerate(self.classes)]
        with np.errstate(invalid="ignore"):
            return dict(zip(self.classes, hits / self.matrix.sum(1), strict=True))

    def share(self, *, without: str | None = None) -> float:
        """The fraction of rows whose winner is the label; without: leave out rows won by this choice."""
        rows = self.matrix.sum()
        if without is not None:
            rows -= self.matrix[:, self.choices.index(without)].sum()
        return float(self.same.sum() / rows)


def agreement(
    labels: np.ndarray,
    votes: np.ndarray,
    *,
    classes: Sequence[str],
    choices: Sequence[str],
    ties: Sequence[str],
) -> Agreement:
    """The agreement of labels with votes. The choice with the most votes wins.

    labels: int64 [N], indices into `classes`
    votes: int64 [N, choices], number of votes
    ties: the choices, in the order in which the first of tied ones wins
    """
    order = np.array([choices.index(name) for name in ties])
    winners, most = order[votes[:, order].argmax(1)], votes.max(1)
    matrix = np.zeros((len(classes), len(choices)), int)
    np.add.at(matrix, (labels, winners), 1)
    same = np.array(choices)[winners] == np.array(classes)[labels]
    bins = int(most.max(initial=0)) + 1
    return Agreement(
        classes,
        choices,
        matrix,
        np.bincount(most[same], minlength=bins),
        np.bincount(most[~same], minlength=bins),
        int(((votes == most[:, None]).sum(1) > 1).sum()),
    )
