"""What data.split, twins and conflicts make of a set: by hand, against scikit-learn, on FER2013."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces, pixel_hashes
from fer.data.module import FaceData
from fer.data.sources import FER2013
from fer.data.splits import leakage, strategies
from fer.data.splits.file import export
from fer.data.splits.make import make, without_duplicates
from fer.data.splits.options import SplitOptions
from fer.data.splits.split import Split, apply_labels

DATA = os.environ.get("FER_DATA_DIR")
needs_data = pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)


def faces_of(labels, *, parts=None, greys=None, rows=None) -> Faces:
    """Faces of one grey each, all different unless `greys` says otherwise."""
    count = len(labels)
    images = np.arange(count) if greys is None else np.asarray(greys)
    images = np.stack([images // 256, images % 256], axis=1).astype(np.uint8).reshape(-1, 1, 2)
    return Faces(
        images=images,
        labels=np.asarray(labels, np.int64),
        parts=np.full(count, -1, np.int8) if parts is None else np.asarray(parts, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(count) if rows is None else np.asarray(rows),
        classes=("a", "b", "c"),
        source="faces.csv",
    )


RNG = np.random.default_rng(0)
# 600 faces of three classes, a fifth of them copies of an earlier one, with parts like FER2013's.
GREYS = np.where(RNG.random(600) < 0.2, RNG.integers(0, 300, 600), np.arange(600))
FACES = faces_of(
    RNG.choice(3, 600, p=[0.6, 0.3, 0.1])[GREYS],
    greys=GREYS,
    parts=RNG.choice(3, 600, p=[0.8, 0.1, 0.1]),
    rows=np.arange(600) * 2 + 1,
)


def crossing(faces: Faces, split: Split) -> int:
    """How many images stand in more than one part, counted without the code under test."""
    sides = [{image.tobytes() for image in faces.images[split.part(name)]} for name in PARTS]
    return len(sides[0] & sides[1]) + len(sides[0] & sides[2]) + len(sides[1] & sides[2])


def shares(faces: Faces, positions: np.ndarray) -> np.ndarray:
    counts = np.array(faces.counts(positions))
    return counts / counts.sum()


@pytest.mark.parametrize("fold", range(4))
def test_a_fold_is_scikit_learns(fold):
    split = make(FACES, SplitOptions(split="kfold", folds=4, fold=fold, seed=3))
    rest = np.flatnonzero(FACES.parts < 2)
    cut = StratifiedKFold(4, shuffle=True, random_state=3).split(rest, FACES.labels[rest])
    train, val = list(cut)[fold]
    assert split.train.tolist() == rest[train].tolist()
    assert split.val.tolist() == rest[val].tolist()
    assert split.test.tolist() == np.flatnonzero(FACES.parts == 2).tolist()
    assert (split.kind, split.seed, split.folds, split.fold) == ("kfold", 3, 4, fold)


@pytest.mark.parametrize(("share", "seed"), [(0.1, 0), (0.25, 7)])
def test_a_share_held_out_is_scikit_learns(share, seed):
    faces = replace(FACES, parts=np.where(FACES.parts == 1, 0, FACES.parts))
    split = make(faces, SplitOptions(split="holdout", val_share=share, seed=seed))
    rest = np.flatnonzero(faces.parts == 0)
    train, val = train_test_split(
        rest, stratify=faces.labels[rest], test_size=share, random_state=seed
    )
    assert (split.train.tolist(), split.val.tolist()) == (sorted(train), sorted(val))
    assert split.test.tolist() == np.flatnonzero(faces.parts == 2).tolist()
    assert (split.kind, split.seed, split.val_share) == ("holdout", seed, share)
    # Where the source names a val part too, it is one with train.
    assert make(
        FACES, SplitOptions(split="holdout", val_share=share, seed=seed)
    ).val.tolist() == sorted(val)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_grouped_share_cuts_no_group_and_loses_only_what_test_holds(seed):
    kept = make(FACES, SplitOptions(split="holdout", val_share=0.2, seed=seed))
    split = make(FACES, SplitOptions(split="holdout", val_share=0.2, seed=seed, twins="group"))
    assert crossing(FACES, kept) > 10 and crossing(FACES, split) == 0
    tested = set(GREYS[FACES.parts == 2])
    rest = [at for at in np.flatnonzero(FACES.parts < 2) if GREYS[at] not in tested]
    assert sorted(np.concatenate([split.train, split.val])) == rest
    assert abs(len(split.val) / len(rest) - 0.2) < 0.03
    np.testing.assert_allclose(shares(FACES, split.val), shares(FACES, rest), atol=0.05)


def test_folds_hold_every_face_once_and_the_source_may_name_no_val():
    faces = replace(FACES, parts=np.where(FACES.parts == 1, 0, FACES.parts))
    held = [make(faces, SplitOptions(split="kfold", folds=3, fold=fold)).val for fold in range(3)]
    assert sorted(np.concatenate(held)) == np.flatnonzero(faces.parts == 0).tolist()


@pytest.mark.parametrize("fold", range(3))
def test_grouped_folds_are_scikit_learns_without_what_test_holds(fold):
    split = make(FACES, SplitOptions(split="kfold", folds=3, fold=fold, twins="group", seed=1))
    rest = np.flatnonzero(FACES.parts < 2)
    groups = np.array([GREYS.tolist().index(grey) for grey in GREYS])[rest]
    cutter = StratifiedGroupKFold(3, shuffle=True, random_state=1)
    train, val = list(cutter.split(rest, FACES.labels[rest], groups))[fold]
    tested = set(GREYS[FACES.parts == 2])
    assert split.train.tolist() == [at for at in rest[train] if GREYS[at] not in tested]
    assert split.val.tolist() == [at for at in rest[val] if GREYS[at] not in tested]
    assert crossing(FACES, split) == 0
    assert sum(split.removed.values()) == sum(GREYS[at] in tested for at in rest) > 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_grouped_random_split_cuts_no_group_and_keeps_the_shares(seed):
    split = make(FACES, SplitOptions(split="random", twins="group", seed=seed))
    assert crossing(FACES, make(FACES, SplitOptions(split="random", seed=seed))) > 10
    assert crossing(FACES, split) == 0
    assert sorted(np.concatenate([split.part(name) for name in PARTS])) == list(range(600))
    for name, size in zip(PARTS, (420, 90, 90), strict=True):
        part = split.part(name)
        assert abs(len(part) - size) <= 3
        np.testing.assert_allclose(shares(FACES, part), shares(FACES, slice(None)), atol=0.03)


def test_drop_by_hand():
    #                  train          val      test
    greys = [1, 2, 3, 4, 2, 9, 4, 5, 6, 1, 5, 8, 7]
    parts = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    split = make(faces_of([0] * 13, greys=greys, parts=parts), SplitOptions(twins="drop"))
    assert split.train.tolist() == [
        1,
        2,
        4,
        5,
    ]  # 0 has a duplicate in test, 3 in val; those of 1 and 4 are in train
    assert split.val.tolist() == [6, 8]
    assert split.test.tolist() == [9, 10, 11, 12]
    assert split.removed == {"train_twins": 2, "val_twins": 1}


@pytest.mark.parametrize("split", ["official", "holdout", "random", "kfold"])
def test_drop_leaves_test_whole_and_clean(split):
    kept, dropped = (
        make(FACES, SplitOptions(split=split, twins=twins)) for twins in ("keep", "drop")
    )
    assert dropped.test.tolist() == kept.test.tolist()
    assert crossing(FACES, dropped) == 0
    assert leakage.leaks(FACES, dropped) == {"test_in_train": 0, "test_in_train_or_val": 0}
    for name in ("train", "val"):
        gone = set(kept.part(name)) - set(dropped.part(name))
        assert dropped.removed[f"{name}_twins"] == len(gone) > 0


def test_near_duplicates_are_duplicates_too():
    """Two images whose groups are one leave together, whatever their pixels are."""
    split = strategies.official(faces_of([0] * 6, parts=[0, 0, 0, 1, 1, 2]))
    groups = np.array([0, 1, 2, 1, 4, 2])
    assert without_duplicates(split, groups).train.tolist() == [0]
    noise = np.random.default_rng(4).integers(0, 255, (30, 24, 24)).astype(np.uint8)
    noise[29] = noise[0] ^ 1  # in test: nearly the first of train
    faces = replace(faces_of([0] * 30, parts=[0] * 25 + [1] * 2 + [2] * 3), images=noise)
    assert 0 in make(faces, SplitOptions(twins="drop")).train
    assert 0 not in make(faces, SplitOptions(twins="drop", near_twins=4)).train


# Grey 1: two of label 0, one of 1. Grey 2: a tie. Grey 3: its duplicate in test has another label,
# which is no conflict within train. Grey 4: no conflict. Grey 5: val's label is not looked at.
CONFLICTS = {
    "greys": [1, 1, 1, 2, 2, 3, 4, 4, 5, 5, 3],
    "labels": [0, 0, 1, 0, 2, 1, 2, 2, 1, 0, 2],
    "parts": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2],
}


def test_conflicts_drop_by_hand():
    split = make(faces_of(**CONFLICTS), SplitOptions(conflicts="drop"))
    assert split.train.tolist() == [5, 6, 7, 8]
    assert (split.val.tolist(), split.test.tolist()) == ([9], [10])
    assert split.removed == {"train_conflicts": 5} and split.relabelled == {}


def test_conflicts_majority_by_hand():
    faces = faces_of(**CONFLICTS)
    split = make(faces, SplitOptions(conflicts="majority"))
    assert split.train.tolist() == [0, 1, 2, 5, 6, 7, 8]  # a tie has no majority
    assert split.removed == {"train_conflicts": 2} and split.relabelled == {2: 0}
    changed = apply_labels(faces, split)
    assert changed.labels.tolist() == [0, 0, 0, 0, 2, 1, 2, 2, 1, 0, 2]
    assert faces.labels[2] == 1  # the source's labels stay as they are


def test_conflicts_do_not_look_at_measured_labels():
    faces = faces_of(**CONFLICTS)
    other = replace(faces, labels=np.where(faces.parts > 0, 2 - faces.labels, faces.labels))
    for conflicts in ("drop", "majority"):
        one, two = (make(these, SplitOptions(conflicts=conflicts)) for these in (faces, other))
        assert one.train.tolist() == two.train.tolist() and one.relabelled == two.relabelled


def test_soft_labels_have_no_majority():
    faces = replace(faces_of(**CONFLICTS), targets=np.full((11, 3), 1 / 3, np.float32))
    with pytest.raises(InputError, match="^data.conflicts: majority, .*soft labels"):
        make(faces, SplitOptions(conflicts="majority"))


def test_training_uses_the_majority_and_val_does_not():
    faces = faces_of(**CONFLICTS)

    class Data(FaceData):
        def read(self) -> Faces:
            return faces

    data = Data(conflicts="majority", batch_size=7)
    (batch,) = list(data.train_dataloader())
    labels = dict(zip(batch["rows"].tolist(), batch["labels"].tolist(), strict=True))
    assert labels == {0: 0, 1: 0, 2: 0, 5: 1, 6: 2, 7: 2, 8: 1}
    assert next(iter(data.val_dataloader()))["labels"].tolist() == [0]
    assert data.faces.labels[2] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"split": "random", "twins": "drop", "seed": 2},
        {"split": "random", "twins": "group"},
        {"split": "holdout", "val_share": 0.2, "twins": "group"},
        {"split": "kfold", "fold": 1, "folds": 3, "conflicts": "drop"},
        {"twins": "drop", "conflicts": "majority"},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_a_written_split_reads_as_it_was(tmp_path, options):
    labels = np.random.default_rng(1).choice(3, 600)  # copies have labels of their own
    faces = replace(FACES, labels=labels)
    split = make(faces, SplitOptions(**options))
    path = tmp_path / "split.json"
    path.write_text(json.dumps(export(apply_labels(faces, split), split)))
    again = make(faces, SplitOptions(split="file", split_file=str(path)))
    for name in PARTS:
        assert again.part(name).tolist() == split.part(name).tolist()
    assert again.relabelled == split.relabelled
    assert bool(split.relabelled) == (options.get("conflicts") == "majority")
    content = json.loads(path.read_text())
    kind = options.get("split", "official")
    assert content["kind"] == kind and content["removed"] == split.removed
    assert content["twins"] == options.get("twins", "keep")
    assert (content["folds"], content["fold"]) == ((3, 1) if kind == "kfold" else (None, None))
    assert content["val_share"] == options.get("val_share")


def test_a_split_file_may_be_cleaned_further(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps(export(FACES, make(FACES, SplitOptions(split="random", seed=6)))))
    cleaned = make(FACES, SplitOptions(split="file", split_file=str(path), twins="drop"))
    assert (
        cleaned.train.tolist()
        == make(FACES, SplitOptions(split="random", seed=6, twins="drop")).train.tolist()
    )


@pytest.mark.parametrize(
    "written",
    ['{"0": 3}', '{"0": -1}', '{"0": true}', '{"0": "1"}', '{"2": 1}', '{"x": 1}', "[1]", "null"],
)
def test_bad_labels_in_a_split_file_are_one_line(tmp_path, written):
    path = tmp_path / "split.json"
    path.write_text(f'{{"train": [0, 1], "val": [2], "test": [3], "relabelled": {written}}}')
    with pytest.raises(InputError, match="split.json: 'relabelled'"):
        make(faces_of([0] * 4), SplitOptions(split="file", split_file=str(path)))


def test_what_a_run_opens_with():
    faces = faces_of(**CONFLICTS)
    assert leakage.describe(faces, make(faces, SplitOptions())) == (
        "duplicates: 1 test rows have one in train or val, 1 of them in train; removed: none"
    )
    both = make(faces, SplitOptions(twins="drop", conflicts="majority"))
    assert leakage.describe(faces, both) == (
        "duplicates: 0 test rows have one in train or val, 0 of them in train; "
        "removed: 2 train duplicates, 2 train conflicts; relabelled: 1 train rows"
    )


def test_a_run_opens_with_what_it_does_to_the_sources_own_test_part(tmp_path: Path):
    faces = faces_of([0] * 6, parts=[0, 0, 1, 2, 2, 2])
    path = tmp_path / "split.json"
    path.write_text('{"train": [0, 3], "val": [4, 5], "test": [1, 2]}')
    split = make(faces, SplitOptions(split="file", split_file=str(path)))
    assert leakage.own_test(faces, split) == {"own_test_in_train": 1, "own_test_in_val": 2}
    reported = "; rows of the source's own test part: 1 in train, 2 in val"
    assert leakage.describe(faces, split).endswith(reported)


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"split": "kfold", "fold": 5}, "fold: 5, expected 0 to 4"),
        ({"fold": 1}, "fold: 1, expected 0 with data.split=auto"),
        ({"split": "file"}, "split_file: null"),
        ({"split": "file", "split_file": "a.json"}, "split_file: no file a.json"),
        ({"split_file": "a.json"}, "split_file: a.json, expected null with data.split=auto"),
        ({"split": "official", "twins": "group"}, "twins: group, but data.split=official"),
        ({"near_twins": 4}, "near_twins: 4, expected null with data.twins=keep"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(options, start):
    with pytest.raises(ValueError) as fault:
        SplitOptions(**options)
    assert str(fault.value).startswith(start) and "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("faces", "options", "named"),
    [
        (
            faces_of([0] * 3, parts=[0, 1, 2]),
            {"twins": "group"},
            "data.twins: group, data.split=official",
        ),
        (faces_of([0] * 4, parts=[2] * 4), {"split": "kfold"}, "no train rows, data.split=kfold"),
        (
            faces_of([0] * 20 + [1] * 4 + [2], parts=[0] * 24 + [2]),
            {"split": "kfold"},
            "faces.csv: 4 images of b, data.folds=5 needs 5",
        ),
        (
            faces_of([0] * 20 + [1] + [2], parts=[0] * 21 + [2]),
            {"split": "holdout"},
            "faces.csv: 1 images of b, data.split=holdout needs 2",
        ),
        (
            faces_of([0] * 20 + [1] * 5 + [2], greys=[1] * 25 + [2], parts=[0] * 25 + [2]),
            {"split": "holdout", "twins": "group"},
            "faces.csv: 1 images of a, data.split=holdout needs 2",
        ),
        (
            faces_of([0] * 8 + [1] * 2 + [2], parts=[0] * 10 + [2]),
            {"split": "holdout"},
            "data.val_share: 0.1, 10 images, 1 for val, 9 for train, (2)",
        ),
        (
            faces_of([0] * 20 + [2] * 9),
            {"split": "random", "twins": "group"},
            "faces.csv: 9 images of c, data.twins=group needs 10",
        ),
        (
            faces_of([0] * 20, greys=[1] * 20),
            {"split": "random", "twins": "group"},
            "data.split: only 1 different, 3 folds",
        ),
        (
            faces_of([0] * 3, greys=[1, 2, 2], parts=[0, 1, 2]),
            {"twins": "drop"},
            "faces.csv: no val rows, data.twins=drop, data.conflicts=keep",
        ),
    ],
)
def test_what_cannot_be_split_is_one_line(faces, options, named):
    with pytest.raises(InputError) as fault:
        make(faces, SplitOptions(**options))
    assert [each for each in named.split(", ") if each not in str(fault.value)] == []
    assert "\n" not in str(fault.value)


@pytest.fixture(scope="module")
def fer2013() -> Faces:
    return FER2013(path=f"{DATA}/fer2013.csv").faces


@needs_data
@pytest.mark.parametrize(
    ("options", "sizes", "removed"),
    [
        ({"twins": "drop"}, [28_006, 3_543, 3_589], {"train_twins": 703, "val_twins": 46}),
        ({"conflicts": "drop"}, [28_602, 3_589, 3_589], {"train_conflicts": 107}),
        ({"conflicts": "majority"}, [28_661, 3_589, 3_589], {"train_conflicts": 48}),
        ({"split": "random", "seed": 78, "twins": "drop"}, [24_197, 5_290, 5_383],
         {"train_twins": 923, "val_twins": 94}),
        ({"split": "kfold"}, [25_838, 6_460, 3_589], {}),
        ({"split": "holdout", "val_share": 0.2}, [25_838, 6_460, 3_589], {}),
    ],
)  # fmt: skip
def test_fer2013s_splits(fer2013, options, sizes, removed):
    split = make(fer2013, SplitOptions(**options))
    assert [len(split.part(name)) for name in PARTS] == sizes
    assert split.removed == removed
    if options.get("twins"):
        assert crossing(fer2013, split) == 0
        assert leakage.leaks(fer2013, split)["test_in_train_or_val"] == 0
    if options.get("conflicts") == "majority":
        assert len(split.relabelled) == 19


@pytest.mark.slow
@needs_data
def test_fer2013_in_groups(fer2013):
    split = make(fer2013, SplitOptions(split="random", seed=78, twins="group"))
    assert crossing(fer2013, split) == 0 and sum(split.removed.values()) == 0
    assert [len(split.part(name)) for name in PARTS] == [25_120, 5_383, 5_384]
    for name in PARTS:  # to within a thousandth, as a plain stratified split
        np.testing.assert_allclose(
            shares(fer2013, split.part(name)), shares(fer2013, slice(None)), atol=0.001
        )
