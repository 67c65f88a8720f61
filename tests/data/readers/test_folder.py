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
        assert cv2.imwrite(str(path), image)
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
    assert faces.notes == ("files that are no images: 1, such as b/notes.txt",)


def test_linked_folders_are_followed(tmp_path, decoded):
    elsewhere = write(tmp_path / "elsewhere", "1.png", "2.png")
    write(tmp_path / "root", "a/1.png")
    (tmp_path / "root" / "b").symlink_to(elsewhere)
    assert decoded(read_folder(files_of(tmp_path / "root"))).labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], ": no images (.png "),
        (["1.png"], "/1.png: in no class folder; expected {root}/CLASS/1.png"),
        (["a/1.png", "2.png"], "/2.png: in no class folder; expected {root}/CLASS/2.png"),
        (
            ["train/1.png", "val/a/1.png"],
            "/train/1.png: in no class folder; expected {root}/train/CLASS/1.png",
        ),
        (["train/a/1.png", "happy/1.png"], ": train names a part and happy does not; expected"),
    ],
)
def test_folders_that_make_no_sense(tmp_path, names, message):
    write(tmp_path, *names)
    with pytest.raises(InputError) as fault:
        read_folder(files_of(tmp_path))
    text = str(fault.value)
    assert text.startswith(f"{tmp_path}{message.format(root=tmp_path)}") and "\n" not in text


def test_a_class_without_images(tmp_path):
    write(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "test/a/1.png")
    (tmp_path / "val" / "b").mkdir()  # other parts have images of b
    assert set(read_folder(files_of(tmp_path)).labels) == {"a", "b"}
    (tmp_path / "val" / "c").mkdir()
    with pytest.raises(InputError, match="no images of the class c; fill or remove its folder$"):
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
