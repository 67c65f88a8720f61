"""Groups of identical and nearly identical images, by hand and against OpenCV and a plain loop."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.data.drawn import draw
from fer.data.faces import Faces, pixel_hashes
from fer.data.sources import FER2013
from fer.data.splits import duplicates

DATA = os.environ.get("FER_DATA_DIR")
needs_data = pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)


def make(images) -> Faces:
    images = np.asarray(images, np.uint8)
    count = len(images)
    return Faces(
        images=images,
        labels=np.zeros(count, np.int64),
        parts=np.zeros(count, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(count),
        classes=("a",),
        source="faces.csv",
    )


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([draw(k % 7, rng) for k in range(140)])


def shifted(face: np.ndarray, by: int) -> np.ndarray:
    return cv2.warpAffine(
        face, np.float64([[1, 0, by], [0, 1, 0]]), face.shape, borderMode=cv2.BORDER_REPLICATE
    )


def rescaled(face: np.ndarray) -> np.ndarray:
    return cv2.resize(cv2.resize(face, (36, 36), interpolation=cv2.INTER_AREA), face.shape)


def recompressed(face: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 0)


def test_identical_images_share_the_place_of_the_first():
    greys = np.array([4, 7, 4, 9, 7, 4])[:, None, None] * np.ones((1, 8, 8))
    assert duplicates.groups(make(greys)).tolist() == [0, 1, 0, 3, 1, 0]


def test_a_hash_is_opencvs_cosine_transform_above_its_median(drawn):
    hashes, structured = duplicates.perceptual_hashes(drawn[:20])
    assert structured.all()
    for face, found in zip(drawn, hashes, strict=False):
        low = cv2.dct(face.astype(np.float64))[:8, :8].ravel()
        bits = "".join("1" if value > np.median(low) else "0" for value in low)
        assert int(bits, 2) == int(found)


def test_near_pairs_are_those_of_a_plain_loop(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", 7)  # so that pairs lie within blocks and across them
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 40, dtype=np.uint64)
    hashes[20:] = hashes[:20] ^ (np.uint64(1) << rng.integers(0, 64, 20, dtype=np.uint64))
    hashes[30:] = hashes[:10]
    for most in (0, 1, 25):
        wanted = {
            (i, k)
            for i in range(40)
            for k in range(i + 1, 40)
            if (int(hashes[i]) ^ int(hashes[k])).bit_count() <= most
        }
        left, right = duplicates.near_pairs(hashes, most)
        assert len(left) == len(wanted)
        assert set(zip(left.tolist(), right.tolist(), strict=True)) == wanted
        assert len(wanted) >= {0: 10, 1: 20, 25: 40}[most]


@pytest.mark.parametrize(
    ("change", "share"),
    [(lambda face: shifted(face, 1), 0.85), (rescaled, 0.99), (recompressed, 0.99)],
    ids=["shifted", "rescaled", "recompressed"],
)
def test_changed_copies_are_found(drawn, change, share):
    copies = np.stack([change(face) for face in drawn])
    assert not (copies == drawn).all(axis=(1, 2)).any()  # no pixel-identical one among them
    group = duplicates.groups(make(np.concatenate([drawn, copies])), near=8)
    found = group[len(drawn) :] == group[: len(drawn)]
    assert found.mean() >= share


def test_different_faces_are_not_found(drawn):
    group = duplicates.groups(make(drawn), near=8)
    assert (group == np.arange(len(drawn))).mean() >= 0.99


def test_alike_is_numpys_correlation_at_the_best_shift(drawn):
    def best(one: np.ndarray, other: np.ndarray) -> float:
        places = [other[y : y + 40, x : x + 40].ravel() for y in range(9) for x in range(9)]
        return max(np.corrcoef(one[4:44, 4:44].ravel(), place)[0, 1] for place in places)

    pairs = [(a, b) for a in drawn[:12] for b in (*drawn[:12], shifted(a, 4))]
    found = [duplicates.alike(a, b) for a, b in pairs]
    assert found == [best(a, b) >= 0.9 for a, b in pairs]
    assert 24 <= sum(found) < 40


def test_a_close_hash_alone_is_no_copy():
    low = np.zeros((48, 48))
    low[:8, :8] = np.random.default_rng(2).normal(size=(8, 8))
    rough = np.where(low != 0, np.sign(low), 0) * 3 + 0.01 * low  # the same bits, other amounts
    images = np.stack(
        [cv2.normalize(cv2.idct(one), None, 0, 255, cv2.NORM_MINMAX) for one in (low, rough)]
    )
    (one, other), _ = duplicates.perceptual_hashes(images.astype(np.uint8))
    assert int(one ^ other).bit_count() <= 8
    assert duplicates.groups(make(images), near=8).tolist() == [0, 1]


def test_a_chain_joins_what_its_ends_would_not():
    """A face pushed to the side in small steps, until its first and last hash differ by far."""
    face = cv2.resize(draw(3, np.random.default_rng(5)), (480, 480))
    steps = [
        cv2.resize(shifted(face, by), (48, 48), interpolation=cv2.INTER_AREA) for by in range(60)
    ]
    faces = make(np.stack(steps))
    assert duplicates.groups(make(faces.images[[0, 59]]), near=8).tolist() == [0, 1]
    assert set(duplicates.groups(faces, near=8).tolist()) == {0}


def test_images_of_one_grey_join_only_their_like(drawn):
    flat = np.stack([np.full((48, 48), grey) for grey in (0, 0, 128, 255)])
    images = np.concatenate([flat, drawn[:40]])
    for near in (0, 12):
        group = duplicates.groups(make(images), near=near)
        assert group[:4].tolist() == [0, 0, 2, 3]
        assert not np.isin(group[4:], group[:4]).any()


def test_votes_by_hand():
    group, counts = duplicates.votes(np.array([8, 3, 8, 8, 3]), np.array([1, 0, 1, 2, 0]), 3)
    assert group.tolist() == [1, 0, 1, 1, 0]
    assert counts.tolist() == [[2, 0, 0], [0, 2, 1]]


@needs_data
def test_fer2013s_duplicates():
    faces = FER2013(path=f"{DATA}/fer2013.csv").faces
    test = faces.parts == 2
    identical, near = duplicates.groups(faces), duplicates.groups(faces, near=8)
    # Groups of more than one, their faces, the largest; test faces with one outside of test.
    for group, wanted in ((identical, (1516, 3369, 12, 314)), (near, (2476, 6257, 24, 618))):
        sizes = np.unique(group, return_counts=True)[1]
        touching = np.isin(group[test], group[~test]).sum()
        assert ((sizes > 1).sum(), sizes[sizes > 1].sum(), sizes.max(), touching) == wanted
    _, counts = duplicates.votes(identical, faces.labels, 7)
    assert ((counts > 0).sum(1) > 1).sum() == 57  # groups with more than one label
    black = np.flatnonzero(np.ptp(faces.images, axis=(1, 2)) == 0)
    assert len(black) == 12 and len(set(near[black])) == 1 and (near == near[black[0]]).sum() == 12
