"""Splits against scikit-learn and the lab's own, their leaks, and split files good and bad."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, pixel_hashes
from fer.data.sources import FER2013
from fer.data.splits import leakage, strategies
from fer.data.splits.file import export, from_file

DATA = os.environ.get("FER_DATA_DIR")
needs_data = pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)


def make(labels, *, parts=None, greys=None, rows=None, classes=("a", "b", "c")) -> Faces:
    """Faces of one grey each, all different unless `greys` says otherwise."""
    labels = np.asarray(labels)
    count = len(labels)
    images = np.arange(count) if greys is None else np.asarray(greys)
    images = np.stack([images // 256, images % 256], axis=1).astype(np.uint8).reshape(-1, 1, 2)
    return Faces(
        images=images,
        labels=labels.astype(np.int64),
        parts=np.full(count, -1, np.int8) if parts is None else np.asarray(parts, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(count) if rows is None else np.asarray(rows),
        classes=classes,
        source="faces.csv",
    )


FACES = make(np.random.default_rng(0).choice(3, 400, p=[0.7, 0.2, 0.1]))


@pytest.fixture(scope="module")
def fer2013() -> Faces:
    return FER2013(path=f"{DATA}/fer2013.csv").faces


@pytest.mark.parametrize("seed", [0, 78])
def test_random_is_scikit_learns(seed):
    split = strategies.random(FACES, seed=seed)
    train, rest, _, rest_labels = train_test_split(
        np.arange(400), FACES.labels, stratify=FACES.labels, test_size=0.3, random_state=seed
    )
    test, val = train_test_split(rest, stratify=rest_labels, test_size=0.5, random_state=seed)
    assert split.train.tolist() == sorted(train)
    assert split.val.tolist() == sorted(val)
    assert split.test.tolist() == sorted(test)
    assert (split.kind, split.seed) == ("random", seed)


def test_random_covers_every_face_once_and_depends_on_the_seed():
    split = strategies.random(FACES, seed=1)
    everything = np.concatenate([split.part(name) for name in PARTS])
    assert sorted(everything) == list(range(400))
    assert [len(split.part(name)) for name in PARTS] == [280, 60, 60]
    assert split.test.tolist() != strategies.random(FACES, seed=2).test.tolist()
    for name in PARTS:  # stratified: each class keeps its share, to within one face
        share = np.array(FACES.counts(split.part(name))) / len(split.part(name))
        np.testing.assert_allclose(share, np.array(FACES.counts()) / 400, atol=1 / 60)


def test_random_wants_seven_of_a_class():
    with pytest.raises(InputError, match="^faces.csv: 6 images of b, .* 7 different"):
        strategies.random(make([0] * 50 + [1] * 6), seed=0)
    seven = strategies.random(
        make([0] * 50 + [1] * 7), seed=0
    )  # class c, without any, is no hindrance
    assert len(seven.train) + len(seven.val) + len(seven.test) == 57


def test_official_takes_the_sources_parts():
    split = strategies.official(make([0] * 6, parts=[2, 0, 1, 0, -1, 2]))
    assert [split.part(name).tolist() for name in PARTS] == [[1, 3], [2], [0, 5]]
    assert strategies.official(make([0] * 3, parts=[0, 0, 2])).val.tolist() == []
    with pytest.raises(InputError, match="names no parts, .*data.split=official"):
        strategies.official(make([0] * 3))


def test_leaks_by_hand():
    #            train     val    test
    faces = make([0] * 9, greys=[1, 2, 3, 4, 5, 2, 4, 6, 2], parts=[0, 0, 0, 1, 1, 2, 2, 2, 2])
    split = strategies.official(faces)
    assert leakage.leaks(faces, split) == {"test_in_train": 2, "test_in_train_or_val": 3}


def test_export_and_from_file_go_round(tmp_path):
    # Numbered with gaps, as a set is whose unusable rows were left out.
    faces = make(FACES.labels, rows=np.arange(400) * 3 + 5)
    split = strategies.random(faces, seed=4)
    exported = export(faces, split)
    path = tmp_path / "split.json"
    path.write_text(json.dumps(exported))
    again = from_file(faces, path)
    for name in PARTS:
        np.testing.assert_array_equal(again.part(name), split.part(name))
        assert exported[name] == [3 * position + 5 for position in split.part(name)]
        assert sum(exported["counts"][name]) == len(exported[name])
    assert (again.kind, exported["kind"], exported["seed"]) == ("file", "random", 4)
    assert export(faces, again)["sha256"] == exported["sha256"]
    others = set(faces.hashes[np.concatenate([split.train, split.val])])
    found = [row for row, at in zip(exported["test"], split.test) if faces.hashes[at] in others]
    assert exported["test_twins"] == found
    assert len(found) == exported["leaks"]["test_in_train_or_val"]
    assert len(set(exported["sha256"].values())) == 3


def test_from_file_sorts(tmp_path):
    path = tmp_path / "split.json"
    path.write_text('{"train": [5, 1, 3], "val": [0], "test": [4, 2]}')
    split = from_file(make([0] * 6), path)
    assert [split.part(name).tolist() for name in PARTS] == [[1, 3, 5], [0], [2, 4]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no split.json"),
        ("{", "is no split.json"),
        (b"\xff\xfe\x00", "is no split.json"),
        ("[1, 2]", "'train' is no list of row numbers"),
        ('{"train": [0], "val": [1]}', "'test' is no list of row numbers"),
        ('{"train": [0], "val": [], "test": [1]}', "'val' is no list of row numbers"),
        ('{"train": [0], "val": ["1"], "test": [2]}', "'val' is no list of row numbers"),
        ('{"train": [true], "val": [1], "test": [2]}', "'train' is no list of row numbers"),
        ('{"train": [0, 9], "val": [1], "test": [2]}', "row 9 of train is not among the 6 rows"),
        ('{"train": [0], "val": [-1], "test": [2]}', "row -1 of val is not among the 6 rows"),
        ('{"train": [0, 3], "val": [1], "test": [3]}', "row 3 is listed twice"),
        ('{"train": [0, 0], "val": [1], "test": [3]}', "row 0 is listed twice"),
        (f'{{"train": [{2**70}], "val": [1], "test": [3]}}', f"row {2**70} of train is not among"),
    ],
)
def test_a_bad_split_file_is_one_line(tmp_path, content, message):
    path = tmp_path / "split.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as fault:
        from_file(make([0] * 6), path)
    text = str(fault.value)
    assert message in text and str(path) in text and "\n" not in text


def test_a_missing_split_file(tmp_path):
    with pytest.raises(InputError, match="^data.split_file: no file .*none.json$"):
        from_file(FACES, tmp_path / "none.json")


@needs_data
@pytest.mark.parametrize(("seed", "total"), [(78, 95_888_084), (99, 96_632_084)])
def test_the_labs_splits(fer2013, seed, total):
    split = strategies.random(fer2013, seed=seed)
    assert [len(split.part(name)) for name in PARTS] == [25_120, 5_384, 5_383]
    assert fer2013.rows[split.test].sum() == total  # of the lab's own test rows
    assert fer2013.counts(split.test) == [743, 82, 768, 1348, 911, 601, 930]


@needs_data
def test_fer2013s_own_split(fer2013):
    split = strategies.official(fer2013)
    assert [len(split.part(name)) for name in PARTS] == [28_709, 3_589, 3_589]
    assert fer2013.counts() == [4953, 547, 5121, 8989, 6077, 4002, 6198]
    assert len(np.unique(fer2013.hashes)) == 34_034


@needs_data
def test_fer2013s_leaks(fer2013):
    # Counted by comparing whole images.
    official, lab = strategies.official(fer2013), strategies.random(fer2013, seed=78)
    for split, in_train, in_either in ((official, 288, 314), (lab, 430, 485)):
        assert leakage.leaks(fer2013, split) == {
            "test_in_train": in_train,
            "test_in_train_or_val": in_either,
        }
