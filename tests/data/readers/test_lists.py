"""Labels in a list, in a file next to each image, or in the images' names."""

import io
import json

import cv2
import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.readers.columns import Columns
from fer.data.readers.files import files_of
from fer.data.readers.lists import read_label_files, read_lists, read_names

FILES = ["a/0.png", "a/1.png", "b/2.png", "b/3.png"]
LABELS = ["happy", "sad", "happy", "fear"]


@pytest.fixture(scope="module")
def encoded():
    return [cv2.imencode(".png", np.full((8, 8), grey, np.uint8))[1].tobytes() for grey in range(4)]


@pytest.fixture
def images(tmp_path, encoded):
    """Writes images of the names given, each of another grey."""

    def write(*names):
        for name, content in zip(names, encoded, strict=False):
            file = tmp_path / "set" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tmp_path / "set"

    return write


@pytest.fixture
def listed(tmp_path, images):
    """Reads four images by a list of this content."""

    def read(content, *, name="labels.csv", files=FILES, group=None, **columns):
        root = images(*files)
        (tmp_path / name).write_text(content)
        return read_lists(
            files_of(root), [str(tmp_path / name)], columns=Columns(**columns), group=group
        )

    return read


def greys(table):
    return [
        item if isinstance(item, ValueError)
        else int(cv2.imdecode(np.frombuffer(item, np.uint8), 0)[0, 0])
        for item in table.contents()
    ]  # fmt: skip


