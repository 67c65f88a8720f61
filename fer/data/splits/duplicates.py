"""Which faces are one image, pixel for pixel or nearly so, and what their labels say."""

import cv2
import numpy as np
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer.data.faces import Faces

# Low frequencies each way that a perceptual hash looks at, as Zauner's pHash does ("Implementation
# and Benchmarking of Perceptual Image Hash Functions", 2010): 64 bits.
LOW = 8
BLOCK = 512  # images at once: under 150 MB in `near_pairs` at 36,000 images
# Correlation from which two images are taken as one. FER2013's pairs, looked at by eye: of 100
# above it and within 8 bits none shows two people, within 9-12 bits one; from 0.85 to 0.9 one in
# ten does, beyond 8 bits one in two.
ALIKE = 0.9
# 1/12 of a side, 4 of 48 pixels: the shift that is allowed for, and the border not compared.
MARGIN = 12


def groups(faces: Faces, *, near: int | None = None) -> np.ndarray:
    """For each face the position of the first one that counts as the same image: int64 [N].

    near: None, only pixel-identical images count as the same; else those too whose perceptual
    hashes differ in at most so many of their 64 bits and whose pixels then prove `alike`, and
    whatever a chain of such pairs joins. An image of one grey has no structure to compare and joins
    nothing but its identical ones.
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
    ends = np.concatenate([[np.arange(len(faces)), identical], distinct[pairs]], axis=1)
    edges = coo_array((np.ones(ends.shape[1], bool), ends), shape=(len(faces), len(faces)))
    return firsts(connected_components(edges, directed=False)[1])


def firsts(values: np.ndarray) -> np.ndarray:
    """For each of `values` [N] the position where its like first stands: int64 [N]."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return first[inverse]


def perceptual_hashes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint64 [N] of uint8 [N, H, W]; and bool [N], whether an image has more than one grey.

    A bit for each of the 8x8 lowest frequencies of the cosine transform: above their median or not.
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
    """The pairs (i, k), i < k, of `hashes` uint64 [N] that differ in at most `most` bits."""
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(hashes), BLOCK):
        different = hashes[start : start + BLOCK, None] ^ hashes[None, start:]
        left, right = np.nonzero(np.bitwise_count(different) <= most)
        earlier = left < right
        found.append((left[earlier] + start, right[earlier] + start))
    left, right = zip(*found, strict=True)
    return np.concatenate(left), np.concatenate(right)


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the middle of `one` [H, W] correlates with some place in `other` by ALIKE or more."""
    height, width = (side // MARGIN for side in one.shape)
    middle = one[height : len(one) - height, width : one.shape[1] - width]
    return float(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED).max()) >= ALIKE


def votes(groups: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of each face's group: [n]; and each group's count of labels: [groups, classes]."""
    names, group = np.unique(groups, return_inverse=True)
    counts = np.bincount(group * classes + labels, minlength=len(names) * classes)
    return group, counts.reshape(len(names), classes)
