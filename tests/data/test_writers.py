"""The lab's enriched csv: its numbers against OpenCV, its form, what it refuses."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fer.common.errors import InputError
from fer.data.faces import Faces, pixel_hashes
from fer.data.labels import EMOTIONS
from fer.data.planes import Preprocess
from fer.data.readers.fer2013_csv import read_csv
from fer.data.splits.split import Split
from fer.data.writers import rounded_planes, write_fer2021

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (4, 48, 48), np.uint8)
SOFT = np.stack([cv2.GaussianBlur(image, (0, 0), 4) for image in NOISE])  # many sums end in a half
FLAT = np.full((1, 48, 48), 97, np.uint8)
IMAGES = np.concatenate([NOISE, SOFT, FLAT])


def make(images=IMAGES, classes=EMOTIONS) -> Faces:
    return Faces(
        images=images,
        labels=np.arange(len(images)) % len(classes),
        parts=np.full(len(images), -1, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(len(images)),
        classes=classes,
        source="faces.csv",
    )


SPLIT = Split("file", None, np.array([0, 3, 5]), np.array([1, 8]), np.array([2, 7]))


def halves_up(values: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(values, 0, 255) + 0.5)


def gradients(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's Sobel and its plain correlation agree on the derivatives; zeros outside."""
    border = {"borderType": cv2.BORDER_CONSTANT}
    padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    x, y = (cv2.Sobel(padded, cv2.CV_64F, *axis, ksize=3)[1:-1, 1:-1] for axis in ((1, 0), (0, 1)))
    kernel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    np.testing.assert_array_equal(x, cv2.filter2D(image, cv2.CV_64F, kernel, **border))
    np.testing.assert_array_equal(y, cv2.filter2D(image, cv2.CV_64F, kernel.T, **border))
    return x, y


def test_edges_are_opencvs() -> None:
    planes = rounded_planes(IMAGES, Preprocess(("original", "sobel", "vertical", "horizontal")))
    halves = 0
    for image, (original, sobel, vertical, horizontal) in zip(IMAGES, planes, strict=True):
        x, y = gradients(image)
        np.testing.assert_array_equal(original, image)
        np.testing.assert_array_equal(sobel, halves_up(np.hypot(x, y) / 4))
        np.testing.assert_array_equal(vertical, halves_up(np.abs(x) / 4))
        np.testing.assert_array_equal(horizontal, halves_up(np.abs(y) / 4))
        halves += (np.abs(x) % 4 == 2).sum()
    assert halves > 100  # the case that rounding must get right


@pytest.mark.parametrize(("name", "power"), [("contrast", 2), ("contrast_very_high", 3)])
def test_contrast_is_a_power_stretched_by_opencv(name: str, power: int) -> None:
    planes = rounded_planes(IMAGES, Preprocess((name,)))[:, 0]
    for image, plane in zip(IMAGES, planes, strict=True):
        raised = image.astype(np.float64) ** power
        if image.min() == image.max():
            np.testing.assert_array_equal(plane, image)
        else:
            stretched = cv2.normalize(raised, None, 0, 255, cv2.NORM_MINMAX)
            assert np.abs(plane - stretched).max() <= 0.5 + 1e-9


def test_the_file_has_the_labs_columns_and_the_splits_parts(tmp_path: Path) -> None:
    preprocess = Preprocess(("original", "sobel"))
    write_fer2021(tmp_path / "out.csv", make(), SPLIT, preprocess)
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text().startswith("emotion,pixels,Usage\n0,")
    table = pd.read_csv(tmp_path / "out.csv")
    rows = [0, 1, 2, 3, 5, 7, 8]  # 4 and 6 are in no part
    usages = "Training PublicTest PrivateTest Training Training PrivateTest PublicTest".split()
    assert table["Usage"].tolist() == usages
    assert table["emotion"].tolist() == [row % 7 for row in rows]
    numbers = np.array([line.split() for line in table["pixels"]]).astype(int)
    assert numbers.shape == (7, 2 * 2304)
    np.testing.assert_array_equal(numbers[:, :2304].reshape(-1, 48, 48), IMAGES[rows])
    expected = rounded_planes(IMAGES[rows], preprocess).reshape(7, -1)
    np.testing.assert_array_equal(numbers, expected)


def test_reading_it_back_gives_the_same_faces(tmp_path: Path) -> None:
    preprocess = Preprocess(("original", "sobel", "contrast"))
    everything = Split("file", None, np.arange(0, 9, 3), np.arange(1, 9, 3), np.arange(2, 9, 3))
    write_fer2021(tmp_path / "out.csv", make(), everything, preprocess)
    faces = read_csv(tmp_path / "out.csv")
    np.testing.assert_array_equal(faces.images, IMAGES)
    assert faces.labels.tolist() == make().labels.tolist()
    assert faces.parts.tolist() == [0, 1, 2] * 3
    assert "planes not read: 2" in faces.notes[0] and "0 of their values" in faces.notes[0]


@pytest.mark.parametrize(
    ("faces", "line"),
    [
        (make(IMAGES[:, :40]), "faces.csv: images of 48x40, expected 48x48"),
        (make(classes=("calm", "tense")), "faces.csv: classes calm, tense, expected angry"),
    ],
)
def test_other_faces_are_refused(faces: Faces, line: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=line):
        write_fer2021(tmp_path / "out.csv", faces, SPLIT, Preprocess(("original",)))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.data.writers.rounded_planes", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_fer2021(tmp_path / "out.csv", make(), SPLIT, Preprocess(("original",)))
    assert list(tmp_path.iterdir()) == []
