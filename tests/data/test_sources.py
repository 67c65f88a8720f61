"""The datamodules: what they know before reading, what they refuse, and a run on own classes."""

import json
import os
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.data import sources
from fer.data.labels import EMOTIONS
from fer.data.sources import FER2013, FERPlus, Folder, Parquet
from fer.data.splits.options import SplitOptions

DATA = os.environ.get("FER_DATA_DIR")
CLASSES = ("awe", "boredom", "contentment", "doubt", "envy", "pride", "relief", "wink & grin")
USAGES = ("Training", "PublicTest", "PrivateTest")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def photos(root: Path, *, folders=CLASSES, each: int = 7, width: int = 100) -> Path:
    """Colour photographs 80 high, each class with a tone of its own."""
    rng = np.random.default_rng(0)
    for tone, name in enumerate(folders):
        (root / name).mkdir(parents=True)
        for number in range(each):
            image = rng.normal(30 * tone + 20, 10, (80, width, 3)).clip(0, 255).astype(np.uint8)
            assert cv2.imwrite(str(root / name / f"{number}.jpg"), image)
    return root


def two_csv_files(folder: Path, *, count: int = 6) -> tuple[str, str]:
    """fer2013.csv of grey faces, and votes for it, each row won by another emotion."""
    csv, votes = folder / "fer2013.csv", folder / "fer2013new.csv"
    pixels = [" ".join([str(40 * row)] * 2304) for row in range(count)]
    usages = [USAGES[row % 3] for row in range(count)]
    pd.DataFrame({"emotion": 0, "pixels": pixels, "Usage": usages}).to_csv(csv, index=False)
    table = pd.DataFrame(np.diag([9] * 10)[:count], columns=(
        "anger disgust fear happiness sadness surprise neutral contempt unknown NF".split()
    ))  # fmt: skip
    table.insert(0, "Usage", usages)
    table.insert(1, "Image name", "")
    table.to_csv(votes, index=False)
    return str(csv), str(votes)


def test_ferplus_and_the_faces_it_relabels(tmp_path):
    csv, votes = two_csv_files(tmp_path)
    data = FERPlus(path=csv, votes=votes)
    assert data.classes == (*EMOTIONS, "contempt")
    assert data.faces.labels.tolist() == [0, 1, 2, 3, 4, 5] and data.faces.targets is None
    assert data.faces.notes[-1] == "labelled by FER+ (fer2013new.csv)"
    assert data.original.labels.tolist() == [0] * 6 and data.original.classes == EMOTIONS
    soft = FERPlus(path=csv, votes=votes, target="votes", classes=7)
    assert soft.classes == soft.faces.classes == EMOTIONS
    np.testing.assert_array_equal(soft.faces.targets, np.eye(7)[:6])
    mixed = FERPlus(path=csv, votes=votes, target="blend", own_share=0.25, classes=7)
    assert mixed.faces.labels.tolist() == [0] * 6
    np.testing.assert_array_equal(mixed.faces.targets, (np.eye(7)[[0] * 6] + 3 * np.eye(7)[:6]) / 4)
    # One set of rows with FER2013's own: what was seen of the one was seen of the other.
    assert mixed.faces.fingerprint == FER2013(path=csv).faces.fingerprint


def test_ferplus_finds_both_files_in_the_data_folder(tmp_path, monkeypatch):
    two_csv_files(tmp_path)
    monkeypatch.setenv("FER_DATA_DIR", str(tmp_path))
    assert len(FERPlus().faces) == len(FER2013().faces) == 6
    (tmp_path / "fer2013new.csv").unlink()
    with pytest.raises(
        ValueError, match="^votes: no file .*fer2013new.csv; get fer2013new.csv from"
    ):
        FERPlus()


def test_a_blend_drops_no_rows(tmp_path):
    csv, votes = two_csv_files(tmp_path)
    with pytest.raises(ValueError, match="^min_votes: 1, expected 0 with data.target=blend"):
        FERPlus(path=csv, votes=votes, target="blend", min_votes=1)


