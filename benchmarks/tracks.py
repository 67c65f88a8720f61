"""Measure how often two people keep their numbers while they cross: python benchmarks/tracks.py [OUT.csv]

Made boxes that jitter as a detector's do: by 3 % of their size, and one in twenty is missing. Who is
hidden by more than half has none. In the last row the one behind turns back where they meet.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import harness
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from fer.inference.track import Tracker

PLAIN = np.full((18, 32, 3), 90, np.uint8)
ROUNDS = 100
JITTER, MISSED = 0.03, 0.05
SECONDS = 6.0
Box = tuple[float, float, float, float]


def walk(times: np.ndarray, speed: float, rng: np.random.Generator, turns: bool) -> np.ndarray:
    """Boxes of two people whose relative speed is `speed` widths a second: [frames, 2, 4]."""
    size = rng.uniform(0.85, 1.15, 2) * 100
    height = 300 + rng.uniform(-0.2, 0.2, 2) * 100
    share = rng.uniform(0.2, 0.8)
    meet = SECONDS / 2
    late = np.where(times > meet, -1.0, 1.0) if turns else np.ones(len(times))
    x = 500 + (times - meet)[:, None] * speed * 100 * np.array([share, share - 1])
    if turns:
        x[:, 1] = 500 + (times - meet) * late * speed * 100 * (share - 1)
    y = np.broadcast_to(height, x.shape)
    wide, high = np.broadcast_to(size, x.shape), np.broadcast_to(1.2 * size, x.shape)
    return np.stack([x - wide / 2, y - high / 2, wide, high], axis=-1)


def hidden(front: np.ndarray, back: np.ndarray) -> bool:
    low = np.maximum(front[:2], back[:2])
    high = np.minimum(front[:2] + front[2:], back[:2] + back[2:])
    return bool(np.maximum(0, high - low).prod() > 0.5 * back[2:].prod())


def follow(boxes: np.ndarray, times: np.ndarray, rng: np.random.Generator) -> list[dict[int, int]]:
    """For each frame: the number that each person who was found got."""
    tracker, seen = Tracker(), []
    for time, (front, back) in zip(times, boxes):
        found = [0] if hidden(front, back) else [0, 1]
        found = [person for person in found if rng.random() > MISSED]
        rng.shuffle(found)
        noisy = [_jittered((front, back)[person], rng) for person in found]
        seen.append(dict(zip(found, tracker.update(float(time), PLAIN, noisy))))
    return seen


def _jittered(box: np.ndarray, rng: np.random.Generator) -> Box:
    x, y, width, height = (box + rng.normal(0, JITTER * box[2], 4)).tolist()
    return x, y, width, height


def kept(seen: Sequence[dict[int, int]]) -> bool:
    """Whether each person has one number, and not the other's."""
    numbers = [{frame[person] for frame in seen if person in frame} for person in (0, 1)]
    return all(len(own) <= 1 for own in numbers) and not numbers[0] & numbers[1]


def rows() -> Iterator[dict[str, str | float]]:
    rng = np.random.default_rng(0)
    for what, rate in [*(("cross", rate) for rate in (25, 12.5, 5, 2.5)), ("turn back", 25)]:
        row: dict[str, str | float] = {"what": what, "frames/s": float(rate)}
        for speed in (1.0, 2.0, 4.0, 8.0):
            times, turns = np.arange(0, SECONDS, 1 / rate), what == "turn back"
            runs = (follow(walk(times, speed, rng, turns), times, rng) for _ in range(ROUNDS))
            row[f"kept at {speed:g} widths/s"] = float(np.mean([kept(run) for run in runs]))
        print(*row.values(), sep="; ", flush=True)
        yield row


if __name__ == "__main__":
    harness.write(rows())
