"""Augmentation: off means off, moves are OpenCV's, mixtures mix targets as they mix images."""

import math
from dataclasses import asdict

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate

from fer.cli import subcommand
from fer.training.augment import Augment, _grid

SIDE = 48
IMAGES = torch.rand(16, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(7)[torch.arange(16) % 7]
# Smooth: two interpolations of it differ little.
Y, X = np.mgrid[:SIDE, :SIDE] / SIDE
SMOOTH = (0.5 + 0.3 * np.sin(5 * X + 1) * np.cos(4 * Y) + 0.2 * X).astype(np.float32)
INSIDE = np.hypot(X * SIDE - 23.5, Y * SIDE - 23.5) < 20
PAIRS = {
    "rotate": (1, 20), "shear": (1, 10), "shift": (1, 0.1), "scale": (1, 0.2),
    "brightness": (1, 0.2), "contrast": (1, 0.3), "gamma": (1, 0.3), "blur": (1, 1.0), "noise": (1, 0.1),
    "erase": (1, 0.3), "mixup": (1, 0.4),
}  # fmt: skip


def apply(seed: int = 0, images=IMAGES, targets=TARGETS, **pairs):
    torch.manual_seed(seed)
    return Augment(**pairs)(images, targets)


@pytest.fixture
def lowest(monkeypatch):
    """Every uniform draw is 0: each operation falls, with the lower end of its range."""
    monkeypatch.setattr(torch, "rand", lambda *size, device=None: torch.zeros(*size))


def smooth(**pairs) -> np.ndarray:
    images = torch.from_numpy(SMOOTH)[None, None]
    return apply(images=images, targets=TARGETS[:1], **pairs)[0][0, 0].numpy()


def test_nothing_asked_nothing_done():
    images, targets = apply()
    assert torch.equal(images, IMAGES) and torch.equal(targets, TARGETS)


@pytest.mark.parametrize("name", PAIRS)
def test_a_probability_or_range_of_zero_is_off(name):
    most = PAIRS[name][1]
    for pair in ((0, most), (1, 0)):
        images, targets = apply(**{name: pair})
        assert torch.equal(images, IMAGES) and torch.equal(targets, TARGETS)


@pytest.mark.parametrize("name", PAIRS)
def test_each_operation_changes_images_within_range_by_torchs_seed(name):
    images, targets = apply(**{name: PAIRS[name]})
    again, same = apply(**{name: PAIRS[name]})
    other, _ = apply(seed=1, **{name: PAIRS[name]})
    assert torch.equal(images, again) and torch.equal(targets, same)
    assert not torch.equal(images, other) and not torch.equal(images, IMAGES)
    assert images.shape == IMAGES.shape and images.dtype == IMAGES.dtype
    assert images.min() >= -1e-6 and images.max() <= 1 + 1e-6
    torch.testing.assert_close(targets.sum(1), torch.ones(16))
    if name != "mixup":
        assert torch.equal(targets, TARGETS)


def test_the_input_stays_as_it_was():
    before, labels = IMAGES.clone(), TARGETS.clone()
    apply(flip=0.5, **(PAIRS | {"mixup": (0.5, 1)}))
    assert torch.equal(IMAGES, before) and torch.equal(TARGETS, labels)


@pytest.mark.parametrize("name", ["rotate", "shift", "brightness", "blur", "noise", "erase"])
def test_the_probability_is_that_of_an_image(name):
    many = IMAGES[:1].expand(400, -1, -1, -1)
    images, _ = apply(images=many, targets=TARGETS[:1], **{name: (0.25, PAIRS[name][1])})
    changed = ((images - many).abs().amax((1, 2, 3)) > 1e-4).sum().item()
    assert 60 <= changed <= 140  # 100 expected, standard deviation 9


def test_flip_is_torchs():
    images, _ = apply(flip=1)
    assert torch.equal(images, torch.flip(IMAGES, [-1]))
    half, _ = apply(flip=0.5)
    mirrored = [torch.equal(a, b) for a, b in zip(half, images, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(half, IMAGES, strict=True)]
    assert 0 < sum(mirrored) < 16 and sum(mirrored) + sum(kept) == 16


def test_shift_moves_by_pixels_as_opencv(lowest):
    move = {"shift": (1, 6 / SIDE)}
    to = np.float32([[1, 0, 6], [0, 1, 6]])
    expected = cv2.warpAffine(SMOOTH, to, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(smooth(**move), expected, atol=1e-4)
    np.testing.assert_allclose(smooth(**move)[6:, 6:], SMOOTH[:-6, :-6], atol=1e-4)


def test_rotation_and_scale_are_opencvs(lowest):
    turn = cv2.getRotationMatrix2D((23.5, 23.5), -20, 0.8)  # negative: clockwise
    expected = cv2.warpAffine(SMOOTH, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    found = smooth(rotate=(1, 20), scale=(1, 0.2))
    np.testing.assert_allclose(found[INSIDE], expected[INSIDE], atol=2e-3)
    assert abs(found - SMOOTH)[INSIDE].max() > 0.05


def test_shear_is_opencvs(lowest):
    slant = math.tan(math.radians(-10))  # x of the input for each y of the output, about the centre
    matrix = np.float32([[1, slant, -slant * 23.5], [0, 1, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(
        SMOOTH, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    found = smooth(shear=(1, 10))
    np.testing.assert_allclose(found[INSIDE], expected[INSIDE], atol=2e-3)
    assert abs(found - SMOOTH)[INSIDE].max() > 0.02


def centres(images: torch.Tensor) -> np.ndarray:
    """x and y of each image's centre of mass, in pixels."""
    mass = images[:, 0] / images.sum((2, 3))[:, :, None]
    places = torch.arange(SIDE, dtype=mass.dtype)
    return np.stack([(mass.sum(1) * places).sum(1), (mass.sum(2) * places).sum(1)], axis=1)


def test_shifts_go_every_way_on_both_axes():
    dots = torch.zeros(300, 1, SIDE, SIDE)
    dots[:, :, 24, 24] = 1
    moves = centres(apply(images=dots, targets=TARGETS[:1], shift=(1, 0.125))[0]) - 24
    assert abs(moves).max() <= 6 + 1e-3
    assert (moves.min(0) < -4.5).all() and (moves.max(0) > 4.5).all()
    assert abs(np.corrcoef(moves.T)[0, 1]) < 0.2


def test_places_are_those_of_torchs_affine_grid():
    maps = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = F.affine_grid(maps, [5, 1, 6, 9], align_corners=False)
    torch.testing.assert_close(_grid(maps, 6, 9), expected)


def test_bf16_training_augments_in_full_precision():
    images, targets = apply(flip=0.5, **PAIRS)
    with torch.autocast("cpu", torch.bfloat16):
        same, weights = apply(flip=0.5, **PAIRS)
    assert same.dtype == torch.float32
    assert torch.equal(images, same) and torch.equal(targets, weights)


def test_tones_by_hand(lowest):
    np.testing.assert_allclose(smooth(brightness=(1, 0.2)), (SMOOTH - 0.2).clip(0, 1), atol=1e-6)
    np.testing.assert_allclose(
        smooth(gamma=(1, 0.3)), SMOOTH.clip(1e-6, 1) ** math.exp(-0.3), atol=1e-5
    )
    middle = SMOOTH.mean()
    expected = middle + (SMOOTH - middle) * math.exp(-0.3)
    np.testing.assert_allclose(smooth(contrast=(1, 0.3)), expected.clip(0, 1), atol=1e-5)


def test_blur_is_opencvs(lowest):
    expected = cv2.GaussianBlur(SMOOTH, (7, 7), 1.0, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(smooth(blur=(1, 1.0)), expected, atol=1e-5)


def test_the_widest_blur_stays_within_the_image(lowest):
    found = smooth(blur=(1, 100.0))
    assert found.shape == SMOOTH.shape and found.std() < SMOOTH.std() / 2


def test_noise_is_centred_and_no_stronger_than_asked():
    grey = torch.full((64, 1, SIDE, SIDE), 0.5)
    added = apply(images=grey, targets=TARGETS[:1], noise=(1, 0.1))[0] - 0.5
    strengths = added.std((1, 2, 3))
    assert abs(added.mean()) < 1e-3 and 0.08 < strengths.max() < 0.105 and strengths.min() < 0.02


def test_erase_covers_one_grey_rectangle_of_at_most_its_share():
    images, _ = apply(erase=(1, 0.3))
    changed = (images != IMAGES)[:, 0]
    for image, hole in zip(images[:, 0], changed, strict=True):
        rows, columns = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & columns)  # a rectangle
        assert image[hole].unique().numel() <= 1
        # A side of 48 pixels rounds up by a pixel at most.
        assert hole.sum() <= 0.3 * SIDE**2 + 2 * SIDE
    assert changed.float().mean() > 0.05


SIXTEEN = torch.eye(16)  # a class an image: a target then tells who was mixed, and how much


def test_mixup_mixes_targets_as_images():
    images, targets = apply(targets=SIXTEEN, mixup=(1, 1.0))
    torch.testing.assert_close(images.flatten(1), targets @ IMAGES.flatten(1))
    torch.testing.assert_close(targets.sum(1), torch.ones(16))
    assert targets.min() >= 0 and (targets > 0).sum(1).max() == 2
    shares = targets.diagonal()[(targets > 0).sum(1) == 2]
    torch.testing.assert_close(shares, shares[:1].expand_as(shares))  # one share a batch
    assert sorted(targets.argmax(1).tolist()) == list(range(16))


def test_mixup_falls_on_a_batch_by_its_probability():
    mixed = sum(not torch.equal(apply(seed, mixup=(0.3, 1.0))[1], TARGETS) for seed in range(200))
    assert 40 <= mixed <= 80  # 60 expected, standard deviation 6.5


def option(name: str) -> Augment:
    return instantiate(subcommand.config_of([f"augment={name}", "data=drawn"]).augment)


@pytest.mark.parametrize("name", ["light", "strong", "lab"])
def test_an_option_gives_faces_and_targets_by_torchs_seed(name):
    def once(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(seed)
        return option(name)(IMAGES, TARGETS)

    images, targets = once(0)
    assert torch.equal(images, once(0)[0]) and not torch.equal(images, once(1)[0])
    assert images.shape == IMAGES.shape and 0 <= images.min() + 1e-6 and images.max() <= 1 + 1e-6
    torch.testing.assert_close(targets.sum(1), torch.ones(16))


@pytest.mark.parametrize("mixing", [{}, {"mixup": (1, 0.4)}])
def test_plain_images_are_moved_and_mixed_alike_and_not_degraded(mixing):
    kept = {"flip": 0.5, "rotate": (1, 20), "contrast": (1, 0.3)}
    degrading = {name: PAIRS[name] for name in ("blur", "noise", "erase")}
    torch.manual_seed(0)
    images, plain, targets = Augment(**kept, **degrading, **mixing).with_plain(IMAGES, TARGETS)
    expected, mixed = apply(**kept, **degrading, **mixing)
    assert torch.equal(images, expected) and torch.equal(targets, mixed)
    assert not torch.equal(images, plain)
    torch.manual_seed(0)
    same, undegraded, _ = Augment(**kept, **mixing).with_plain(IMAGES, TARGETS)
    assert torch.equal(same, undegraded)
    if not mixing:  # blur, noise and erasing draw first, so a mixture differs without them
        assert torch.equal(plain, undegraded)


def test_strong_does_all_that_light_does_and_more():
    light, strong = asdict(option("light")), asdict(option("strong"))
    assert strong.pop("flip") >= light.pop("flip") > 0
    for name, (probability, most) in light.items():
        assert strong[name][0] >= probability and strong[name][1] >= most
        assert strong[name][0] > 0


def test_lab_mirrors_one_face_in_eight_and_turns_six_by_up_to_60_degrees_either_way():
    dots = torch.zeros(4000, 1, SIDE, SIDE)
    dots[:, :, 8, 25] = 1.0  # above the centre, a little right of it
    torch.manual_seed(0)
    images, _ = option("lab")(dots, TARGETS[:1])
    still = [
        torch.isclose(images, way, atol=1e-3).flatten(1).all(1) for way in (dots, dots.flip(-1))
    ]
    kept, mirrored = (way.float().mean().item() for way in still)
    assert 0.19 < kept < 0.25 and 0.02 < mirrored < 0.045  # 7/8 and 1/8 of a quarter
    places = centres(images[~(still[0] | still[1])]) - 23.5
    angles = np.degrees(np.arctan2(places[:, 0], -places[:, 1]))
    leans = np.degrees(np.arctan2(1.5, 15.5))
    assert 58 < abs(angles).max() - leans < 60.5 and 0.45 < (angles < 0).mean() < 0.55