@pytest.mark.parametrize(
    "word",
    [
        "data.split=half",
        "data.seed=-1",
        "data.val_share=0.0",
        "data.val_share=1.0",
        "data.folds=1",
        "data.fold=-1",
        "data.twins=no",
        "data.near_twins=13",
        "data.near_twins=-1",
        "data.near_twins=few",
        "data.conflicts=no",
        "data.batch_size=0",
        "data.sampler=even",
        "data.channels=[]",
        "data.on_bad_row=drop",
        "data.target=mean",
        "data.min_votes=11",
        "data.own_share=1.5",
        "data.classes=9",
    ],
)
def test_values_out_of_range_are_one_line(word):
    key, value = word.split("=")
    with pytest.raises(InputError) as fault:
        subcommand.config_of(["data=ferplus", word])
    assert str(fault.value).startswith(f"{key}: ") and "\n" not in str(fault.value)
    assert value.strip("[]") in str(fault.value)


@pytest.mark.parametrize(
    "words",
    ["data=drawn data.count=499", "data=drawn data.draw_seed=-1", "data=folder data.size=0"],
)
def test_values_of_one_source_out_of_range_are_one_line(words):
    key, value = words.split()[1].split("=")
    with pytest.raises(InputError) as fault:
        subcommand.config_of(words.split())
    assert str(fault.value).startswith(f"{key}: {value}") and "\n" not in str(fault.value)


def test_a_folder_knows_its_classes_before_it_is_read(tmp_path):
    data = Folder(path=str(photos(tmp_path)), size=32, batch_size=8)
    assert (data.classes, data.size, data.parts.kind) == (CLASSES, 32, "random")
    assert data.faces.images.shape == (56, 32, 32) and data.faces.classes == CLASSES
    assert data.faces.counts() == [7] * 8
    by_tone = data.faces.images.reshape(8, -1).mean(1)
    np.testing.assert_allclose(by_tone, 30 * np.arange(8) + 20, atol=2)


def test_the_split_of_a_folder_is_official_where_it_names_parts(tmp_path):
    for part in ("train", "val", "test"):
        photos(tmp_path / part, folders=("a", "b"), each=2)
    data = Folder(path=str(tmp_path), batch_size=2)
    assert data.parts.kind == "official"
    assert [len(data.parts.part(name)) for name in ("train", "val", "test")] == [4, 4, 4]
    holdout = Folder(path=str(tmp_path), split="holdout", val_share=0.4)
    assert holdout.parts.kind == "holdout"


def test_a_folder_without_val_validates_on_a_share_of_train(tmp_path):
    photos(tmp_path / "train", folders=("a", "b"), each=10)
    photos(tmp_path / "Test", folders=("a", "b"), each=3)
    data = Folder(path=str(tmp_path), batch_size=2)
    assert data.parts.kind == "holdout"
    assert [len(data.parts.part(name)) for name in ("train", "val", "test")] == [18, 2, 6]
    assert data.faces.counts(data.parts.val) == [1, 1]
    assert data.parts.notes == ("no part val: 0.1 of train validates (data.val_share)",)
    again = Folder(path=str(tmp_path), batch_size=2, split="holdout", val_share=0.3, seed=5)
    assert again.parts.notes == () and len(again.parts.val) == 6
    other = Folder(path=str(tmp_path), batch_size=2, val_share=0.3)
    assert again.parts.val.tolist() != other.parts.val.tolist()
    only_test = Folder(path=str(tmp_path / "Test"), batch_size=2)
    assert only_test.faces.counts() == [3, 3]
    with pytest.raises(InputError, match="no val rows in split official; data.split=holdout"):
        Folder(path=str(tmp_path), split="official").require("train", "val")


def test_a_folder_is_read_again_only_when_a_file_has_changed(tmp_path, monkeypatch):
    root = photos(tmp_path, folders=("a", "b"), each=2)
    first = Folder(path=str(root)).faces
    with monkeypatch.context() as patch:
        patch.setattr(cv2, "imdecode", None)
        np.testing.assert_array_equal(Folder(path=str(root)).faces.images, first.images)
    cv2.imwrite(str(root / "a" / "0.jpg"), np.zeros((9, 9), np.uint8))
    assert Folder(path=str(root)).faces.images[0].max() == 0
    (root / "b" / "1.jpg").rename(root / "b" / "9.jpg")
    cv2.imwrite(str(root / "b" / "1.jpg"), np.zeros((9, 9), np.uint8))
    assert len(Folder(path=str(root)).faces) == 5


