"""A video of drawn faces whose truth is known frame by frame, for tests and benchmarks.

Six people in two scenes. In the first, two cross, one leaves and one enters. Then comes a cut. Each
person changes the expression once or keeps it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from fer.data.drawn import FLAT, INK, RELIEF, features, folds, paint, photograph, units
from fer.data.drawn.person import Person
from fer.data.drawn.photo import Light, Pose, backdrop
from fer.data.drawn.strokes import sample
from fer.data.labels import EMOTIONS

SECONDS = 8.0
CUT = 5.0  # when the second scene starts
HEAD = (0.13, 0.1, 0.74, 0.9)  # x, y, width, height of the head in a drawn face, as YuNet finds it
TICKS = 90_000  # a second


@dataclass(frozen=True)
class Role:
    """Who is seen in which scene, where and with which expression.

    path: (seconds, x, y), the centre of the face in fractions of the frame's width and height.
    side: of the square that the face is drawn in, as a fraction of the frame's height.
    expressions: (seconds, emotion), from when on it is shown.
    """

    scene: int
    side: float
    path: tuple[tuple[float, float, float], ...]
    expressions: tuple[tuple[float, str], ...]


# From back to front. Their numbers are those of the tracks, in order of appearance.
ROLES = (
    Role(0, 0.36, ((0, 0.85, 0.3), (5, 0.15, 0.3)), ((0, "neutral"), (2, "surprise"))),
    Role(0, 0.36, ((0, 0.15, 0.3), (5, 0.85, 0.3)), ((0, "happy"), (2.5, "sad"))),
    Role(0, 0.3, ((0, 0.3, 0.75), (1, 0.3, 0.75), (2.5, -0.2, 0.75)), ((0, "angry"),)),
    Role(0, 0.3, ((2.5, 1.2, 0.75), (4.5, 0.6, 0.75)), ((0, "fear"),)),
    Role(1, 0.5, ((5, 0.25, 0.4), (8, 0.3, 0.4)), ((0, "happy"), (6.5, "neutral"))),
    Role(1, 0.4, ((5, 0.7, 0.6), (8, 0.7, 0.5)), ((0, "disgust"),)),
)


class Row(NamedTuple):
    """The truth of one face in one frame.

    box: x, y, width, height of the head in pixels.
    seen: fraction of the box that is inside the frame and behind nobody, 0 to 1.
    """

    frame: int
    time: float
    track: int
    box: tuple[float, float, float, float]
    expression: str
    seen: float


def even_times(rate: float) -> list[float]:
    """The times of all frames at a constant rate."""
    return [frame / rate for frame in range(round(SECONDS * rate))]


def uneven_times(rate: float) -> list[float]:
    """The times of all frames at a rate that varies: intervals from a half to three halves."""
    steps = np.random.default_rng(0).uniform(0.5, 1.5, round(SECONDS * rate)) / rate
    times = np.round((np.cumsum(steps) - steps[0]) * TICKS) / TICKS
    return [float(time) for time in times if time < SECONDS]


def truth(times: Sequence[float], size: tuple[int, int]) -> list[Row]:
    """The rows of all frames, sorted by frame and track. size: width and height in pixels."""
    return [row for frame, time in enumerate(times) for row in _rows(frame, time, size)]


def frames(times: Sequence[float], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """The frames, uint8 [H, W, 3], RGB."""
    scenes = [_scene(scene, size) for scene in (0, 1)]
    faces = {
        (track, name): _face(track, name)
        for track, role in enumerate(ROLES)
        for _, name in role.expressions
    }
    for frame, time in enumerate(times):
        picture = scenes[time >= CUT].copy()
        for row in _rows(frame, time, size):
            _paste(picture, faces[row.track, row.expression], row.box)
        yield picture


def write(path: Path, times: Sequence[float], size: tuple[int, int]) -> None:
    """Write the video in H.264. size: width and height in pixels, even."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        for time, pixels in zip(times, frames(times, size)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def repeat(segment: Path, path: Path, times: int) -> None:
    """Write a video that shows the one of `write` again and again, without encoding it again."""
    with av.open(str(path), "w") as container, av.open(str(segment)) as first:
        stream = container.add_stream_from_template(first.streams.video[0])
        for number in range(times):
            with av.open(str(segment)) as source:
                for packet in source.demux(video=0):
                    if packet.dts is not None:  # the last one is empty
                        shift = round(number * SECONDS / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        container.mux(packet)


def repeated(rows: Sequence[Row], times: int) -> Iterator[Row]:
    """The truth of `repeat`. People are new each time, since a cut lies between."""
    count = rows[-1].frame + 1
    for number in range(times):
        for row in rows:
            yield row._replace(
                frame=row.frame + number * count,
                time=row.time + number * SECONDS,
                track=row.track + number * len(ROLES),
            )


def _rows(frame: int, time: float, size: tuple[int, int]) -> list[Row]:
    shown = [track for track, role in enumerate(ROLES) if role.scene == (time >= CUT)]
    boxes = {track: _box(ROLES[track], time, size) for track in shown}
    return [
        Row(frame, time, track, boxes[track], _expression(ROLES[track], time), seen)
        for track in shown
        if (seen := _seen(boxes[track], [boxes[each] for each in shown if each > track], size)) > 0
    ]


def _box(role: Role, time: float, size: tuple[int, int]) -> tuple[float, float, float, float]:
    seconds, xs, ys = zip(*role.path)
    side = role.side * size[1]
    left = np.interp(time, seconds, xs) * size[0] - side / 2
    top = np.interp(time, seconds, ys) * size[1] - side / 2
    x, y, width, height = (side * part for part in HEAD)
    return float(left + x), float(top + y), width, height


def _expression(role: Role, time: float) -> str:
    return [name for start, name in role.expressions if start <= time][-1]


def _seen(box: tuple, before: list[tuple], size: tuple[int, int]) -> float:
    """The fraction of a box inside the frame and not behind one of the boxes `before` it."""
    x, y, width, height = box
    xs, ys = np.meshgrid(
        x + width * (np.arange(20) + 0.5) / 20, y + height * (np.arange(20) + 0.5) / 20
    )
    free = (xs >= 0) & (xs < size[0]) & (ys >= 0) & (ys < size[1])
    for left, top, wide, high in before:
        free &= ~((xs >= left) & (xs < left + wide) & (ys >= top) & (ys < top + high))
    return float(free.mean())


def _face(track: int, emotion: str) -> np.ndarray:
    """A drawn face: uint8 [48, 48]. A track is the same person with any emotion."""
    rng = np.random.default_rng(track)
    person = replace(sample(Person, rng), cover=0.5)
    units_of_sides = units.sample(EMOTIONS.index(emotion), rng)
    pose = Pose(roll=0.0, yaw=0.1, pitch=0.0, scale=1.0, dx=0.0, dy=0.0)
    light = Light(0.3, 0.4, 0.4, 1.0, 1.0, 10.0, 0.5, 2.0)
    ink = paint(backdrop(INK, rng), features(person, *units_of_sides), pose)
    relief = np.full((RELIEF, RELIEF), FLAT, np.uint8)
    relief = paint(relief, folds(person, *units_of_sides), pose, times=FLAT)
    return photograph(ink, relief, light, rng)


def _scene(scene: int, size: tuple[int, int]) -> np.ndarray:
    """A background: smooth shapes of one scene's colours."""
    rng = np.random.default_rng(100 + scene)
    few = rng.uniform(40, 200, (5, 8, 3)) * ((0.6, 0.9, 1.0), (1.0, 0.7, 0.4))[scene]
    return cv2.resize(few.astype(np.uint8), size, interpolation=cv2.INTER_CUBIC)


def _paste(picture: np.ndarray, face: np.ndarray, box: tuple[float, float, float, float]) -> None:
    """Put a face into the picture, in place, with soft borders, where its head fills the box."""
    side = box[2] / HEAD[2]
    left, top = box[0] - HEAD[0] * side, box[1] - HEAD[1] * side
    scale = side / len(face)
    # cv2 counts from the centres of pixels.
    shift = np.array([[scale, 0, left + (scale - 1) / 2], [0, scale, top + (scale - 1) / 2]])
    x, y, size = max(0, int(left)), max(0, int(top)), int(side) + 3
    part = picture[y : y + size, x : x + size]
    if not part.size:
        return
    shift[:, 2] -= x, y
    placed = [cv2.warpAffine(each, shift, part.shape[1::-1]) for each in (face, _mask(len(face)))]
    weight = (placed[1] / 255.0)[..., None]
    part[:] = np.rint(part * (1 - weight) + placed[0][..., None] * weight)


def _mask(side: int) -> np.ndarray:
    """What of a drawn face is pasted: uint8 [side, side], 255 inside, falling towards the border."""
    near = np.minimum(np.arange(side), np.arange(side)[::-1])
    return np.minimum(255, 64 * np.minimum(near[:, None], near[None])).astype(np.uint8)
