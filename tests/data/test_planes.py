"""The planes against OpenCV and NumPy, and the normalisation that training measures."""

import cv2
import numpy as np
import pytest
import torch

from fer.data.planes import PLANES, Preprocess, unit

RANDOM = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
# Smooth: two interpolations of it differ little.
Y, X = np.mgrid[:48, :48] / 48
SMOOTH = (0.5 + 0.3 * np.sin(5 * X + 1) * np.cos(4 * Y) + 0.2 * X).astype(np.float32)


def plane(name: str, images: np.ndarray) -> np.ndarray:
    """A plane of uint8 or float images [N, H, W]."""
    return PLANES[name](unit(torch.from_numpy(images)[:, None]))[:, 0].numpy()


def derivative(image: np.ndarray, x: int, y: int) -> np.ndarray:
    return cv2.Sobel(image / 255.0, cv2.CV_64F, x, y, ksize=3, borderType=cv2.BORDER_CONSTANT)


@pytest.mark.parametrize("image", [0, 1, 2])
def test_edges_are_opencvs(image):
    x, y = derivative(RANDOM[image], 1, 0), derivative(RANDOM[image], 0, 1)
    for name, expected in (
        ("sobel", np.hypot(x, y) / 4),
        ("vertical", abs(x) / 4),
        ("horizontal", abs(y) / 4),
    ):
        found = plane(name, RANDOM[image : image + 1])[0]
        np.testing.assert_allclose(found, expected.clip(max=1), atol=1e-5, err_msg=name)


def test_vertical_shows_vertical_edges():
    image = np.zeros((1, 6, 6), np.float32)
    image[:, :, 3:] = 1
    found = plane("vertical", image)[0]
    np.testing.assert_array_equal(found[2], [0, 0, 1, 1, 0, 1])  # the last column borders on zeros
    np.testing.assert_array_equal(plane("horizontal", image)[0][2], np.zeros(6))


@pytest.mark.parametrize(
    ("name", "power"),
    [("contrast", 2), ("contrast_low", 0.5), ("contrast_very_high", 3)],
)
def test_contrast_is_numpys_on_0_to_255(name, power):
    images = (RANDOM // 2 + 40).astype(np.float64)  # 40 to 167: there is something to stretch
    raised = images**power
    low, high = raised.min((1, 2), keepdims=True), raised.max((1, 2), keepdims=True)
    expected = 255 * (raised - low) / (high - low)
    found = 255 * plane(name, images.astype(np.uint8))
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert found.min() == 0 and found.max() == 255


def test_contrast_leaves_a_constant_image_and_its_neighbours_alone():
    images = RANDOM.copy()
    images[1] = 100
    found = plane("contrast", images)
    np.testing.assert_allclose(found[1], 100 / 255, rtol=1e-6)
    np.testing.assert_array_equal(found[[0, 2]], plane("contrast", RANDOM[[0, 2]]))


@pytest.mark.parametrize("side, sign", [("left", 1), ("right", -1)])
@pytest.mark.parametrize("angle", [20, 40, 60])
def test_rotation_is_opencvs(side, sign, angle):
    turn = cv2.getRotationMatrix2D((23.5, 23.5), sign * angle, 1)  # positive: counter-clockwise
    expected = cv2.warpAffine(SMOOTH, turn, (48, 48))
    found = plane(f"rot_{side}_{angle}", SMOOTH[None])[0]
    inside = np.hypot(X * 48 - 23.5, Y * 48 - 23.5) < 22  # never reaches the border
    np.testing.assert_allclose(found[inside], expected[inside], atol=2e-3)
    assert abs(found - SMOOTH)[inside].max() > 0.05
    assert found[0, 0] == 0  # the corner comes from outside


def test_flip():
    np.testing.assert_array_equal(plane("flip", RANDOM), (RANDOM / np.float32(255))[:, :, ::-1])


@pytest.mark.parametrize("name", PLANES)
def test_planes_stay_in_range_and_see_each_image_alone(name):
    found = plane(name, RANDOM)
    assert found.shape == RANDOM.shape and found.min() >= 0 and found.max() <= 1 + 1e-6
    np.testing.assert_allclose(found[1:2], plane(name, RANDOM[1:2]), atol=1e-6)


def test_fit_normalises():
    names = ["original", "sobel", "contrast"]
    preprocess = Preprocess(names)
    images = torch.from_numpy(RANDOM)[:, None]
    preprocess.fit(images)
    normal = preprocess(images)
    assert normal.shape == (3, 3, 48, 48)
    torch.testing.assert_close(normal.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(normal.std((0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    np.testing.assert_allclose(preprocess.mean[0].item(), RANDOM.mean() / 255, rtol=1e-5)
    for place, name in enumerate(names):  # in the order given
        np.testing.assert_allclose(
            preprocess.planes(images)[:, place].numpy(), plane(name, RANDOM), atol=1e-6
        )


def test_uint8_and_float_agree_and_the_state_travels():
    preprocess = Preprocess(["original", "contrast"])
    images = torch.from_numpy(RANDOM)[:, None]
    preprocess.fit(images)
    torch.testing.assert_close(preprocess(images), preprocess(images.float() / 255))
    other = Preprocess(["original", "contrast"])
    other.load_state_dict(preprocess.state_dict())
    assert torch.equal(other(images), preprocess(images))


def test_fit_on_constant_images_divides_by_no_zero():
    preprocess = Preprocess(["original", "sobel", "contrast"])
    images = torch.full((2, 1, 48, 48), 7, dtype=torch.uint8)
    preprocess.fit(images)
    assert preprocess(images).isfinite().all()


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (["original", "sobol"], "channels: 'sobol', expected some of original"),
        ([], "channels: empty"),
    ],
)
def test_unknown_planes_are_refused(channels, message):
    with pytest.raises(ValueError, match=message):
        Preprocess(channels)
