"""Encoded images in Parquet: both forms of both columns, parts, and files that will not do."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.labels import EMOTIONS
from fer.data.readers.columns import Columns
from fer.data.readers.parquet import read_parquet
from fer.data.readers.table import label

pa = pytest.importorskip("pyarrow", reason="pyarrow, the extra `parquet`, is not installed")
import pyarrow.parquet as pq  # noqa: E402

SPELT = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def write(path: Path, images, labels, *, names=None, struct: bool = True, **more) -> Path:
    encoded = [{"bytes": data, "path": None} if struct else data for data in images]
    table = pa.table({"image": encoded, "label": labels, **more})
    if names:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def small(count: int) -> list[bytes]:
    return [png(np.full((48, 48), grey, np.uint8)) for grey in range(count)]


@pytest.mark.parametrize("names", [["train-00000-of-00001", "validation-0", "test-0"],
                                   ["a/train/0000", "a/validation/0000", "a/test/0000"]])  # fmt: skip
@pytest.mark.parametrize("struct", [True, False])
def test_the_sixty_faces_in_parts(sixty, same, tmp_path, names, struct, decoded):
    # A hub's own order of classes, told by the metadata.
    order = sorted(SPELT)
    for part, name in enumerate(names):
        chosen = np.flatnonzero(sixty.parts == part)
        write(
            tmp_path / f"{name}.parquet",
            [png(sixty.images[row]) for row in chosen],
            [order.index(SPELT[sixty.labels[row]]) for row in chosen],
            names=order,
            struct=struct,
            more=[0.5] * len(chosen),
        )
    faces = decoded(read_parquet(tmp_path))
    by_name = np.concatenate([np.flatnonzero(sixty.parts == part) for part in (2, 0, 1)])
    same(faces, by_name)
    assert faces.classes == EMOTIONS and faces.rows.tolist() == list(range(60))


def test_one_file_names_no_part(sixty, tmp_path, decoded):
    labels = [SPELT[label] for label in sixty.labels]
    path = write(tmp_path / "train.parquet", [png(image) for image in sixty.images], labels)
    faces = decoded(read_parquet(path))
    np.testing.assert_array_equal(faces.images, sixty.images)
    np.testing.assert_array_equal(faces.labels, sixty.labels)
    assert set(faces.parts.tolist()) == {-1} and faces.classes == EMOTIONS


@pytest.mark.parametrize(
    ("labels", "names", "classes", "found"),
    [
        (["wink", "awe", "wink"], None, ("awe", "wink"), [1, 0, 1]),
        ([10, 2, 10], None, ("2", "10"), [1, 0, 1]),
        ([1, 0, 1], ["wink", "awe"], ("awe", "wink"), [0, 1, 0]),
    ],
)
def test_own_classes(tmp_path, labels, names, classes, found, decoded):
    path = write(tmp_path / "own.parquet", small(3), labels, names=names)
    faces = decoded(read_parquet(path))
    assert faces.classes == label(read_parquet(path)).classes == classes
    assert faces.labels.tolist() == found


def test_bad_rows(tmp_path, decoded):
    images = [*small(2), b"no image", None, *small(1)]
    path = write(tmp_path / "bad.parquet", images, [0, -1, 0, 1, None], names=["awe", "wink"])
    with pytest.raises(InputError) as fault:
        decoded(read_parquet(path))
    assert str(fault.value) == f"{path} row 1: label -1, expected one of awe, wink"
    faces = decoded(read_parquet(path), on_bad_row="skip")
    assert faces.rows.tolist() == [0]
    assert faces.notes == (
        "bad rows skipped: 4; the first at row 1: label -1, expected one of awe, wink",
        "labels: 0 is awe, 1 is wink",
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"no image", "no complete image that OpenCV can read (8 bytes)"),
        (None, "no image; expected its bytes inside the file"),
    ],
)
@pytest.mark.parametrize("struct", [True, False])
def test_an_unreadable_image_of_one_file_among_several(tmp_path, image, message, struct, decoded):
    write(tmp_path / "test-0.parquet", small(2), ["a", "b"], struct=struct)
    write(tmp_path / "train-0.parquet", [*small(1), image], ["a", "b"], struct=struct)
    with pytest.raises(InputError) as fault:
        decoded(read_parquet(tmp_path))
    assert str(fault.value) == f"{tmp_path}/train-0.parquet row 1: {message}"


def test_files_that_will_not_do(tmp_path, decoded):
    with pytest.raises(InputError, match=r"no \*.parquet in it$"):
        decoded(read_parquet(tmp_path))
    path = write(tmp_path / "train-0.parquet", small(3), ["a", "b", "a"])
    content = path.read_bytes()
    for cut in (content[:-20], content[: len(content) // 2], b"", b"emotion,pixels\n"):
        path.write_bytes(cut)
        with pytest.raises(InputError) as fault:
            decoded(read_parquet(path))
        text = str(fault.value)
        assert text.startswith(f"{path}: no complete Parquet file (") and "\n" not in text
    pq.write_table(pa.table({"path": ["1.png"], "label": [0]}), path)
    with pytest.raises(InputError, match="columns path, label; .*data.image_column"):
        read_parquet(path)
    write(path, small(3), ["a", "b", "a"])
    write(tmp_path / "rest.parquet", small(3), ["a", "b", "a"])
    with pytest.raises(InputError, match="rest.parquet: names no part"):
        decoded(read_parquet(tmp_path))


def test_labels_are_words_or_numbers(tmp_path):
    write(tmp_path / "train-0.parquet", small(2), ["cat", "dog"])
    write(tmp_path / "test-0.parquet", small(2), [0, 1])
    with pytest.raises(InputError, match="labels are both strings such as 'cat' and numbers"):
        read_parquet(tmp_path)


def test_without_pyarrow(tmp_path, monkeypatch, decoded):
    path = write(tmp_path / "own.parquet", small(2), ["a", "b"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="^data=parquet needs pyarrow: pip install 'fer-lab"):
        decoded(read_parquet(path))


@pytest.mark.parametrize("image", ["image", "img", "img_bytes", "jpg", "face"])
@pytest.mark.parametrize("label", ["label", "labels", "emotion", "cls", "what"])
def test_columns_by_usual_names_and_by_content(tmp_path, decoded, image, label):
    path = tmp_path / "own.parquet"
    columns = {image: small(2), label: ["a", "b"]}
    if label != "what":
        columns["image_id"] = ["x", "y"]
    pq.write_table(pa.table(columns), path)
    faces = decoded(read_parquet(path))
    assert faces.labels.tolist() == [0, 1] and faces.images[:, 0, 0].tolist() == [0, 1]


def test_columns_by_option_and_what_else_a_file_names(tmp_path, decoded):
    images = [{"bytes": data, "path": f"{at}.png"} for at, data in enumerate(small(3))]
    table = {"photo": images, "mood": [1.0, 2.0, 1.0], "label": ["?"] * 3, "who": ["x", "y", "x"]}
    path = tmp_path / "own.parquet"
    pq.write_table(pa.table(table | {"split": ["train", "val", "test"]}), path)
    read = read_parquet(path, columns=Columns(label="mood"), group="who")
    assert list(read.files) == ["0.png", "1.png", "2.png"] and list(read.labels) == [1, 2, 1]
    assert list(read.groups) == ["x", "y", "x"] and list(read.parts) == [0, 1, 2]
    assert decoded(read).images[:, 0, 0].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="data.label_column: feeling.*photo, mood"):
        read_parquet(path, columns=Columns(label="feeling"))
    pq.write_table(pa.table(table | {"split": ["train", "val", "x"]}), path)
    with pytest.raises(InputError, match="row 2: split 'x'"):
        read_parquet(path)
