"""From a picture to the crop: drawn faces pasted at known places, as benchmarks/path.py does it."""

import importlib.util
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

import fer
from fer.data.drawn import draw
from fer.data.sources import FER2013
from fer.inference.cut import Place, cut
from fer.inference.detect import Found, detector, turned
from fer.inference.square import back, square

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))  # it imports harness
    spec = importlib.util.spec_from_file_location("bench_path", BENCHMARKS / "path.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(BENCHMARKS))
    return module


def test_drawn_faces_are_cut_where_they_were_pasted(bench: ModuleType) -> None:
    chance, finder, far = np.random.default_rng(0), detector("yunet"), []
    for number in range(10):
        picture, (x, y, side, degrees) = bench.scene(
            draw(number % 7, chance), chance, noise=bool(number % 2), sizes=(80, 240)
        )
        if (face := bench.matching(finder.find(picture), (x, y, side, degrees))) is None:
            continue
        moved = np.hypot(face.centre[0] - x, face.centre[1] - y) / side
        far.append((moved, abs(np.log(face.box[3] / side)), abs(face.roll - degrees)))
    assert len(far) >= 8
    # Half of the faces; a drawn head itself is turned by up to 11 degrees in its square.
    assert (np.median(far, axis=0) < (0.06, 0.12, 9)).all()
    assert (np.max(far, axis=0) < (0.15, 0.35, 22)).all()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("FER_DATA_DIR"), reason="needs fer2013.csv: FER_DATA_DIR")
def test_real_faces_keep_their_accuracy(bench: ModuleType) -> None:
    data, model = FER2013(), fer.load("shipped")
    rows = np.random.default_rng(1).permutation(data.parts.val)[:200]
    images, labels = data.faces.images[rows], data.faces.labels[rows]
    chances = [np.random.default_rng([1, row]) for row in rows.tolist()]
    sizes, seen, crops, _ = bench.walk(images, {"chosen": Place()}, detector("yunet"), chances)
    large = seen & (sizes >= bench.LEAST)
    bare = bench.right(model, images[:, None], labels)[large].mean()
    path = bench.right(model, crops["chosen"], labels)[large].mean()
    assert large.sum() > 100
    assert path > bare - 0.06  # 200 faces say no more; benchmarks/path.py measures it


def test_each_view_is_a_grey_square() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(50, 70, 3), dtype=np.uint8)
    views = cut(pixels, Found((10, 5, 30, 40), 0.9), Place(sides=(0.9, 1.1)), size=48)
    assert views.shape == (4, 48, 48) and views.dtype == np.uint8
    np.testing.assert_array_equal(views[1], views[0, :, ::-1])


@pytest.mark.parametrize("box", [(-400, -400, 9, 9), (69, 49, 500, 500), (0, 0, 1e-3, 1e-3)])
def test_a_box_outside_the_picture_has_a_crop_too(box: tuple[float, ...]) -> None:
    pixels = np.full((50, 70, 3), 7, np.uint8)
    assert (cut(pixels, Found(box, 0.9)) == 7).all()  # type: ignore[arg-type]


def test_a_place_survives_json() -> None:
    place = Place(sides=(0.9, 1.0))
    assert Place(**json.loads(json.dumps(asdict(place)))) == place


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
def test_a_square_is_turned_upright_and_back(degrees: float) -> None:
    corners = np.array([[10.0, 8], [38, 8], [24, 40], [14, 30], [34, 30]])
    where = ((100.0, 90.0), 80.0, degrees, 48)
    points = back(corners, *where)
    expected = turned(corners.astype(np.float32)) + degrees
    assert (turned(points.astype(np.float32)) - expected + 180) % 360 - 180 == pytest.approx(
        0, abs=1e-3
    )
    picture = np.zeros((200, 200, 3), np.uint8)
    for x, y in points:
        cv2.circle(picture, (round(x - 0.5), round(y - 0.5)), 4, (255, 255, 255), -1)
    view = square(picture, *where[:3], size=48)[..., 0].astype(float)
    for x, y in corners:
        near = view[int(y) - 3 : int(y) + 3, int(x) - 3 : int(x) + 3]
        assert near.max() > 200


@pytest.mark.parametrize("times", [2, 3, 6.5])
def test_a_reduced_pixel_is_the_mean_over_its_area(times: float) -> None:
    """Stripes of two pixels, finer than a reduced pixel, come out grey: nothing aliases."""
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[::2] = 200
    view = square(picture, (140.0, 150.0), 16 * times, 0, size=16).astype(float)
    assert np.abs(view - 100).max() <= 20


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_a_square_lies_where_it_should(times: int) -> None:
    chance = np.random.default_rng(0).integers(256, size=(99, 99, 3), dtype=np.uint8)
    picture = cv2.GaussianBlur(chance, (0, 0), 2 * times)
    view = square(picture, (48.0, 48.0), 16.0 * times, 0, size=16).astype(float)
    part = picture[48 - 8 * times : 48 + 8 * times, 48 - 8 * times : 48 + 8 * times].astype(float)
    means = part.reshape(16, times, 16, times, 3).mean((1, 3))
    assert np.abs(view - means).max() <= 1.5


@pytest.mark.parametrize("side", [40, 95, 96, 100, 333])
def test_an_inexact_square_differs_by_little(side: int) -> None:
    rough = np.random.default_rng(0).uniform(0, 255, (6, 6, 3)).astype(np.float32)
    picture = cv2.resize(rough, (400, 400), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    both = [
        square(picture.astype(np.uint8), (210, 190), side, 20, size=32, exact=exact).astype(float)
        for exact in (True, False)
    ]
    assert both[0].std() > 20 and abs(both[0] - both[1]).max() < 4
