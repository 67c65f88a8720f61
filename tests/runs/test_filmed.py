"""Annotated videos keep times, size and colours, and what was written plays whatever happens."""

import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from fer.common.errors import InputError
from fer.inference.prediction import Pixels
from fer.runs.filmed import LONGEST, even, film

RED = (200, 50, 20)
TIMES = [0.5, 0.54, 0.7, 0.71, 1.3]  # of a variable frame rate


def frame(height: int = 61, width: int = 97) -> Pixels:
    return np.full((height, width, 3), RED, np.uint8)


def read(path: Path) -> tuple[list[float], Pixels]:
    """Times of all frames, and the last one."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(each.time) for each in frames], frames[-1].to_ndarray(format="rgb24")


def test_times_and_colours_are_kept(tmp_path: Path) -> None:
    with film(tmp_path / "a.mp4", (97, 61), 25) as filmed:
        for time in TIMES:
            filmed.add(frame(), time)
    times, last = read(tmp_path / "a.mp4")
    assert times == pytest.approx(TIMES, abs=1e-4)
    assert last.shape == (60, 96, 3)
    assert np.abs(last.astype(int) - RED).max() <= 4


def test_a_frame_that_is_not_later_comes_after_all(tmp_path: Path) -> None:
    with film(tmp_path / "a.mp4", (97, 61), 25) as filmed:
        for time in (0.0, 0.0, 0.5, 0.4):
            filmed.add(frame(), time)
    times, _ = read(tmp_path / "a.mp4")
    assert times == pytest.approx([0, 0, 0.5, 0.5], abs=1e-3)
    assert times == sorted(set(times))


def test_a_frame_of_another_size_is_resized(tmp_path: Path) -> None:
    with film(tmp_path / "a.mp4", (97, 61), 25) as filmed:
        filmed.add(frame(), 0.0)
        filmed.add(frame(height=200, width=300), 0.04)
    assert read(tmp_path / "a.mp4")[1].shape == (60, 96, 3)


def test_after_an_exception_the_frames_until_then_play(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        with film(tmp_path / "a.mp4", (97, 61), 25) as filmed:
            filmed.add(frame(), 0.0)
            raise KeyboardInterrupt
    assert read(tmp_path / "a.mp4")[0] == [0.0]


def test_what_a_kill_leaves_plays(tmp_path: Path) -> None:
    path, left = tmp_path / "a.mp4", tmp_path / "left.mp4"
    with film(path, (97, 61), 25) as filmed:
        for number in range(60):
            filmed.add(frame(), number / 25)
        shutil.copy(path, left)  # what is in the file at this moment
    times, _ = read(left)
    # Half a second of a fragment is lost, and the 10 + 3 + 2 frames in the encoder.
    assert 60 - 13 - 15 <= len(times) < 60
    assert times[:-3] == pytest.approx([n / 25 for n in range(len(times) - 3)], abs=1e-4)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (1920, 1080)), ((3841, 2161), (LONGEST, 1080)), ((1, 5), (2, 4))],
)
def test_the_size_is_even_and_limited(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert even(size) == expected


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"fer-lab\[video\]"):
        with film(tmp_path / "a.mp4", (97, 61), 25):
            pass
