"""The record of a network, compared with the same dataset, another one, and FER2013's parts."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fer.data.exposure import Seen, elsewhere, foreign, identical, listed, record
from fer.data.faces import Faces, as_classes, pixel_hashes
from fer.data.sources import FER2013
from fer.data.splits import strategies
from fer.data.splits.split import Split

DATA = os.environ.get("FER_DATA_DIR")


def make(greys: list[int], *, first: int = 0) -> Faces:
    """Faces of one grey each, their rows counted from `first`."""
    images = np.array(greys, np.uint8).reshape(-1, 1, 1)
    return Faces(
        images=images,
        labels=np.arange(len(greys)) % 2,
        parts=np.full(len(greys), -1, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(first, first + len(greys)),
        classes=("sad", "happy"),
        source="faces.csv",
    )


# Rows 4 and 5 are duplicates of row 0, which trains, and of row 2, which validates.
FACES = make([10, 20, 30, 40, 10, 30, 50])
SEEN = [
    record(FACES, Split("file", None, train=np.array([0, 1]), val=np.array([2]), test=np.array([4, 5, 6])))
]  # fmt: skip


def test_rows_are_recognised_in_the_same_dataset_only() -> None:
    every = np.arange(7)
    assert listed(FACES, every, SEEN, "train").tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert listed(FACES, every, SEEN, "val").tolist() == [0, 0, 1, 0, 0, 0, 0]
    other = make([10, 20, 30])  # the same images in the same rows, but another dataset
    assert not listed(other, np.arange(3), SEEN, "train").any()
    assert foreign(FACES, SEEN) == [] and foreign(other, SEEN) == SEEN


def test_duplicates_are_recognised_in_any_dataset() -> None:
    test = np.array([4, 5, 6])
    assert identical(FACES, test, SEEN, "test").tolist() == [1, 1, 0]
    assert identical(FACES, test, SEEN, "val").tolist() == [1, 0, 0]  # it chose by its own rows
    assert identical(FACES, test, SEEN, "train").tolist() == [0, 0, 0]
    assert identical(make([60, 30, 20]), np.arange(3), SEEN, "test").tolist() == [0, 1, 1]


def test_duplicates_of_another_dataset_only() -> None:
    other = make([10, 50])  # row 4 of FACES has a duplicate in FACES too, row 6 has not
    theirs = record(
        other, Split("file", None, np.array([0, 1]), np.array([], int), np.array([], int))
    )
    test = np.array([4, 5, 6])
    assert elsewhere(FACES, test, [*SEEN, theirs], "test").tolist() == [0, 0, 1]
    assert elsewhere(FACES, test, [theirs], "test").tolist() == [1, 0, 1]
    assert not elsewhere(FACES, test, SEEN, "test").any()


@pytest.mark.parametrize(
    ("faces", "same"),
    [
        (replace(FACES, source="moved.csv", labels=1 - FACES.labels), True),
        (make([10, 20, 30, 40, 10, 30, 51]), False),
        (make([20, 10, 30, 40, 10, 30, 50]), False),
        (make([10, 20, 30, 40, 10, 30, 50], first=1), False),
    ],
)
def test_a_dataset_is_its_pixels_and_rows(faces: Faces, same: bool) -> None:
    assert (faces.fingerprint == FACES.fingerprint) is same


def test_records_differ_by_fingerprint_and_rows() -> None:
    (seen,) = SEEN
    assert seen == Seen(seen.fingerprint, seen.train.clone(), seen.val.clone())
    assert seen != Seen(seen.fingerprint, seen.train, seen.train)
    assert seen != Seen("", seen.train, seen.val)


def test_labels_move_to_a_networks_classes() -> None:
    faces = replace(FACES, targets=np.eye(2, dtype=np.float32)[FACES.labels])
    moved = as_classes(faces, ("happy", "neutral", "sad"))
    assert moved.labels.tolist() == [2, 0, 2, 0, 2, 0, 2]
    assert (moved.targets.argmax(1) == moved.labels).all() and moved.targets.sum() == 7
    assert as_classes(faces, ("sad", "happy")) is faces


@pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)
@pytest.mark.parametrize(("kind", "rows", "clean"), [("official", 3589, 3275), (78, 5383, 4898)])
def test_fer2013s_clean_rows(kind: str | int, rows: int, clean: int) -> None:
    faces = FER2013(path=f"{DATA}/fer2013.csv").faces
    split = (
        strategies.official(faces) if kind == "official" else strategies.random(faces, seed=kind)
    )
    seen = [record(faces, split)]
    assert len(split.test) == rows
    assert (~identical(faces, split.test, seen, "test")).sum() == clean
    assert not listed(faces, split.test, seen, "train").any()
    assert torch.is_tensor(seen[0].train) and seen[0].train.shape == (2, len(split.train))
