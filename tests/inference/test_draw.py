"""Drawn pictures: legible at every size, inside the picture, and hidden faces that stay hidden."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.common.errors import InputError
from fer.data.labels import COLOURS, EMOTIONS, OTHER_COLOURS
from fer.inference import draw as drawing
from fer.inference.draw import LEAST, Mark, draw, hidden, ink
from fer.inference.prediction import UNSURE, Face, Prediction

SURE = np.array([0.01, 0.02, 0.03, 0.9, 0.02, 0.01, 0.01], np.float32)


def face(box: tuple[float, float, float, float], label: str = "happy", **others) -> Face:
    return Face(box, 0.9, label, 0.9, SURE, **others)


def prediction(size: tuple[int, int], *faces: Face, classes=EMOTIONS, **others) -> Prediction:
    return Prediction("x.png", 0, None, size, faces, classes, **others)


def plain(size: tuple[int, int], tone: int = 128) -> np.ndarray:
    return np.full((size[1], size[0], 3), tone, np.uint8)


def changed(picture: Image.Image, before: np.ndarray) -> np.ndarray:
    return (np.asarray(picture) != before).any(2)


@pytest.fixture
def plates(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The labels that are drawn: place and text."""
    seen = []
    plate = drawing._draw_plate
    monkeypatch.setattr(
        drawing,
        "_draw_plate",
        lambda pen, place, text, font, fill: (
            seen.append((place, text, font.size)),
            plate(pen, place, text, font, fill),
        ),
    )
    return seen


@pytest.mark.parametrize("tone", [0, 255, 128])
@pytest.mark.parametrize("size", [(100, 80), (900, 600)])
def test_a_box_and_its_label_are_seen_on_every_tone(size, tone, plates) -> None:
    width, height = size
    before = plain(size, tone)
    box = (0.4 * width, 0.4 * height, 0.3 * width, 0.4 * height)
    seen = changed(draw(before, prediction(size, face(box))), before)
    top = round(box[1])
    assert seen[top : top + 5, round(box[0]) : round(box[0] + box[2])].any()
    ((left, top, right, bottom), text, letters) = plates[0]
    assert text == "happy 90 %" and letters >= LEAST
    assert seen[top:bottom, left:right].mean() > 0.6
    middle = (slice(round(0.55 * height), round(0.65 * height)), round(0.55 * width))
    assert not seen[middle].any()  # the face itself stays


def test_text_grows_with_the_picture(plates) -> None:
    for size in ((600, 400), (3000, 2000)):
        draw(plain(size), prediction(size, face((size[0] / 3, size[1] / 3, size[0] / 5, 200))))
    assert plates[1][2] > 2 * plates[0][2]


@pytest.mark.parametrize("colour", [*COLOURS.values(), *OTHER_COLOURS, "#000000", "#777777"])
def test_text_has_the_contrast_that_wcag_demands(colour) -> None:
    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    low, high = sorted((luminance(colour), luminance(ink(colour))))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def crowd(rng: np.random.Generator, size: tuple[int, int], count: int) -> list[Face]:
    corners = rng.uniform((-20, -20), size, (count, 2))
    return [face((*corner, 70, 85), EMOTIONS[i % 7], track=i) for i, corner in enumerate(corners)]


@pytest.mark.parametrize(("size", "count"), [((1600, 900), 50), ((300, 200), 50), ((100, 100), 3)])
def test_labels_stay_inside_the_picture(size, count, plates) -> None:
    faces = crowd(np.random.default_rng(0), size, count)
    draw(plain(size), prediction(size, *faces))
    assert len(plates) == count
    for (left, top, right, bottom), _, _ in plates:
        assert left >= 0 and top >= 0 and right <= size[0] and bottom <= size[1]