ROWS = list(zip(FILES, LABELS, strict=True))
FORMS = {
    "labels.csv": "image,label\n" + "\n".join(f"{file},{label}" for file, label in ROWS),
    "headless.csv": "\n".join(f"{file},{label}" for file, label in ROWS),
    "labels.tsv": "label\tpath\n" + "\n".join(f"{label}\t{file}" for file, label in ROWS),
    "labels.txt": "\n".join(f"{file} {label}" for file, label in ROWS),
    "semicolons.csv": "x;score;y\n" + "\n".join(f"{file};0,5;{label}" for file, label in ROWS),
    "quoted.csv": '"Image","Emotion"\n' + "\n".join(f'"{file}","{label}"' for file, label in ROWS),
    "indexed.csv": ",pth,label,relFCs\n"
    + "\n".join(f"{at},{file},{label},0.1" for at, (file, label) in enumerate(ROWS)),
    "labels.jsonl": "\n".join(json.dumps({"file_name": file, "label": label}) for file, label in ROWS),
    "labels.json": json.dumps(dict(ROWS)),
    "records.json": json.dumps([{"img": file, "emotion": label} for file, label in ROWS]),
    "bom.csv": "\ufefffile,expression\r\n" + "\r\n".join(f"{f},{label}" for f, label in ROWS) + "\r\n",
    "windows.csv": "image,label\n"
    + "\n".join("C:\\data\\" + file.replace("/", "\\") + "," + label for file, label in ROWS),
    "stems.csv": "id,class\n" + "\n".join(f"{file[2]},{label}" for file, label in ROWS),
    "parts.csv": "image,label,is_test\n"
    + "\n".join(f"{file},{label},{at}" for at, (file, label) in enumerate(ROWS)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_list(listed, name):
    table = listed(FORMS[name], name=name)
    assert list(table.files) == FILES and list(table.labels) == LABELS
    assert list(table.parts) == [-1] * 4 and table.groups is None
    assert greys(table) == [0, 1, 2, 3]


@pytest.mark.parametrize("header", ["file,label,Usage\n", ""])
def test_parts_and_numbers(listed, header):
    table = listed(header + "0.png,3.0,train\n2.png,5,valid\n1.png,3,test\n3.png,5,train")
    assert list(table.files) == ["a/0.png", "b/2.png", "a/1.png", "b/3.png"]
    assert list(table.labels) == [3, 5, 3, 5] and list(table.parts) == [0, 1, 2, 0]
    assert greys(table) == [0, 2, 1, 3]


def test_a_column_a_class(listed):
    rows = ["0.png,1,0,0", "1.png,0,1,0", "2.png,1,0,0", "3.png,0,1,0"]
    table = listed("filename, Happy, Sad, Fear\n" + "\n".join(rows), name="_classes.csv")
    assert list(table.labels) == ["Happy", "Sad", "Happy", "Sad"] and greys(table) == [0, 1, 2, 3]


def test_columns_by_option_and_groups(listed):
    text = "who,what,where\nann,0.png,glad\nann,1.png,cross\nbob,2.png,glad\nbob,3.png,cross"
    table = listed(text, label="where", image=2, group="who")
    assert list(table.labels) == ["glad", "cross"] * 2
    assert list(table.groups) == ["ann", "ann", "bob", "bob"]
    with pytest.raises(
        InputError, match=r"labels.csv line 2: .*data.label_column: who, what, where"
    ):
        listed(text)
    with pytest.raises(InputError, match="data.label_column: mood"):
        listed(text, label="mood")


def test_rows_that_are_wrong_are_told_with_their_line(listed):
    table = listed(
        "image,label,split\n0.png,happy,train\n9.png,sad,train\n2.png,,train\n3.png,sad,x"
    )
    good, missing, empty, part = greys(table)
    assert good == 0
    for fault, words in ((missing, "no such image"), (empty, "no label"), (part, "part 'x'")):
        assert words in str(fault) and "labels.csv line" in str(fault)
    assert any("1, such as a/1.png" in note for note in table.notes)


def test_boxes(tmp_path, decoded):
    photo = np.zeros((40, 60), np.uint8)
    photo[10:20, 5:15], photo[0:30, 30:60] = 100, 200
    (tmp_path / "0.png").write_bytes(cv2.imencode(".png", photo)[1].tobytes())
    (tmp_path / "edges.csv").write_text("0.png,5,10,15,20,a\n0.png,30,-9,90,30,b")
    (tmp_path / "sides.csv").write_text(
        "image,face_x,face_y,face_width,face_height,label\n0.png,5,10,10,10,a\n0.png,30,0,30,30,b"
    )
    names = ["face_x", "face_y", "face_width", "face_height"]
    for name, box in (("edges.csv", [2, 3, 4, 5]), ("sides.csv", names)):
        columns = Columns(label=6, box=box)
        faces = decoded(read_lists(files_of(tmp_path), [name], columns=columns), size=8)
        assert faces.images.min((1, 2)).tolist() == faces.images.max((1, 2)).tolist() == [100, 200]
    (note,) = read_lists(files_of(tmp_path), ["sides.csv"]).notes
    assert "data.box_columns" in note and "face_width" in note
    (tmp_path / "edges.csv").write_text("0.png,70,10,90,20,a\n0.png,1,2,3,x,b")
    table = read_lists(
        files_of(tmp_path), ["edges.csv"], columns=Columns(label=6, box=[2, 3, 4, 5])
    )
    assert "box 1, 2, 3, x" in str(greys(table)[1])
    with pytest.raises(InputError, match="0.png: the box .* outside the image of 60x40"):
        decoded(table, size=8)


def test_raf_db_names_and_parts(listed):
    names = [f"aligned/{part}_0000{n}_aligned.jpg" for part in ("train", "test") for n in (1, 2)]
    text = "train_00001.jpg 4\ntrain_00002.jpg 5\ntest_00001.jpg 4\ntest_00002.jpg 5\n"
    table = listed(text, name="list_patition_label.txt", files=names)
    assert list(table.files) == names and list(table.parts) == [0, 0, 2, 2]
    assert list(table.labels) == [4, 5, 4, 5]


def test_a_list_a_part_tells_images_of_one_name_apart(tmp_path, images):
    root = images("train/0.png", "train/1.png", "test/0.png", "test/1.png")
    for part, labels in (("train", "ab"), ("test", "ba")):
        text = f"image,label\n0.png,{labels[0]}\n1.png,{labels[1]}\n"
        (root / f"{part}_labels.csv").write_text(text)
    table = read_lists(files_of(root), ["train_labels.csv", "test_labels.csv"])
    assert list(table.files) == ["train/0.png", "train/1.png", "test/0.png", "test/1.png"]
    assert list(table.labels) == list("abba") and list(table.parts) == [0, 0, 2, 2]
    (root / "labels.csv").write_text("image,label\n0.png,a\n1.png,b\n")
    first, _ = greys(read_lists(files_of(root), ["labels.csv"]))
    assert "2 images are called 0.png" in str(first)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no rows"),
        ("0.png\n1.png\n", "line 1: one column '0.png'"),
        ("image,label\n7.png,sad\n8.png,fear\n", "line 2: .*data.path"),
        ("PK\x03\x04", "spreadsheet"),
    ],
)
def test_lists_that_cannot_be_used(listed, content, words):
    with pytest.raises(InputError, match=f"labels.csv.*{words}"):
        listed(content)


def test_a_list_that_is_missing(images):
    with pytest.raises(InputError, match=r"data.labels: no file .*nowhere.csv"):
        read_lists(files_of(images("0.png")), ["nowhere.csv"])


