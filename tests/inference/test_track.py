"""Boxes of successive frames get the number of their person, and probabilities a mean over time."""

import numpy as np
import pytest

from fer.inference.track import Smoother, Tracker, smoothed
from tests.inference import made_video

PLAIN = np.full((18, 32, 3), 90, np.uint8)
LEFT, RIGHT = (100.0, 80.0, 60.0, 80.0), (400.0, 80.0, 60.0, 80.0)
SIZE = (320, 180)
UNEVEN = made_video.uneven_times(12)


def test_a_person_keeps_the_number_whatever_the_order_of_the_boxes() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, PLAIN, [LEFT, RIGHT]) == [0, 1]
    assert tracker.update(0.04, PLAIN, [RIGHT, LEFT]) == [1, 0]
    assert tracker.update(0.08, PLAIN, []) == []
    assert tracker.update(0.12, PLAIN, [RIGHT]) == [1]


@pytest.mark.parametrize(("seconds", "number"), [(0.99, 0), (1.01, 1)])
def test_a_track_ends_a_second_after_it_was_seen(seconds: float, number: int) -> None:
    tracker = Tracker()
    tracker.update(5.0, PLAIN, [LEFT])
    tracker.update(5.5, PLAIN, [])
    assert tracker.update(5.0 + seconds, PLAIN, [LEFT]) == [number]


def test_a_number_is_not_used_again() -> None:
    tracker = Tracker()
    seen = [tracker.update(2.0 * step, PLAIN, boxes) for step, boxes in enumerate([[LEFT], []] * 3)]
    assert seen == [[0], [], [1], [], [2], []]


def test_frames_far_apart_follow_who_stays() -> None:
    tracker = Tracker()
    assert [tracker.update(3.0 * step, PLAIN, [LEFT, RIGHT]) for step in range(3)] == [[0, 1]] * 3


def test_a_face_elsewhere_or_of_another_size_is_another_person() -> None:
    tracker = Tracker()
    tracker.update(0.0, PLAIN, [LEFT])
    assert tracker.update(0.04, PLAIN, [RIGHT]) == [1]
    assert tracker.update(0.08, PLAIN, [(340.0, 0.0, 180.0, 240.0), LEFT]) == [2, 0]


def test_a_small_step_back_in_time_keeps_the_tracks_and_a_large_one_ends_them() -> None:
    tracker = Tracker()
    numbers = [tracker.update(time, PLAIN, [LEFT]) for time in (5.0, 5.04, 5.03, 5.08, 0.0, 0.04)]
    assert numbers == [[0], [0], [0], [0], [1], [1]]


def test_who_sits_beside_does_not_take_the_number_of_who_turns_away() -> None:
    tracker, beside = Tracker(), (LEFT[0] + 90, *LEFT[1:])
    for frame in range(10):
        tracker.update(frame / 25, PLAIN, [LEFT])
    assert tracker.update(10 / 25, PLAIN, [beside]) == [1]


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return list(made_video.frames(UNEVEN, SIZE))


@pytest.mark.parametrize("every", [1, 2, 3])
def test_tracks_of_the_made_video_are_its_people(frames: list[np.ndarray], every: int) -> None:
    """The boxes jitter as a detector's do, and who is hidden has none."""
    rng, tracker = np.random.default_rng(every), Tracker()
    rows, people = made_video.truth(UNEVEN, SIZE), {}
    for frame in range(0, len(frames), every):
        found = [row for row in rows if row.frame == frame and row.seen > 0.5]
        rng.shuffle(found)
        boxes = [tuple(np.array(row.box) + rng.normal(0, 0.03 * row.box[2], 4)) for row in found]
        numbers = tracker.update(UNEVEN[frame], frames[frame], boxes)
        for row, number in zip(found, numbers):
            assert people.setdefault(number, row.track) == row.track, f"frame {frame}"
    assert len(people) == len(made_video.ROLES)


def test_a_cut_ends_a_track_and_a_flash_or_a_pan_does_not(frames: list[np.ndarray]) -> None:
    tracker, first, last = Tracker(), frames[0], frames[-1]
    lit = np.clip(2.0 * first + 40, 0, 255).astype(np.uint8)
    panned = np.roll(first, SIZE[0] // 10, axis=1)
    seen = [
        tracker.update(number / 25, pixels, [LEFT])
        for number, pixels in enumerate([first, lit, first, panned, last, last])
    ]
    assert seen == [[0], [0], [0], [0], [1], [1]]


def test_a_frame_of_one_colour_is_compared_too() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, np.zeros((1, 1, 3), np.uint8), [LEFT]) == [0]
    assert tracker.update(0.04, np.full((1, 1, 3), 255, np.uint8), [RIGHT]) == [1]


STEPS = [(0.04,) * 50, (0.5, 1.3, 0.2), (2.0,)]  # seconds between frames, 2 in all


@pytest.mark.parametrize("steps", STEPS, ids=["even", "uneven", "once"])
def test_smoothing_depends_on_time_and_not_on_the_number_of_frames(
    steps: tuple[float, ...],
) -> None:
    smoother, time = Smoother(0.8), 7.0
    smoother.update(3, time, np.array([1, 0], np.float32))
    for step in steps:
        time += step
        average = smoother.update(3, time, np.array([0, 1], np.float32))
    assert average == pytest.approx([np.exp(-2 / 0.8), 1 - np.exp(-2 / 0.8)], abs=1e-5)
    assert average.dtype == np.float32


def test_smoothing_starts_at_the_first_of_each_track() -> None:
    smoother = Smoother(1.0)
    smoother.update(0, 0.0, np.array([1, 0], np.float32))
    assert smoother.update(1, 0.1, np.array([0.2, 0.8], np.float32)) == pytest.approx([0.2, 0.8])
    assert smoother.update(0, 0.1, np.array([0, 1], np.float32))[0] == pytest.approx(np.exp(-0.1))


def test_no_time_constant_gives_the_raw_probabilities() -> None:
    raw = np.array([0.25, 0.75], np.float32)
    assert smoothed(np.array([1, 0], np.float32), raw, 0.04, 0.0).tolist() == raw.tolist()
