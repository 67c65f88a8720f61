"""What a set of faces holds, as plain numbers: its parts, light, copies, conflicts and leaks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fer.data.faces import PARTS, Faces
from fer.data.splits import Split

NO_PART = "no part"
CHUNK = 4096  # images at a time: 75 MB as 48x48 doubles

Parts = Mapping[str, np.ndarray]  # positions in a set of faces, by the name of their part


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
    return sorted((each for each in groups if len(each) > 1), key=lambda each: (-len(each), each[0]))


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


def mean_faces(faces: Faces) -> dict[str, np.ndarray]:
    """The mean image uint8 [H, W] of each class that has images."""
    present = {name: faces.labels == index for index, name in enumerate(faces.classes)}
    return {
        name: faces.images[chosen].mean(0).round().astype(np.uint8)
        for name, chosen in present.items()
        if chosen.any()
    }


def examples(
    faces: Faces, positions: np.ndarray, *, most: int, seed: int
) -> list[np.ndarray]:
    """Up to `most` of each class among `positions`, at random by `seed`: positions, rising."""
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(positions)
    labels = faces.labels[mixed]
    return [np.sort(mixed[labels == index][:most]) for index in range(len(faces.classes))]
