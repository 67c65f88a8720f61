"""Statistics of datasets by hand, against NumPy, OpenCV and pandas, and FER2013's."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from fer.data import statistics
from fer.data.faces import Faces, pixel_hashes
from fer.data.sources import FER2013
from fer.data.splits import leakage, strategies
from fer.data.splits.split import Split

DATA = os.environ.get("FER_DATA_DIR")
needs_data = pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)


def make(images, labels, parts=None, classes=("calm", "tense", "pain")) -> Faces:
    images = np.asarray(images, np.uint8)
    return Faces(
        images=images,
        labels=np.array(labels, np.int64),
        parts=np.full(len(labels), -1, np.int8) if parts is None else np.array(parts, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(len(labels)),
        classes=classes,
        source="faces.csv",
    )


A, B, C, D = [[0, 255]], [[1, 2]], [[7, 7]], [[2, 1]]
#                  0  1  2  3  4  5  6
HAND = make([A, A, B, B, A, C, D], [0, 1, 1, 1, 0, 2, 0], [0, 2, 0, 0, 1, 0, 2])


def test_statistics_by_hand() -> None:
    parts = statistics.all_parts(HAND, None)
    assert {name: each.tolist() for name, each in parts.items()} == {
        "train": [0, 2, 3, 5], "val": [4], "test": [1, 6]
    }  # fmt: skip
    found = statistics.statistics_of(HAND, parts)
    assert found.constant.tolist() == [5]
    assert [each.tolist() for each in found.duplicates] == [[0, 1, 4], [2, 3]]
    assert [each.tolist() for each in found.conflicts] == [[0, 1, 4]]
    assert found.leaks.tolist() == [[2, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1]]
    assert found.brightness.tolist() == [127.5, 127.5, 1.5, 1.5, 127.5, 7, 1.5]
    assert found.contrast.tolist() == [127.5, 127.5, 0.5, 0.5, 127.5, 0, 0.5]


def test_faces_of_no_part_come_last_and_empty_parts_not_at_all() -> None:
    alone = statistics.all_parts(make([A, B], [0, 1]), None)
    assert {name: each.tolist() for name, each in alone.items()} == {"no part": [0, 1]}
    split = Split("file", None, np.array([1]), np.array([], int), np.array([3]))
    parts = statistics.all_parts(HAND, split)
    assert list(parts) == ["train", "test", "no part"]
    assert parts["no part"].tolist() == [0, 2, 4, 5, 6]


def test_a_dataset_without_duplicates() -> None:
    faces = make([A, B, C, D], [0, 1, 2, 0])
    found = statistics.statistics_of(faces, statistics.all_parts(faces, None))
    assert found.duplicates == found.conflicts == []
    assert found.leaks.tolist() == [[0, 0]]


def test_tone_is_opencvs_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "CHUNK", 3)
    images = np.random.default_rng(0).integers(0, 256, (10, 48, 48), np.uint8)
    images[4] = 201
    means, deviations = np.array([cv2.meanStdDev(image) for image in images]).squeeze().T
    brightness, contrast = statistics.tone(images)
    np.testing.assert_allclose(brightness, means)
    np.testing.assert_allclose(contrast, deviations, atol=1e-9)
    assert contrast[4] == 0


def test_duplicates_and_leaks_are_those_of_a_join() -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 300, 400).astype(np.uint64)
    names = rng.choice(["train", "val", "test"], 400)
    table = pd.DataFrame({"hash": hashes, "part": names, "row": range(400)})
    sizes = table.groupby("hash").size()
    groups = statistics.duplicate_groups(hashes)
    assert sorted(map(len, groups)) == sorted(sizes[sizes > 1])
    assert all(len(set(hashes[each])) == 1 for each in groups)
    parts = {name: np.flatnonzero(names == name) for name in ("train", "val", "test")}
    leaks = leakage.leakage(hashes, parts)
    pairs = table.merge(table, on="hash").query("row_x != row_y")
    for i, mine in enumerate(parts):
        of_mine = pairs[pairs.part_x == mine]
        for j, other in enumerate(parts):
            assert leaks[i, j] == of_mine[of_mine.part_y == other].row_x.nunique()
        assert leaks[i, -1] == of_mine[of_mine.part_y != mine].row_x.nunique()


def test_mean_faces_leave_out_classes_without_images() -> None:
    means = statistics.mean_faces(make([A, B, D], [0, 2, 2]))
    assert {name: each.tolist() for name, each in means.items()} == {
        "calm": A, "pain": [[2, 2]]
    }  # fmt: skip  # halves go to the even number


def test_examples_are_of_their_class_part_and_seed() -> None:
    rng = np.random.default_rng(2)
    faces = make(rng.integers(0, 256, (90, 2, 2)), rng.integers(0, 2, 90))
    pool = np.arange(10, 60)
    chosen = statistics.examples(faces, pool, most=5, seed=3)
    assert [len(each) for each in chosen] == [5, 5, 0]
    for label, each in enumerate(chosen):
        assert (faces.labels[each] == label).all() and np.isin(each, pool).all()
        assert (np.diff(each) > 0).all()
    again, other = (statistics.examples(faces, pool, most=5, seed=seed) for seed in (3, 4))
    assert all((a == b).all() for a, b in zip(chosen, again, strict=True))
    assert any(len(a) and (a != b).any() for a, b in zip(chosen, other, strict=True))


CHOICES = ("calm", "tense", "pain", "nf")


def test_agreement_by_hand() -> None:
    votes = np.array([[3, 0, 0, 0], [1, 1, 0, 1], [0, 4, 0, 0], [0, 1, 0, 2], [2, 0, 2, 0]])
    labels = np.array([0, 0, 1, 1, 2])
    ties = ("tense", "pain", "calm", "nf")
    found = statistics.agreement(labels, votes, classes=CHOICES[:3], choices=CHOICES, ties=ties)
    assert found.matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert found.same.tolist() == [0, 0, 1, 1, 1]
    assert found.other.tolist() == [0, 1, 1, 0, 0]
    assert found.ties == 2
    assert found.shares() == {"calm": 0.5, "tense": 0.5, "pain": 1}
    assert found.share() == 3 / 5
    assert found.share(without="nf") == 3 / 4


def test_agreement_is_scikit_learns() -> None:
    rng = np.random.default_rng(4)
    votes, labels = rng.integers(0, 5, (300, 4)), rng.integers(0, 2, 300)
    names = {"classes": CHOICES[:2], "choices": CHOICES, "ties": CHOICES}
    found = statistics.agreement(labels, votes, **names)
    expected = confusion_matrix(labels, votes.argmax(1), labels=range(4))
    np.testing.assert_array_equal(found.matrix, expected[:2])
    assert found.share() == accuracy_score(labels, votes.argmax(1))


@needs_data
def test_statistics_of_fer2013() -> None:
    faces = FER2013().faces
    found = statistics.statistics_of(faces, statistics.all_parts(faces, None))
    assert len(found.constant) == 12
    assert len(found.duplicates) == 1516
    assert len(np.unique(faces.hashes)) == 34034
    assert sum(map(len, found.duplicates)) == 35887 - 34034 + 1516
    assert len(found.conflicts) == 57
    assert found.leaks[2].tolist()[0] == 288 and found.leaks[2, -1] == 314
    lab = strategies.random(faces, seed=78)
    leaks = leakage.leakage(faces.hashes, statistics.all_parts(faces, lab))
    assert (leaks[2, 0], leaks[2, -1]) == (430, 485)
