"""Area weights against numbers by hand and OpenCV's INTER_AREA."""

import cv2
import numpy as np
import pytest
import torch

from fer.data.readers.images import prepare
from fer.data.resize import area_weights, resize

PIXELS = np.random.default_rng(0)


def test_weights_by_hand() -> None:
    third = pytest.approx(1 / 3)
    assert area_weights(4, 2).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    assert area_weights(3, 2).tolist() == [
        [pytest.approx(2 / 3), third, 0],
        [0, third, pytest.approx(2 / 3)],
    ]
    assert area_weights(2, 3).tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    assert np.array_equal(area_weights(48, 48), np.eye(48))
    assert area_weights(1000, 48).sum(1).tolist() == pytest.approx([1] * 48, abs=1e-6)


def test_the_centre_square_by_hand() -> None:
    wide = torch.tensor([[9.0, 1, 2, 9], [9, 3, 4, 9]])
    assert resize(wide, 2).tolist() == [[1, 2], [3, 4]]
    assert resize(wide.T, 2).tolist() == [[1, 3], [2, 4]]
    assert resize(wide, 1).tolist() == [[2.5]]
    assert resize(torch.tensor([[0.0, 1], [2, 3]]), 3).tolist() == [
        [0, 0.5, 1],
        [1, 1.5, 2],
        [2, 2.5, 3],
    ]


def test_the_same_size_is_the_same_image() -> None:
    images = torch.rand(2, 1, 48, 48)
    assert torch.equal(resize(images, 48), images)


@pytest.mark.parametrize("shape", [(96, 96), (49, 49), (100, 77), (640, 480), (53, 200)])
def test_smaller_is_what_opencv_makes(shape: tuple[int, int]) -> None:
    image = PIXELS.random(shape, dtype=np.float32)
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    theirs = cv2.resize(square, (48, 48), interpolation=cv2.INTER_AREA)
    for ours in (resize(torch.from_numpy(image), 48), resize(image, 48)):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("shape", [(96, 96), (49, 49), (100, 77), (53, 200), (30, 20), (7, 7)])
def test_a_folder_of_images_differs_by_rounding_alone(shape: tuple[int, int]) -> None:
    # data=folder keeps whole grey values: half of one is the largest difference.
    image = PIXELS.integers(256, size=shape, dtype=np.uint8)
    encoded = cv2.imencode(".png", image)[1].tobytes()
    ours = resize(torch.from_numpy(image).float(), 48).numpy()
    assert np.abs(ours - prepare(encoded, size=48)).max() < 0.501
