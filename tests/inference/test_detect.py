"""Detectors: no face is an empty list, at any size of picture, in any thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer.common.errors import InputError
from fer.inference.detect import Detector, Found, Window, detector, windows

NAMES = ("yunet", "haar")


@pytest.fixture(scope="module", params=NAMES)
def each(request: pytest.FixtureRequest) -> Detector:
    return detector(request.param, tiles=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (48, 48)])
def test_a_picture_without_a_face_has_none(each: Detector, shape: tuple[int, int]) -> None:
    assert each.find(np.full((*shape, 3), 99, np.uint8)) == []


@pytest.mark.parametrize("sides", [(961, 1), (1921, 1080), (1, 2000)])
def test_tiles_cover_the_picture(sides: tuple[int, int]) -> None:
    seen = np.zeros(sides[::-1], bool)
    for window in list(windows(*sides, tiles=True))[3:]:
        seen[window.y : window.y + window.height, window.x : window.x + window.width] = True
    assert seen.all()


@pytest.mark.parametrize(
    ("size", "lengths"),
    [(48, [192]), (300, [300, 192]), (700, [640, 192, 700]), (2000, [640, 192, 960])],
)
def test_a_picture_is_searched_coarsely_first(size: int, lengths: list[int]) -> None:
    assert [round(each.scale * size) for each in windows(size, 9, tiles=False)] == lengths


@pytest.mark.parametrize(("side", "scores", "searched"), [(60, 0.9, 1), (60, 0.7, 2), (40, 0.9, 2)])
def test_a_picture_is_searched_again_where_faces_are_small_or_uncertain(
    monkeypatch: pytest.MonkeyPatch, side: int, scores: float, searched: int
) -> None:
    one, lengths = detector("yunet"), []

    def found(_: object, part: np.ndarray, window: Window) -> list[Found]:
        lengths.append(round(window.scale * 1920))
        return [Found((0, 0, 3 * side, 3 * side), scores)]  # side at 640 pixels of 1920

    monkeypatch.setattr(Detector, "_yunet", found)
    monkeypatch.setattr(Detector, "_nearer", lambda _, pixels, face: face)
    assert len(one.find(np.zeros((1080, 1920, 3), np.uint8))) == 1
    assert len(lengths) == searched


def test_threads_share_a_detector() -> None:
    shared = detector("yunet")
    pictures = [np.full((40 + side, 60, 3), side, np.uint8) for side in range(8)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(shared.find, pictures)) == [[]] * 8


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(InputError, match="detector: 'dlib', expected yunet or haar"):
        detector("dlib")  # type: ignore[arg-type]
