"""Which parts a dataset has, persons that stay in one part, and classes that nothing trains."""

from dataclasses import replace

import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, pixel_hashes
from fer.data.module import FaceData
from fer.data.splits import leakage
from fer.data.splits.make import kind_of, make
from fer.data.splits.options import SplitOptions

TRAIN, VAL, TEST = range(3)
SPLITS = [{"split": "random"}, {"split": "holdout"}, {"split": "kfold", "folds": 4}]


def faces_of(labels, *, parts=None, groups=None) -> Faces:
    count = len(labels)
    images = np.arange(2 * count, dtype=np.uint8).reshape(count, 1, 2)
    return Faces(
        images=images,
        labels=np.asarray(labels, np.int64),
        parts=np.full(count, -1, np.int8) if parts is None else np.asarray(parts, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(count),
        classes=("a", "b"),
        source="faces.csv",
        groups=None if groups is None else np.asarray(groups),
    )


# 12 persons, each with two images of each class, five parts named or none.
PERSONS = faces_of([0, 1, 0, 1] * 12, groups=np.repeat(np.arange(12), 4))


def sides(faces, split):
    return [set(faces.groups[split.part(name)].tolist()) for name in PARTS]


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        *[([-1, -1, -1], "random"), ([TRAIN] * 3, "random"), ([TRAIN, TEST, TEST], "holdout")],
        *[([TRAIN, VAL, VAL], "official"), ([TRAIN, VAL, TEST], "official")],
        *[([TEST] * 3, "official"), ([VAL] * 3, "official"), ([VAL, TEST, VAL], "official")],
    ],
)
def test_auto_follows_the_parts(parts, kind):
    assert kind_of(faces_of([0] * 3, parts=parts), SplitOptions()) == kind


def test_one_part_is_split_and_says_so():
    split = make(faces_of([0, 1] * 10, parts=[TRAIN] * 20), SplitOptions())
    assert [len(split.part(name)) for name in PARTS] == [14, 3, 3]
    assert split.notes == ("only a part train: it is split as data.split=random does",)


def test_train_and_val_are_enough_and_a_test_alone_too():
    class Data(FaceData):
        def read(self):
            return faces_of([0, 1, 0], parts=self.named)

    data = Data()
    data.named = [TRAIN, TRAIN, VAL]
    data.require("train", "val")
    with pytest.raises(InputError, match="faces.csv: no test rows in split official; .*part=all"):
        data.require("test")
    data = Data()
    data.named = [TEST] * 3
    data.require("test")
    with pytest.raises(InputError, match="no train rows .*data.split=random"):
        data.require("train")


@pytest.mark.parametrize("options", SPLITS)
@pytest.mark.parametrize("count", [4, 7, 12])
def test_a_person_is_never_in_two_parts(options, count):
    faces = PERSONS if count == 12 else faces_of([0, 1] * 2 * count, groups=np.repeat(np.arange(count), 4))  # fmt: skip
    split = make(faces, SplitOptions(**options))
    train, val, test = sides(faces, split)
    assert not (train & val or train & test or val & test) and train and val
    assert bool(test) == (options["split"] == "random")
    assert train | val | test == set(range(count))


@pytest.mark.parametrize("options", SPLITS[1:])
def test_persons_of_the_sources_test_leave_train_and_val(options):
    faces = replace(PERSONS, parts=np.where(np.arange(48) % 16 == 0, TEST, TRAIN).astype(np.int8))
    split = make(faces, SplitOptions(**options))
    train, val, test = sides(faces, split)
    assert test == {0, 4, 8} and not (train & val or (train | val) & test)
    assert split.removed["train_persons"] + split.removed["val_persons"] == 9


def test_persons_and_duplicates_are_kept_together():
    faces = replace(PERSONS, hashes=np.where(np.arange(48) % 4 == 0, 7, PERSONS.hashes))
    options = {"split": "kfold", "folds": 2, "twins": "group"}
    with pytest.raises(InputError, match="only 1 different"):  # one image joins all persons
        make(faces, SplitOptions(**options))


def test_leakage_counts_persons():
    faces = faces_of([0] * 5, parts=[0, 0, 1, 2, 2], groups=[1, 2, 3, 3, 4])
    split = make(faces, SplitOptions())
    assert leakage.leaks(faces, split)["test_persons_in_train_or_val"] == 1
    assert "; 1 test rows of persons in train or val" in leakage.describe(faces, split)


def test_a_class_that_nothing_trains_is_noted():
    split = make(faces_of([0, 0, 1, 0, 1, 1], parts=[0, 0, 1, 1, 2, 2]), SplitOptions())
    (note,) = split.notes
    assert note.startswith("no training images of b") and "1 val and 2 test images" in note
