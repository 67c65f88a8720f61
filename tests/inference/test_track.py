"""Boxes of successive frames get the number of their person, and probabilities a mean over time."""

import numpy as np
import pytest

from fer.inference.track import Smoother, Tracker

PLAIN = np.full((18, 32, 3), 90, np.uint8)
LEFT, RIGHT = (100.0, 80.0, 60.0, 80.0), (400.0, 80.0, 60.0, 80.0)


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
