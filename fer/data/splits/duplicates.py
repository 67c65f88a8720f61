"""Duplicates: groups of images with identical or nearly identical pixels, and their labels."""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer.data.faces import Faces

# Frequencies per axis in a perceptual hash: 8 x 8 = 64 bits, as in pHash (Zauner, "Implementation
# and Benchmarking of Perceptual Image Hash Functions", 2010).
LOW = 8
BLOCK = 512  # images per step: under 150 MB in `near_pairs` for 36,000 images
# Least correlation of near duplicates. We looked at 100 pairs of FER2013 above it in each range of
# bits: none within 8 bits and two within 9 to 12 show two photographs (docs/splits.md). From 0.85 to
# 0.9, one pair in ten within 8 bits does, and one in two beyond.
ALIKE = 0.9
# 1/12 of a side, 4 of 48 pixels: the largest shift tried, and the border left out of comparison.
MARGIN = 12


def groups(faces: Faces, *, near: int | None = None) -> np.ndarray:
    """The position of the first duplicate of each image, or its own: int64 [N].

    Pairs that have an image in common form one group. An image of one grey has no structure to
    compare, so it joins only images with identical pixels.

    near: bits of 64 by which the perceptual hashes of near duplicates may differ, if their pixels
        are `alike` too; None: only identical pixels count
    """
    identical = firsts(faces.hashes)
    if near is None:
        return identical
    distinct = np.unique(identical)
    images = faces.images[distinct]
    hashes, structured = perceptual_hashes(images)
    distinct, images = distinct[structured], images[structured]
    pairs = np.stack(near_pairs(hashes[structured], near))
    pairs = pairs[:, [alike(images[left], images[right]) for left, right in pairs.T]]
    return _connected(len(faces), [[np.arange(len(faces)), identical], distinct[pairs]])


def joined(groups: Sequence[np.ndarray]) -> np.ndarray:
    """The groups of rows that any of `groups`, int64 [N] each, puts together: int64 [N]."""
    rows = np.arange(len(groups[0]))
    return _connected(len(rows), [[rows, firsts(each)] for each in groups])


def _connected(count: int, pairs: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """The first position of the chain of pairs that each of `count` positions is in: int64 [count]."""
    ends = np.concatenate(pairs, axis=1)
    edges = coo_array((np.ones(ends.shape[1], bool), ends), shape=(count, count))
    return firsts(connected_components(edges, directed=False)[1])


def firsts(values: np.ndarray) -> np.ndarray:
    """The position of the first equal value for each of `values` [N]: int64 [N]."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return first[inverse]


def perceptual_hashes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Perceptual hashes uint64 [N], and whether an image has more than one grey, bool [N].

    Each bit says whether one of the 8x8 lowest frequencies of the cosine transform is above their
    median.

    images: uint8 [N, H, W]
    """
    hashes, structured = np.empty(len(images), np.uint64), np.empty(len(images), bool)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        waves = dctn(block.astype(np.float32), axes=(1, 2), norm="ortho")
        low = waves[:, :LOW, :LOW].reshape(len(block), -1)
        bits = low > np.median(low, axis=1, keepdims=True)
        hashes[start : start + BLOCK] = np.packbits(bits, axis=1).view(">u8")[:, 0]
        structured[start : start + BLOCK] = np.ptp(block, axis=(1, 2)) > 0
    return hashes, structured


def near_pairs(hashes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (i, k), i < k, of `hashes` uint64 [N] that differ in at most `most` bits: int64 [n], twice."""
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(hashes), BLOCK):
        different = hashes[start : start + BLOCK, None] ^ hashes[None, start:]
        left, right = np.nonzero(np.bitwise_count(different) <= most)
        earlier = left < right
        found.append((left[earlier] + start, right[earlier] + start))
    left, right = zip(*found, strict=True)
    return np.concatenate(left), np.concatenate(right)


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the middle of `one` [H, W] and some region of `other` correlate by ALIKE or more."""
    height, width = (side // MARGIN for side in one.shape)
    middle = one[height : len(one) - height, width : one.shape[1] - width]
    return float(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED).max()) >= ALIKE


def votes(groups: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The index of each row's group, int64 [n], and each group's labels counted, int64 [groups, classes]."""
    names, group = np.unique(groups, return_inverse=True)
    counts = np.bincount(group * classes + labels, minlength=len(names) * classes)
    return group, counts.reshape(len(names), classes)
