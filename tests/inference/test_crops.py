"""Crops in every form give the same faces, and what is none is refused by its number."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from fer.common.errors import InputError
from fer.inference import crops as module
from fer.inference.crops import batches, grey

GREY = np.random.default_rng(0).integers(256, size=(5, 6), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(256, size=(5, 6, 3), dtype=np.uint8)
PAIR = np.stack([GREY, 255 - GREY])


def faces(crops) -> torch.Tensor:
    return torch.cat(list(batches(crops, 4)))


def test_red_green_and_blue_by_hand() -> None:
    pure = torch.eye(3)[:, :, None, None]
    assert grey((pure * 255).to(torch.uint8)).flatten().tolist() == [76, 150, 29]
    assert grey(pure).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])
    assert grey(torch.ones(1, 3, 1, 1)).item() <= 1


def test_grey_is_opencvs() -> None:
    colours = np.random.default_rng(2).integers(256, size=(300, 300, 3), dtype=np.uint8)
    ours = grey(torch.from_numpy(colours).movedim(2, 0)[None])[0, 0]
    assert (ours.numpy() == cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)).all()


def test_an_equal_size_is_passed_on_exactly() -> None:
    square = GREY[:4, :4]
    assert torch.equal(faces(square)[0, 0], torch.from_numpy(square).float() / 255)


FORMS = {
    "array": GREY,
    "array of one": GREY[None],
    "array with a channel": GREY[..., None],
    "read-only": np.frombuffer(GREY.tobytes(), np.uint8).reshape(GREY.shape),
    "reversed twice": np.ascontiguousarray(GREY[::-1])[::-1],
    "float array": GREY / 255,
    "float32": np.float32(GREY) / np.float32(255),
    "big-endian": (GREY / 255).astype(">f4"),
    "tensor": torch.from_numpy(GREY),
    "tensor with a channel": torch.from_numpy(GREY)[None],
    "batch of one": torch.from_numpy(GREY)[None, None],
    "with a gradient": (torch.from_numpy(GREY) / 255).requires_grad_(),
    "equal channels": np.repeat(GREY[..., None], 3, axis=2),
    "PIL": Image.fromarray(GREY),
    "PIL, grey in colour": Image.fromarray(GREY).convert("RGBA"),
    "list": [GREY],
    "tuple": (GREY,),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_grey_face(form: str) -> None:
    found = faces(FORMS[form])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, faces(GREY), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "crop",
    [RGB, RGB[None], torch.from_numpy(RGB).movedim(2, 0), Image.fromarray(RGB), RGB[..., ::-1][..., ::-1]],
    ids=["array", "batch", "tensor", "PIL", "reversed twice"],
)  # fmt: skip
def test_forms_of_one_colour_face(crop) -> None:
    expected = faces(cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY))
    assert torch.equal(faces(crop), expected)


def test_files_are_read_as_a_folder_of_images_is(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(GREY).save(path)
    assert torch.equal(faces([str(path), path]), faces([GREY, GREY]))


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    photo, exif = Image.fromarray(GREY), Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees, clockwise
    photo.save(tmp_path / "turned.png", exif=exif)
    upright = faces(np.rot90(GREY, -1))
    assert torch.equal(faces(tmp_path / "turned.png"), upright)
    assert torch.equal(faces(Image.open(tmp_path / "turned.png")), upright)


def test_a_mixed_list_keeps_its_order(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "face.png")
    mixed = [PAIR, torch.from_numpy(RGB).movedim(2, 0), Image.fromarray(GREY), GREY / 255]
    expected = [faces(crop) for crop in (PAIR[0], PAIR[1], RGB, GREY, GREY)]
    torch.testing.assert_close(faces(mixed), torch.cat(expected), atol=1e-6, rtol=0)


def test_many_faces_come_in_batches(monkeypatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    many = np.random.default_rng(3).integers(256, size=(9, 6, 6), dtype=np.uint8)
    for crops in (many, list(many), [many[:3], *many[3:5], many[5:]]):
        found = list(batches(crops, 6))
        assert max(map(len, found)) <= 4
        assert torch.equal(torch.cat(found)[:, 0], torch.from_numpy(many) / 255)


NAN = np.stack([GREY / 255, np.full(GREY.shape, np.nan)])


@pytest.mark.parametrize(
    ("crops", "named"),
    [
        ([], ["crops", "empty"]),
        (GREY.astype(float), ["crop 0", "from 0", "255", "[0, 1]"]),
        ([GREY, GREY / -255.0], ["crop 1", "from -0.9"]),
        ([GREY, NAN], ["crop 2", "nan"]),
        ([PAIR, torch.full((3, 4, 4), 1.5)], ["crop 2", "1.5"]),
        (GREY.astype(np.int64), ["crop 0", "int64", "uint8"]),
        (torch.ones(4, 4, dtype=torch.bool), ["crop 0", "bool"]),
        (GREY[0], ["crop 0", "(6,)", "(H, W)"]),
        (np.zeros((5, 6, 4), np.uint8), ["crop 0", "(5, 6, 4)", "(H, W, 3)"]),
        (np.zeros((0, 5, 6), np.uint8), ["crop 0", "(0, 5, 6)"]),
        (torch.zeros(8, 5, 6), ["crop 0", "(8, 5, 6)", "(N, 1, H, W)"]),
        (torch.zeros(2, 4, 5, 6), ["crop 0", "(2, 4, 5, 6)"]),
        ([GREY, [1, 2]], ["crop 1", "list", "array"]),
        (None, ["crop 0", "NoneType"]),
        ([GREY, "none.png"], ["crop 1", "none.png", os.strerror(2)]),
        (__file__, ["crop 0", "test_crops.py", "no complete image"]),
        (Image.new("I;16", (4, 4)), ["crop 0", "I;16"]),
    ],
)  # fmt: skip
def test_what_is_no_face_is_refused_by_its_number(crops, named: list[str]) -> None:
    with pytest.raises(InputError) as fault:
        faces(crops)
    assert all(word in str(fault.value) for word in named) and "\n" not in str(fault.value)
