"""The drawn faces: their units, their sequence of emotions, their file, and that they differ."""

import numpy as np
import pandas as pd
import pytest

from fer.common.errors import InputError
from fer.data import drawn, writers
from fer.data.drawn import strokes, units
from fer.data.drawn.face import brow, corner, features, jaw_drop, lids
from fer.data.drawn.person import Person
from fer.data.drawn.photo import Pose, paint, project
from fer.data.labels import EMOTIONS
from fer.data.readers.fer2013_csv import read_csv

PERSON = Person(*strokes.ranges(Person).mean(axis=0))
FRONTAL = Pose(roll=0.0, yaw=0.0, pitch=0.0, scale=1.0, dx=0.0, dy=0.0)
HAPPY, SAD, SURPRISE, NEUTRAL = 3, 4, 5, 6  # in EMOTIONS


def faces(emotion: int, count: int, seed: int) -> np.ndarray:
    return np.stack([drawn.draw(emotion, np.random.default_rng([seed, k])) for k in range(count)])


def opening(code: str) -> float:
    upper, lower = lids(PERSON, units.parse(code))
    return float((lower - upper)[1, 1])


def brow_inner(code: str) -> np.ndarray:
    """Its middle (x, y), between the first point of its upper edge and the last, of its lower."""
    points = brow(PERSON, units.parse(code))[0].points
    return (points[0] + points[-1]) / 2


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "drawn.csv"
    writers.write_drawn(path, count=100, seed=3)
    return path


def test_parse_reads_facs_notation():
    found = units.parse("1+2+5B+26")
    assert {number: found[number] for number in np.flatnonzero(found)} == {
        1: 0.85,
        2: 0.85,
        5: 0.4,
        26: 0.85,
    }


def test_every_emotion_has_expressions_and_neutral_none():
    assert len(units.EXPRESSIONS) == len(EMOTIONS)
    for name, expressions in zip(EMOTIONS, units.EXPRESSIONS):
        assert (expressions.max(axis=1) > 0).all() == (name != "neutral")


def test_units_stay_in_range():
    rng = np.random.default_rng(0)
    drawn_units = np.stack([units.sample(k % 7, rng) for k in range(200)])
    assert drawn_units.shape == (200, 2, 65)
    assert drawn_units.min() >= 0 and 1 < drawn_units.max() <= 1.2


def test_units_move_what_facs_says():
    rest = units.parse("")
    assert (
        corner(PERSON, units.parse("12")) < corner(PERSON, rest) < corner(PERSON, units.parse("15"))
    )
    assert opening("7") < opening("") < opening("5")
    assert brow_inner("1")[1] < brow_inner("")[1] < brow_inner("4")[1]
    assert brow_inner("4")[0] < brow_inner("")[0]
    assert 0 == jaw_drop(rest) < jaw_drop(units.parse("26")) < jaw_drop(units.parse("27"))


@pytest.mark.parametrize("closed", [False, True])
def test_spline_passes_through_its_points(closed):
    points = np.array([(0.0, 0.0), (1.0, 2.0), (3.0, 1.0), (4.0, 5.0)])
    samples = 13 if not closed else 12  # three or four spans of four or three steps
    curve = strokes.basis(4, samples, closed) @ points
    np.testing.assert_allclose(curve[:: 4 if not closed else 3], points, atol=1e-12)


def test_spline_halfway_is_catmull_and_roms():
    # At u = 1/2 the weights of the four neighbours are (-1, 9, 9, -1) / 16.
    weights = strokes.basis(4, 7, False)[3]
    np.testing.assert_allclose(weights, np.array([-1, 9, 9, -1]) / 16)


def test_projection_by_hand():
    # Half a head's width is 0.4 of the picture, its middle at (0.5, 0.52).
    points = np.array([[(0.0, 0.0), (1.0, 0.0), (0.0, -1.45)]])
    found = project(points, np.zeros((1, 1)), FRONTAL)
    np.testing.assert_allclose(found, [[(0.5, 0.52), (0.9, 0.52), (0.5, 0.52 - 0.58)]])
    turned = Pose(roll=0.0, yaw=np.pi / 2, pitch=0.0, scale=1.0, dx=0.0, dy=0.0)
    # In profile the nose, 0.85 - 0.4 in front of the axis, stands out and the ears are in line.
    found = project(points, np.zeros((1, 1)), turned)
    np.testing.assert_allclose(found[0, :, 0], [0.5 + 0.4 * 0.45, 0.5 - 0.4 * 0.4, 0.5 - 0.4 * 0.4])


def test_draw_is_a_face_of_its_generator_alone():
    first = drawn.draw(HAPPY, np.random.default_rng(8))
    np.random.seed(1)
    assert first.shape == (48, 48) and first.dtype == np.uint8 and first.std() > 5
    np.testing.assert_array_equal(first, drawn.draw(HAPPY, np.random.default_rng(8)))
    assert (first != drawn.draw(HAPPY, np.random.default_rng(9))).mean() > 0.5


@pytest.mark.parametrize("emotion", [-1, 7])
def test_draw_refuses_other_emotions(emotion):
    with pytest.raises(ValueError, match=f"emotion: {emotion}, expected 0 to 6"):
        drawn.draw(emotion, np.random.default_rng(0))