def test_labels_of_fifty_faces_in_rows_cover_no_other_label(plates) -> None:
    boxes = [(20 + 155 * (k % 10), 60 + 165 * (k // 10), 70, 85) for k in range(50)]
    draw(plain((1600, 900)), prediction((1600, 900), *map(face, boxes)))
    places = np.array([place for place, _, _ in plates])
    common = [drawing._overlap(tuple(place), np.delete(places, i, 0)).sum()
              for i, place in enumerate(places)]  # fmt: skip
    assert sum(common) == 0


def test_bars_only_where_they_cover_nothing() -> None:
    size = (600, 400)
    alone = face((200, 100, 120, 150))
    roomy = changed(draw(plain(size), prediction(size, alone)), plain(size)).sum()
    filled = face((0, 0, *size))
    full = changed(draw(plain(size), prediction(size, filled)), plain(size))
    assert roomy > 9000  # about 150 x 140 pixels of bars
    assert not full[100:300, 50:550].any()


def test_names_and_tracks(plates) -> None:
    size = (600, 400)
    seen = prediction(size, face((200, 100, 120, 150), UNSURE, track=7))
    draw(plain(size), seen)
    assert plates[0][1] == "#7 unsure 90 %"
    nameless = changed(draw(plain(size), seen, names=False), plain(size))
    assert len(plates) == 1 and nameless.any() and not nameless[:95].any()


@pytest.mark.parametrize("name", ["Überraschung", "счастье", "快乐", "a\nb", "m" * 300, "", "$x_"])
def test_class_names_of_any_script(name) -> None:
    p = np.array([0.4, 0.6], np.float32)
    one = Face((50, 50, 60, 60), 0.9, name, 0.6, p)
    assert draw(plain((300, 200)), prediction((300, 200), one, classes=("x", name))).size == (
        300,
        200,
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 5)])
def test_the_smallest_pictures(size) -> None:
    assert draw(plain(size), prediction(size, face((0, 0, *size))), blur=True).size == size


def test_boxes_follow_a_reduced_picture() -> None:
    seen = prediction((1000, 800), face((500, 400, 200, 200)))
    before = plain((500, 400))
    rows, columns = np.nonzero(changed(draw(before, seen, names=False), before))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (250, 200, 350, 300)


def test_a_hidden_face_keeps_one_colour() -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (400, 600, 3), dtype=np.uint8)
    copy = before.copy()
    seen = prediction((600, 400), face((200, 100, 120, 150)), face((-30, 350, 90, 90)))
    after = hidden(before, seen)
    assert (before == copy).all()
    assert len(np.unique(after[100:251, 200:321].reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(after[350:, :61].reshape(-1, 3), axis=0)) == 1
    assert (after[:50] == before[:50]).all()
    # What was drawn over it says no more: another face of the same mean gives the same picture.
    shuffled = before.copy()
    shuffled[100:251, 200:321] = before[100:251, 200:321][::-1, ::-1]
    assert (hidden(shuffled, seen)[100:251, 200:321] == after[100:251, 200:321]).all()


def test_a_face_outside_the_picture_is_drawn_at_its_border() -> None:
    size = (200, 100)
    seen = prediction(size, face((-300, 20, 50, 50)), face((500, 500, 9, 9)))
    assert draw(plain(size), seen, blur=True).size == size


def test_lines_are_thin_around_small_faces() -> None:
    assert Mark(face((0, 0, 9, 9)), (0, 0, 9, 9), "#ffffff", 60).line == 1


def test_pixels_of_another_form_are_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        draw(np.zeros((9, 9)), prediction((9, 9)))


def test_a_prediction_draws_itself_from_memory_or_its_file(tmp_path: Path) -> None:
    before = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    kept = prediction((120, 80), face((20, 20, 40, 40)), pixels=before)
    path = tmp_path / "a [1] ü.png"
    Image.fromarray(before).save(path)
    filed = Prediction(str(path), 0, None, (120, 80), kept.faces, EMOTIONS)
    wanted = np.asarray(draw(before, kept))
    for drawn in (kept.draw(), filed.draw(), filed.draw(before)):
        assert (np.asarray(drawn) == wanted).all()


@pytest.mark.parametrize("source", ["gone.png", "picture 3", "camera 0"])
def test_a_prediction_whose_picture_is_gone_asks_for_it(source) -> None:
    with pytest.raises(InputError, match=r"draw\(pixels\)"):
        Prediction(source, 0, None, (9, 9), (), EMOTIONS).draw()
