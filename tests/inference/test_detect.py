"""Detectors: no face is an empty list, at any size of picture, in any thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer.common.errors import InputError
from fer.inference.detect import Detector, detector, windows

NAMES = ("yunet", "haar")


@pytest.fixture(scope="module", params=NAMES)
def each(request: pytest.FixtureRequest) -> Detector:
    return detector(request.param, tiles=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (48, 48)])
def test_a_picture_without_a_face_has_none(each: Detector, shape: tuple[int, int]) -> None:
    assert each.find(np.full((*shape, 3), 99, np.uint8)) == []


@pytest.mark.parametrize("sides", [(1, 1), (640, 640), (641, 1), (1921, 1080), (1, 2000)])
def test_tiles_cover_the_picture(sides: tuple[int, int]) -> None:
    seen = np.zeros(sides[::-1], bool)
    for window in list(windows(*sides, tiles=True, side=640))[2:]:
        seen[window.y : window.y + window.height, window.x : window.x + window.width] = True
    assert seen.all() or max(sides) <= 640


def test_threads_share_a_detector() -> None:
    shared = detector("yunet")
    pictures = [np.full((40 + side, 60, 3), side, np.uint8) for side in range(8)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(shared.find, pictures)) == [[]] * 8


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(InputError, match="detector: 'dlib', expected yunet or haar"):
        detector("dlib")  # type: ignore[arg-type]