def test_emotions_begin_with_one_of_each_and_follow_fer2013():
    sequence = drawn.emotions(3589)
    assert sequence[:7].tolist() == [0, 1, 2, 3, 4, 5, 6]
    # Shares of 3,589: 13.80, 1.52, 14.27, 25.05, 16.93, 11.15, 17.27 % of it.
    assert np.abs(np.bincount(sequence) - [495, 55, 512, 899, 608, 400, 620]).max() <= 1
    np.testing.assert_array_equal(sequence[:500], drawn.emotions(500))


@pytest.mark.parametrize(
    ("count", "expected"), [(21, (7, 7, 7)), (70, (56, 7, 7)), (6000, (4800, 600, 600))]
)
def test_parts_are_80_10_10_and_hold_every_emotion(count, expected):
    assert drawn.sizes(count) == expected
    for size in drawn.sizes(count):
        assert set(drawn.emotions(size)) == set(range(7))


def test_csv_as_pandas_reads_it(file):
    table = pd.read_csv(file)
    assert list(table.columns) == ["emotion", "pixels", "Usage"]
    assert table["Usage"].tolist() == ["Training"] * 80 + ["PublicTest"] * 10 + ["PrivateTest"] * 10
    assert table.groupby("Usage")["emotion"].nunique().tolist() == [7, 7, 7]
    pixels = np.stack([np.array(row.split(" "), dtype=int) for row in table["pixels"]])
    assert pixels.shape == (100, 2304) and pixels.min() >= 0 and pixels.max() <= 255
    assert len(np.unique(pixels, axis=0)) == 100
    stream = np.random.SeedSequence(3, spawn_key=(1, 4))
    face = drawn.draw(4, np.random.default_rng(stream))
    np.testing.assert_array_equal(pixels[84], face.ravel())


def test_csv_as_the_reader_reads_it(file):
    read = read_csv(file)
    assert np.bincount(read.parts).tolist() == [80, 10, 10]
    np.testing.assert_array_equal(read.labels, pd.read_csv(file)["emotion"])


def test_same_seed_same_bytes_and_a_larger_set_holds_the_smaller(file, tmp_path):
    again, other, small = (tmp_path / name for name in ("again", "other", "small"))
    writers.write_drawn(again, count=100, seed=3)
    writers.write_drawn(other, count=100, seed=4)
    writers.write_drawn(small, count=30, seed=3)
    assert again.read_bytes() == file.read_bytes() != other.read_bytes()
    assert set(small.read_text().splitlines()) < set(file.read_text().splitlines())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "other", "small"]


def test_nothing_is_said_without_a_terminal(tmp_path, capsys):
    writers.write_drawn(tmp_path / "drawn.csv", count=21, seed=0)
    assert capsys.readouterr() == ("", "")


def test_a_broken_off_run_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "drawn.csv"
    path.write_text("old")

    def interrupted(emotion, rng):
        raise KeyboardInterrupt

    monkeypatch.setattr(writers, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writers.write_drawn(path, count=21, seed=0)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("count", "seed", "message"),
    [(20, 0, "count: 20, expected 21 or more"), (21, -1, "seed: -1, expected 0 or more")],
)
def test_bad_numbers_are_refused_before_anything_is_written(tmp_path, count, seed, message):
    with pytest.raises(InputError, match=message):
        writers.write_drawn(tmp_path / "drawn.csv", count=count, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_mouth_corners_rise_in_happy_and_fall_in_sad_faces():
    rng = np.random.default_rng(0)
    happy, sad, neutral = (
        np.mean([corner(PERSON, units.sample(emotion, rng)[0]) for _ in range(200)])
        for emotion in (HAPPY, SAD, NEUTRAL)
    )
    # Full intensity moves a corner by 0.2 up or 0.15 down.
    assert happy < neutral - 0.05 and sad > neutral + 0.03


def test_mouth_corners_rise_in_pixels_too():
    # The darkest row near a corner of the mouth, where the lips meet, four pixels to a row of 48.
    left = int(192 * (0.5 - 0.4 * 0.8 * PERSON.mouth_width))
    rows = []
    for code in ("12", "", "15"):
        au = units.parse(code)
        ink = paint(np.full((192, 192), 255, np.uint8), features(PERSON, au, au), FRONTAL)
        rows.append(int(ink[130:180, left].argmin()))
    assert rows[0] < rows[1] - 4 and rows[2] > rows[1] + 4


def test_surprised_faces_differ_from_all_others_as_one_half_of_them_from_the_other_does_not():
    images = [faces(emotion, 150, seed=100 + emotion) for emotion in range(7)]
    images.append(faces(SURPRISE, 150, seed=200))
    images = [each / each.mean(axis=(1, 2), keepdims=True) for each in images]
    mean = np.stack([each.mean(axis=0) for each in images])
    error = np.stack([each.var(axis=0) / len(each) for each in images])
    t = np.abs(mean - mean[SURPRISE]) / np.sqrt(error + error[SURPRISE])
    largest = t.max(axis=(1, 2))
    # 2,304 pixels, far fewer of them independent: by chance hardly ever beyond 4.
    assert largest[[0, 1, 2, 3, 4, 6]].min() > 4 > largest[7]
