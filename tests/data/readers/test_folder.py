"""A folder of images: its classes and parts, its order, and folders that make no sense."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.labels import EMOTIONS
from fer.data.readers.files import files_of
from fer.data.readers.folder import part_of, read_folder

GREY = np.full((48, 48), 100, np.uint8)


def write(root: Path, *names: str, image: np.ndarray = GREY) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return root


def test_the_sixty_faces_as_images_in_parts(sixty, same, tmp_path, decoded):
    places = [
        f"{('Training', 'valid', 'private_test')[part]}/{EMOTIONS[label]}/{number:03d}.png"
        for number, (label, part) in enumerate(zip(sixty.labels, sixty.parts, strict=True))
    ]
    for place, image in zip(places, sixty.images, strict=True):
        write(tmp_path, place, image=image)
    faces = decoded(read_folder(files_of(tmp_path)))
    same(faces, np.argsort(places))
    assert faces.classes == EMOTIONS and faces.rows.tolist() == list(range(60))
    assert (faces.source, faces.notes) == (str(tmp_path), ())


def test_emotions_in_any_spelling_come_in_dataset_order(tmp_path, decoded):
    write(tmp_path, "Surprised/1.png", "RAGE/1.png", "happiness/1.PNG", "contempt/1.png")
    faces = decoded(read_folder(files_of(tmp_path)))
    assert faces.classes == ("angry", "happy", "surprise", "contempt")
    assert faces.labels.tolist() == [0, 2, 3, 1]  # of RAGE, Surprised, contempt, happiness
    assert faces.parts.tolist() == [-1] * 4


def test_two_spellings_are_one_class(tmp_path, decoded):
    write(tmp_path, "train/anger/1.png", "val/Angry/1.png", "train/sad/1.png")
    faces = decoded(read_folder(files_of(tmp_path)))
    assert faces.classes == ("angry", "sad")
    # train/anger, train/sad, val/Angry
    assert (faces.labels.tolist(), faces.parts.tolist()) == ([0, 1, 0], [0, 0, 1])


def test_other_names_are_the_users_own_classes(tmp_path, decoded):
    write(tmp_path, "happy/1.png", "wink/1.png", "Awe/1.png", "Awe/deeper/2.png")
    faces = decoded(read_folder(files_of(tmp_path)), size=32)
    assert faces.classes == ("happy", "Awe", "wink")
    assert faces.labels.tolist() == [1, 1, 0, 2] and faces.images.shape == (4, 32, 32)


def test_what_is_no_image_or_hidden(tmp_path, decoded):
    write(tmp_path, "a/1.png", "b/1.png", ".trash/c/1.png", "b/.hidden.png")
    (tmp_path / "b" / "notes.txt").write_text("x")
    faces = decoded(read_folder(files_of(tmp_path)))
    assert faces.classes == ("a", "b") and len(faces) == 2
    assert faces.notes == ("files that are no images: 1 of 3 (1 .txt), such as b/notes.txt",)


def test_linked_folders_are_followed(tmp_path, decoded):
    elsewhere = write(tmp_path / "elsewhere", "1.png", "2.png")
    write(tmp_path / "root", "a/1.png")
    (tmp_path / "root" / "b").symlink_to(elsewhere)
    assert decoded(read_folder(files_of(tmp_path / "root"))).labels.tolist() == [0, 1, 1]


LAYOUTS = {
    # train_set and the like are parts, people are folders, and one lone folder means nothing.
    "train_set/angry, val_set/happy, test_set/sad": (0, 1, None),
    "images/train/angry, images/validation/happy": (1, 2, None),
    "FER/train/angry, FER/test/happy": (1, 2, None),
    "S005/angry, S005/happy, S010/angry": (None, 1, ["S005", "S005", "S010"]),
    "train/S005/angry, train/S010/happy, test/S011/angry": (0, 2, ["S010", "S011", "S005"]),
    "angry/train, happy/train, angry/test": (1, 0, None),
    "angry/web, happy/web, happy/own": (None, 0, None),
    "happy/x, bored/x, angry/y, sad/z": (None, 0, None),
    "cat/tabby, cat/siamese, dog/poodle": (None, 0, None),
    "0 angry/a, 1_disgust/a": (None, 0, None),
    "train/train/1, test/test/2, test/test/1": (0, 2, None),
    "test/train/angry, test/test/happy": (1, 2, None),
    "S005/001/angry, S005/002/sad, S010/001/angry": (None, 2, ["S005", "S005", "S010"]),
    "men/Al/angry, men/Bo/sad, women/Cy/angry": (None, 2, ["Al", "Bo", "Cy"]),
    "c0/x, c1/y, c2/z": (None, 0, None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_each_level_of_folders_means(tmp_path, layout):
    part, label, people = LAYOUTS[layout]
    folders = layout.split(", ")
    write(tmp_path, *(f"{folder}/1.png" for folder in folders))
    table = read_folder(files_of(tmp_path))
    paths = [name.split("/") for name in table.files]
    assert list(table.labels) == [path[label] for path in paths]
    assert list(table.parts) == [-1 if part is None else part_of(path[part]) for path in paths]
    assert sorted(table.groups or ()) == sorted(people or ())


def test_people_below_the_classes(tmp_path):
    folders = [f"{label}/S{number:03d}" for label in ("angry", "happy") for number in range(10)]
    write(tmp_path, *(f"{folder}/1.png" for folder in folders))
    table = read_folder(files_of(tmp_path))
    assert table.groups == [folder.split("/")[1] for folder in folders]
    assert table.notes == ("folders taken for people: 10, such as S000, S001 (data.groups)",)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], [": no images (.png "]),
        (["1.png"], [": no folder names a class", "data.labels=", "data.pattern="]),
        (["train/1.png"], [": no folder names a class"]),
        (["train_set/images/1.png"], [": no folder names a class", "are in images;"]),
        (["train/a/1.png", "happy/1.png"], [": train names a part and happy does not"]),
        (["angry/test/1.png", "angry/more/2.png"], [": test names a part and more does not"]),
        (
            ["cat/left/1.png", "dog/left/1.png", "dog/right/1.png"],
            ["cat, dog", "left, right", '"^(?P<label>[^/]+)/"', '"^[^/]+/(?P<label>[^/]+)/"'],
        ),
        (
            ["train/cat/left/1.png", "test/dog/left/1.png", "test/dog/right/1.png"],
            ["""'data.pattern="^(?P<part>[^/]+)/[^/]+/(?P<label>[^/]+)/"'"""],
        ),
        (["happy/sad/1.png", "sad/happy/1.png"], ["happy, sad name the classes"]),
        (["S005/1.png", "S010/1.png"], ["S005, S010 look like people", '"^(?P<label>[^/]+)/"']),
        (["AF01/AF01ANS.png", "AF02/AF02HAS.png"], ["AF01, AF02 look like people"]),
        (["train_sad/1.png", "test_sad/1.png"], ["(?P<part>[^/]+?)[ _-](?P<label>[^/]+)/"]),
        (["x/sad-test/1.png", "x/sad-train/1.png"], ['"^[^/]+/(?P<label>[^/]+)[ _-](?P<part>']),
        (["train/test/a/1.png", "test/train/b/1.png"], ["test/train/b names two parts"]),
        (["photos/1.heic"], [": no images (", "it has 1 .heic"]),
    ],
)
def test_folders_that_make_no_sense(tmp_path, names, words):
    write(tmp_path, *names)
    with pytest.raises(InputError) as fault:
        read_folder(files_of(tmp_path))
    text = str(fault.value)
    assert text.startswith(f"{tmp_path}: ") and "\n" not in text
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("names", "bad", "wanted"),
    [
        (["a/1.png", "b/1.png", "2.png"], "2.png", "CLASS"),
        (["train/1.png", "val/a/1.png", "val/b/1.png"], "train/1.png", "PART/CLASS"),
        (["S1/angry/1.png", "S2/sad/2.png", "S1/3.png"], "S1/3.png", "FOLDER/CLASS"),
    ],
)
def test_an_image_in_no_class_folder_is_a_bad_row(tmp_path, decoded, names, bad, wanted):
    write(tmp_path, *names)
    with pytest.raises(InputError) as fault:
        decoded(read_folder(files_of(tmp_path)))
    assert str(fault.value).startswith(f"{tmp_path}/{bad}: in no class folder; expected {wanted} ")
    faces = decoded(read_folder(files_of(tmp_path)), on_bad_row="skip")
    assert len(faces) == 2 and any(f"the first at {bad}" in note for note in faces.notes)


def test_a_class_without_images(tmp_path):
    write(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "test/a/1.png")
    (tmp_path / "val" / "b").mkdir()  # other parts have images of b
    (tmp_path / "__MACOSX" / "train" / "c").mkdir(parents=True)
    assert set(read_folder(files_of(tmp_path)).labels) == {"a", "b"}
    (tmp_path / "val" / "c").mkdir()
    with pytest.raises(InputError, match="/val/c: no images in it; fill or remove this class"):
        read_folder(files_of(tmp_path))


def test_an_unreadable_image(tmp_path, decoded):
    write(tmp_path, "a/1.png", "a/2.png", "b/1.png")
    (tmp_path / "a" / "1.png").write_bytes(b"no image")
    with pytest.raises(InputError) as fault:
        decoded(read_folder(files_of(tmp_path)))
    wrong = "no complete image that OpenCV can read (8 bytes)"
    assert str(fault.value) == f"{tmp_path}/a/1.png: {wrong}"
    faces = decoded(read_folder(files_of(tmp_path)), on_bad_row="skip")
    assert (faces.rows.tolist(), faces.labels.tolist()) == ([1, 2], [0, 1])
    assert faces.notes == (f"bad rows skipped: 1; the first at a/1.png: {wrong}",)


def test_names_of_parts():
    names = "train Training val VALID validation public_test PublicTest test testing PrivateTest"
    assert [part_of(name) for name in names.split()] == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    assert [part_of(name) for name in ("train_set", "Val-data", "test images")] == [0, 1, 2]
    assert part_of("happy") == part_of("trainer") == -1