def test_links_in_a_circle_and_to_nothing(tmp_path):
    root = photos(tmp_path / "photos", folders=("a", "b"), each=2)
    (root / "a" / "up").symlink_to("..")
    (root / "c").symlink_to("b")  # a folder may be there twice
    assert Folder(path=str(root)).faces.counts() == [2, 2, 2]
    (root / "a" / "gone.txt").symlink_to("nowhere.txt")
    (note,) = Folder(path=str(root)).faces.notes
    assert note == "files that are no images: 1 of 7 (1 .txt), such as a/gone.txt"
    (root / "b" / "gone.png").symlink_to("nowhere.png")
    with pytest.raises(InputError, match="photos/b/gone.png: No such file or directory$"):
        Folder(path=str(root)).faces
    assert len(Folder(path=str(root), on_bad_row="skip").faces) == 6


def test_a_pipe_and_a_file_where_a_folder_is_expected(tmp_path):
    root = photos(tmp_path / "photos", folders=("a", "b"), each=2)
    os.mkfifo(root / "a" / "pipe.png")
    with pytest.raises(InputError, match="photos/a/pipe.png: no regular file$"):
        Folder(path=str(root)).faces
    with pytest.raises(ValueError, match="0.jpg: expected a folder, zip or tar of images;"):
        Folder(path=str(root / "a" / "0.jpg"))


def test_too_few_images_for_a_split_are_one_line(tmp_path):
    data = Folder(path=str(photos(tmp_path, folders=("a", "b"), each=1)))
    with pytest.raises(InputError, match="1 images of a, but data.split=random needs 7"):
        data.parts


@pytest.mark.parametrize("source", [Folder, Parquet])
def test_image_sets_check_their_options(source, tmp_path):
    with pytest.raises(ValueError, match="^path: null; name the images with data.path=PATH$"):
        source()
    with pytest.raises(ValueError, match="^path: no file or folder .*nowhere$"):
        source(path=str(tmp_path / "nowhere"))


def test_one_class_is_nothing_to_tell_apart(tmp_path):
    with pytest.raises(
        InputError, match="no folder names a class, all images are in a; expected two"
    ):
        Folder(path=str(photos(tmp_path, folders=("a",))))


def test_parquet_is_cached_and_split_at_random(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow, the extra `parquet`, is not installed")
    root = photos(tmp_path / "photos", folders=("a", "b"), each=7)
    files = sorted(root.glob("*/*.jpg"))
    table = pd.DataFrame(
        {"image": [file.read_bytes() for file in files], "label": [f.parent.name for f in files]}
    )
    table.to_parquet(tmp_path / "faces.parquet", engine="pyarrow")
    data = Parquet(path=str(tmp_path / "faces.parquet"), batch_size=2)
    assert (data.classes, data.parts.kind) == (("a", "b"), "random")
    folder = Folder(path=str(root))
    np.testing.assert_array_equal(data.faces.images, folder.faces.images)
    np.testing.assert_array_equal(data.faces.labels, folder.faces.labels)
    assert isinstance(Parquet(path=data.path).faces.images, np.memmap)


def test_a_folder_of_own_classes_trains_and_fills_a_run_folder(
    tmp_path, train_here, blank_pictures
):
    photos(tmp_path / "photos", each=14)
    (tmp_path / "photos" / "awe" / "broken.png").write_bytes(b"no image")
    words = "data=folder data.path=photos data.size=40 data.batch_size=16 trainer=debug".split()
    words += ["hydra.run.dir=run", "data.on_bad_row=skip", "data.channels=[original,sobel]"]
    done = train_here(*words, "model.channels=[4]", "model.repeats=[1]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "note: bad rows skipped: 1; the first at awe/broken.png: no complete image" in done.stdout
    )
    run = tmp_path / "run"
    wanted = "summary.json predictions.csv confusion_matrix.png curves.png report.html split.json"
    assert [name for name in wanted.split() if not (run / name).exists()] == []
    predictions = pd.read_csv(run / "predictions.csv")
    assert list(predictions.columns[4:]) == [f"p_{name}" for name in CLASSES]
    assert predictions["file"].str.endswith(".jpg").all()
    assert pd.read_csv(run / "summary.csv")["emotions"].tolist() == list(CLASSES)
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["notes"][0].split()) >= {"skipped:", "awe/broken.png:"}
    assert {f"test/recall_{name}" for name in CLASSES} <= set(summary)
    report = (run / "report.html").read_text()
    assert (
        "wink &amp; grin" in report and "bad rows skipped: 1; the first at awe/broken.png" in report
    )


