"""What is made of an encoded image: grey, a centre square, one size; and of one that is none."""

import cv2
import numpy as np
import pytest

from fer.data.readers.images import prepare, prepare_all

RNG = np.random.default_rng(1)


def encoded(image: np.ndarray, ending: str = ".png") -> bytes:
    done, data = cv2.imencode(ending, image)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_a_grey_face_of_the_size_stays_as_it_is(ending):
    image = RNG.integers(0, 256, (48, 48), dtype=np.uint8)
    np.testing.assert_array_equal(prepare(encoded(image, ending), size=48), image)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (8, 6), (6, 6)])
def test_the_centre_square_is_averaged_over_areas(height, width):
    image = RNG.integers(0, 256, (height, width), dtype=np.uint8)
    top, left = (height - 6) // 2, (width - 6) // 2
    square = image[top : top + 6, left : left + 6].astype(float)
    by_hand = square.reshape(2, 3, 2, 3).mean((1, 3))  # areas of 3x3
    assert np.abs(prepare(encoded(image), size=2) - by_hand).max() <= 0.5


def test_colours_become_grey_by_the_usual_weights():
    image = RNG.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    blue, green, red = image.astype(float).transpose(2, 0, 1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    assert np.abs(prepare(encoded(image), size=48) - grey).max() < 1.1  # libpng cuts decimals off


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_lossy_forms(ending):
    image = cv2.GaussianBlur(RNG.integers(0, 256, (100, 80, 3), dtype=np.uint8), (0, 0), 5)
    face = prepare(encoded(image, ending), size=40)
    exact = prepare(encoded(image), size=40)
    assert face.shape == (40, 40) and np.abs(face.astype(int) - exact).mean() < 3


def test_small_images_are_enlarged():
    assert prepare(encoded(np.full((5, 7), 9, np.uint8)), size=48).tolist() == [[9] * 48] * 48


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.95])
def test_an_image_cut_off_is_refused(ending, part):
    image = cv2.GaussianBlur(RNG.integers(0, 256, (100, 80, 3), dtype=np.uint8), (0, 0), 2)
    data = encoded(image, ending)
    data = data[: int(part * len(data))]
    with pytest.raises(
        ValueError, match=f"^no complete image that OpenCV can read .{len(data):,} b"
    ):
        prepare(data, size=48)


def test_all_come_in_order_with_their_faults(tmp_path):
    images = RNG.integers(0, 256, (40, 48, 48), dtype=np.uint8)
    sources = [encoded(image) for image in images]
    sources[7] = b"no image"
    found = list(prepare_all(sources, bytes, size=48))
    assert isinstance(found.pop(7), ValueError)
    np.testing.assert_array_equal(found, np.delete(images, 7, axis=0))
    missing = prepare_all([tmp_path / "x"], lambda path: path.read_bytes(), size=48)
    assert [str(fault) for fault in missing] == ["No such file or directory"]