def npy(label) -> bytes:
    file = io.BytesIO()
    np.save(file, label)
    return file.getvalue()


@pytest.mark.parametrize(
    ("pattern", "image", "label_file", "write"),
    [
        ("*.cls", "{}.png", "{}.cls", lambda label: str(label).encode()),
        ("annotations/*_exp.npy", "train_set/images/{}.png", "train_set/annotations/{}_exp.npy",
         lambda label: npy(str(label))),
        ("Emotion/**/*_emotion.txt", "images/S1/{}.png", "Emotion/S1/001/{}_emotion.txt",
         lambda label: f"   {label:.7e}\n".encode()),
        ("labels/*.txt", "images/{}.png", "labels/{}.txt", lambda label: f"{label} 0.5 0.5 1 1".encode()),
        ("*.json", "{}.png", "{}.json", lambda label: json.dumps({"label": label, "w": 1}).encode()),
    ],
)  # fmt: skip
def test_a_label_file_an_image(images, pattern, image, label_file, write):
    root = images(*(image.format(stem) for stem in "abcd"))
    for label, stem in enumerate("abd", start=3):
        file = root / label_file.format(stem)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(write(label))
    table = read_label_files(files_of(root), pattern)
    assert list(table.labels) == [3, 4, 5] and greys(table) == [0, 1, 3]
    assert any("1 of 4" in note for note in table.notes)
    assert set(table.parts) == ({0} if "train_set" in image else {-1})


def test_equal_names_in_two_parts_find_their_own_label_files(images):
    root = images("train/images/0.png", "val/images/0.png")
    for part, label in (("train", "1"), ("val", "2")):
        (root / part / "labels").mkdir()
        (root / part / "labels" / "0.txt").write_text(label)
    table = read_label_files(files_of(root), "labels/*.txt")
    assert list(table.labels) == [1, 2] and list(table.parts) == [0, 1]
    (root / "val" / "labels" / "0.txt").write_text("")
    _, fault = greys(read_label_files(files_of(root), "labels/*.txt"))
    assert "no label (val/labels/0.txt)" in str(fault)
    with pytest.raises(InputError, match=r"data.labels: no file \*.cls"):
        read_label_files(files_of(root), "*.cls")


def test_labels_in_names(images):
    root = images("KA.AN1.39.png", "KA.HA2.40.png", "YM.AN1.41.png", "README.png")
    table = read_names(files_of(root), r"^(?P<person>\w\w)\.(?P<label>[A-Z]{2})\d")
    assert list(table.files) == ["KA.AN1.39.png", "KA.HA2.40.png", "YM.AN1.41.png"]
    assert list(table.labels) == ["AN", "HA", "AN"] and list(table.groups) == ["KA", "KA", "YM"]
    assert greys(table) == [0, 1, 2]
    assert "1 of 4, such as README.png" in table.notes[0]
    (only,) = read_names(files_of(images("x_1_happy.png")), r"_([a-z]+)\.").labels
    assert only == "happy"


def test_parts_in_names(images):
    root = images("train_1_sad.png", "train_2_happy.png", "test_1_sad.png")
    for pattern in (r"_(?P<label>[a-z]+)\.", r"(?P<part>[a-z]+)_\d_(?P<label>[a-z]+)"):
        table = read_names(files_of(root), pattern)
        assert dict(zip(table.files, table.parts, strict=True)) == {
            "test_1_sad.png": 2, "train_1_sad.png": 0, "train_2_happy.png": 0
        }  # fmt: skip


def test_a_list_with_people_and_parts_in_names(tmp_path, images):
    root = images("train_ann_1.png", "train_bob_2.png", "test_ann_3.png")
    (root / "labels.csv").write_text("train_ann_1.png,a\ntrain_bob_2.png,b\ntest_ann_3.png,b")
    pattern = "(?P<part>[a-z]+)_(?P<person>[a-z]+)_"
    table = read_lists(files_of(root), ["labels.csv"], pattern=pattern)
    assert list(table.labels) == ["a", "b", "b"] and list(table.parts) == [0, 0, 2]
    assert list(table.groups) == ["ann", "bob", "ann"]
    _, fault, _ = greys(read_lists(files_of(root), ["labels.csv"], pattern="(?P<person>ann)"))
    assert "does not fit data.pattern" in str(fault)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "no regular expression"),
        (r"\w", "no group for the label"),
        ("(?P<label>Q)", "fits no"),
    ],
)
def test_patterns_that_cannot_be_used(images, pattern, words):
    with pytest.raises(InputError, match=f"data.pattern: .*{words}"):
        read_names(files_of(images("0.png")), pattern)
