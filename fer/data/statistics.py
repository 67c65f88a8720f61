"""What a set of faces holds, as plain numbers: its parts, light, copies, conflicts and leaks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer.data.faces import PARTS, Faces, Parts
from fer.data.splits.leakage import leakage
from fer.data.splits.split import Split

NO_PART = "no part"
CHUNK = 4096  # images at a time: 75 MB as 48x48 doubles


@dataclass(frozen=True, eq=False)
class Facts:
    """What `measure` finds; every array of positions is rising.

    brightness, contrast: float [N], 0..255, mean and standard deviation of each image's pixels;
    constant: positions of the images of one grey; twins: the positions of each group of
    pixel-identical images, the largest first; conflicts: those with more than one label;
    leaks: see `leakage`.
    """

    brightness: np.ndarray
    contrast: np.ndarray
    constant: np.ndarray
    twins: list[np.ndarray]
    conflicts: list[np.ndarray]
    leaks: np.ndarray


def measure(faces: Faces, parts: Parts) -> Facts:
    """The facts of a set in `parts`."""
    brightness, contrast = tone(faces.images)
    twins = twin_groups(faces.hashes)
    conflicts = [group for group in twins if len(set(faces.labels[group])) > 1]
    leaks = leakage(faces.hashes, parts)
    return Facts(brightness, contrast, np.flatnonzero(contrast == 0), twins, conflicts, leaks)


def all_parts(faces: Faces, split: Split | None) -> dict[str, np.ndarray]:
    """Positions of every face by part: of `split`, else as the source names them; no part is empty.

    Faces of none come last, under NO_PART.
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

    The deviation of an image of one grey is exactly 0: sums of whole numbers are exact in doubles.
    """
    pixels = images.reshape(len(images), -1)
    sums, squares = np.empty((2, len(pixels)))
    for start in range(0, len(pixels), CHUNK):
        chunk = pixels[start : start + CHUNK].astype(np.float64)
        sums[start : start + CHUNK] = chunk.sum(1)
        squares[start : start + CHUNK] = np.einsum("np,np->n", chunk, chunk)
    count = pixels.shape[1]
    return sums / count, np.sqrt(count * squares - sums**2) / count


def twin_groups(hashes: np.ndarray) -> list[np.ndarray]:
    """Positions of each group of two or more equal `hashes` [N]; the largest first, then by row."""
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    groups = np.split(np.argsort(group, kind="stable"), np.cumsum(sizes)[:-1])
    twins = [each for each in groups if len(each) > 1]
    return sorted(twins, key=lambda each: (-len(each), each[0]))


def mean_faces(faces: Faces) -> dict[str, np.ndarray]:
    """The mean image uint8 [H, W] of each class that has images."""
    present = {name: faces.labels == index for index, name in enumerate(faces.classes)}
    return {
        name: faces.images[chosen].mean(0).round().astype(np.uint8)
        for name, chosen in present.items()
        if chosen.any()
    }


def examples(faces: Faces, positions: np.ndarray, *, most: int, seed: int) -> list[np.ndarray]:
    """Up to `most` of each class among `positions`, at random by `seed`: positions, rising."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(positions)
    labels = faces.labels[mixed]
    return [np.sort(mixed[labels == index][:most]) for index in range(len(faces.classes))]


@dataclass(frozen=True, eq=False)
class Agreement:
    """First labels of a set's rows against what voters chose for them.

    matrix: int [classes, choices], rows by label and winner; same, other: int [most votes + 1],
    rows by the winner's votes where it is the label and where not; ties: rows with two winners.
    """

    classes: Sequence[str]
    choices: Sequence[str]
    matrix: np.ndarray
    same: np.ndarray
    other: np.ndarray
    ties: int

    def shares(self) -> dict[str, float]:
        """The share of each class's rows whose winner is their label; NaN where it has no rows."""
        hits = [self.matrix[row, self.choices.index(name)] for row, name in enumerate(self.classes)]
        with np.errstate(invalid="ignore"):
            return dict(zip(self.classes, hits / self.matrix.sum(1), strict=True))

    def share(self, *, without: str | None = None) -> float:
        """The share of all rows whose winner is their label; of those not voted `without`."""
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
    """How far `labels` [N], of `classes`, agree with `votes`, int [N, choices]: the most votes win.

    `ties`: the choices in the order in which the first of equal ones wins.
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