def test_fer2013s_rows_keep_the_parts_they_have(tmp_path, monkeypatch) -> None:
    csv, votes = two_csv_files(tmp_path)  # its parts take turns
    known = FER2013(path=csv).faces.fingerprint
    monkeypatch.setattr(sources, "FER2013_FACES", known)
    monkeypatch.setattr(sources, "FER2013_PARTS", (2, 2, 2))
    message = r"4 rows .* \(row 1: val, expected train\)"
    for source in (FER2013(path=csv), FERPlus(path=csv, votes=votes)):
        with pytest.raises(InputError, match=message) as fault:
            source.faces
        assert "\n" not in str(fault.value)
    table = pd.read_csv(csv)
    table["Usage"] = sorted(table["Usage"], key=USAGES.index)
    table.to_csv(tmp_path / "right.csv", index=False)
    assert FER2013(path=str(tmp_path / "right.csv")).faces.parts.tolist() == [0, 0, 1, 1, 2, 2]
    table.drop(columns="Usage").to_csv(tmp_path / "none.csv", index=False)
    unnamed = FER2013(path=str(tmp_path / "none.csv")).faces
    assert unnamed.parts.tolist() == [0, 0, 1, 1, 2, 2]
    assert unnamed.notes[-1].startswith("6 rows name no part")


@pytest.mark.skipif(
    not (DATA and (Path(DATA) / "fer2013.csv").is_file()), reason="no fer2013.csv in FER_DATA_DIR"
)
def test_the_real_fer2013_is_known() -> None:
    faces = FER2013(path=f"{DATA}/fer2013.csv").faces
    assert faces.fingerprint == sources.FER2013_FACES
    assert np.bincount(faces.parts).tolist() == list(sources.FER2013_PARTS)


@pytest.mark.parametrize("option", ["drawn", "fer2013", "fer2021", "ferplus", "folder", "parquet"])
def test_every_option_has_the_split_options_and_their_defaults(option) -> None:
    written = subcommand.config_of([f"data={option}"]).data
    defaults = {field.name: field.default for field in fields(SplitOptions)}
    assert {name: written[name] for name in defaults} == defaults


def test_groups_of_images(tmp_path):
    for person in ("S1", "S2"):
        photos(tmp_path / person, folders=("angry", "happy"), each=1)
    (tmp_path / "list.csv").write_text(
        "image,label,subject\nS1/angry/0.jpg,angry,a\nS1/happy/0.jpg,happy,b\n"
    )

    def groups(**options):
        found = Folder(path=str(tmp_path), **options).table.groups
        return None if found is None else list(found)

    assert groups() == ["S1", "S1", "S2", "S2"] and groups(groups=None) is None
    assert groups(groups="S([0-9])") == ["1", "1", "2", "2"]
    assert groups(groups=1) == ["S1", "S1", "S2", "S2"] and len(set(groups(groups=2))) > 1
    assert groups(labels="list.csv", groups="subject") == ["a", "b"]
    assert groups(labels="list.csv") == ["a", "b"], "a usual name is found"
    assert groups(labels="list.csv", groups=None) is None
    with pytest.raises(ValueError, match="groups: subject, but data=folder without data.labels"):
        groups(groups="subject")
    with pytest.raises(InputError, match="data.groups: X\\(1\\) finds nothing in S1/angry/0.jpg"):
        groups(groups="X(1)")
    with pytest.raises(InputError, match="data.groups: S\\( is no regular expression"):
        groups(groups="S(")
