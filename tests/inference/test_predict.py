"""Model.predict and Model.stream: the faces that are there, in order, in bounded memory, in any form."""

import csv
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import fer
from fer.common.errors import InputError
from fer.data.drawn import draw
from fer.inference import Model
from fer.inference.ahead import AHEAD, WORKERS
from fer.inference.detect import Found, detector
from fer.inference.look import groups
from fer.inference.pictures import Picture, Unreadable
from fer.inference.predict import FACES, predictions
from fer.inference.prediction import UNSURE, Pixels
from fer.inference.settings import Settings
from fer.inference.sources import Source

BOX = (100, 60, 120, 120)  # where `photo` has its face


@pytest.fixture(scope="module")
def model() -> Model:
    return fer.load("shipped")


@pytest.fixture(scope="module")
def photo() -> Pixels:
    """A picture with one drawn face in BOX: uint8 [240, 320, 3]."""
    return pasted([BOX], 320, 240)


@pytest.fixture
def folder(tmp_path: Path, photo: Pixels) -> Path:
    """Three pictures with a face and one without."""
    for name in ("a.png", "c.png", "d.png"):
        cv2.imwrite(str(tmp_path / name), photo)
    cv2.imwrite(str(tmp_path / "b.png"), np.full((60, 80, 3), 90, np.uint8))
    return tmp_path


def pasted(boxes: list[tuple[int, int, int, int]], width: int, height: int) -> Pixels:
    """A grey picture with drawn faces in these places."""
    pixels = np.full((height, width, 3), 120, np.uint8)
    for number, (x, y, w, h) in enumerate(boxes):
        face = cv2.resize(draw(number % 7, np.random.default_rng(number)), (w, h))
        pixels[y : y + h, x : x + w] = face[..., None]
    return pixels


class Stub:
    """Finds a face of 20 pixels at each place. `before` is called with the pixels."""

    def __init__(self, places: list[tuple[int, int]], before=lambda pixels: None) -> None:
        self.places, self.before = places, before

    def find(self, pixels: Pixels) -> list[Found]:
        self.before(pixels)
        return [Found((x, y, 20.0, 20.0), 0.9) for x, y in self.places]


def greys(number: int) -> list[Pixels]:
    """Pictures that can be told apart by their grey."""
    return [np.full((40, 40, 3), grey, np.uint8) for grey in range(number)]


def readers() -> int:
    return sum(thread.name == "fer-reader" for thread in threading.enumerate())


def test_a_face_is_found_where_it_is(model: Model, photo: Pixels) -> None:
    (prediction,) = model.predict(photo)
    (face,) = prediction.faces
    x, y, width, height = face.box
    assert 100 < x < x + width < 220 and 50 < y < y + height < 190 and width > 60
    assert prediction.size == (320, 240) and prediction.classes == model.classes
    assert face.label == model.classes[face.probabilities.argmax()]
    assert face.confidence == face.probabilities.max() and face.score > 0.6
    assert face.probabilities.dtype == np.float32
    assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert face.landmarks is not None and face.landmarks.shape == (5, 2)
    assert (prediction.time, face.track, face.smoothed) == (None, None, None)
    assert prediction.draw().size == (320, 240)


def test_every_form_of_a_picture_gives_the_same(model: Model, photo: Pixels, folder: Path) -> None:
    planes = torch.from_numpy(photo).permute(2, 0, 1)
    forms = [
        photo,
        photo[..., 0],
        planes,
        Image.fromarray(photo),
        folder / "a.png",
        str(folder / "a.png"),
    ]
    expected = model.predict(photo)[0].faces[0]
    for form in forms:
        for given in (form, [form]):
            (prediction,) = model.predict(given)
            (face,) = prediction.faces
            np.testing.assert_allclose(face.box, expected.box)
            np.testing.assert_allclose(face.probabilities, expected.probabilities, atol=1e-5)


def test_pixels_are_kept_where_the_user_has_them(model: Model, photo: Pixels, folder: Path) -> None:
    found = model.predict([photo, folder / "a.png"])
    np.testing.assert_array_equal(found[0].pixels, photo)
    assert found[1].pixels is None
    assert found[1].draw().size == (320, 240)  # read again


def test_no_face_is_no_exception(model: Model, folder: Path) -> None:
    found = model.predict(folder)
    assert [Path(each.source).name for each in found] == ["a.png", "b.png", "c.png", "d.png"]
    assert [len(each.faces) for each in found] == [1, 0, 1, 1]


def test_a_hundred_faces_in_a_picture(model: Model) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(220, 220, 3), dtype=np.uint8)
    places = [(20 * (n % 10), 20 * (n // 10)) for n in range(100)]
    (prediction,) = model.predict(pixels, detector=Stub(places))
    assert [face.box[:2] for face in prediction.faces] == places
    (alone,) = model.predict(pixels, detector=Stub(places[57:58]))
    expected = alone.faces[0].probabilities
    np.testing.assert_allclose(prediction.faces[57].probabilities, expected, atol=1e-5)


def test_the_order_is_that_of_the_sources(model: Model) -> None:
    def wait(pixels: Pixels) -> None:
        time.sleep(0.002 * (9 - pixels[0, 0, 0] % 10))  # the first takes longest

    found = model.predict(greys(20), detector=Stub([(5, 5)], wait))
    assert [each.pixels[0, 0, 0] for each in found if each.pixels is not None] == list(range(20))


def test_few_pictures_are_read_ahead(model: Model) -> None:
    begun: list[int] = []

    def given() -> Iterator[Source]:
        for number, pixels in enumerate(greys(250)):
            begun.append(number)
            yield Source(f"picture {number}", "memory", pixels)

    answers = predictions(model, given(), Settings(detector=Stub([])))
    next(answers)
    time.sleep(0.1)
    assert len(begun) <= FACES + AHEAD + WORKERS + 2
    answers.close()


def test_a_slow_source_is_answered_before_it_goes_on(model: Model, photo: Pixels) -> None:
    answered = threading.Event()

    def given() -> Iterator[Source]:
        yield Source("picture 0", "memory", photo)
        assert answered.wait(20)
        yield Source("picture 1", "memory", photo)

    for _ in predictions(model, given(), Settings()):
        answered.set()


def test_what_a_thread_raises_is_raised_after_what_came_before(model: Model) -> None:
    def fail(pixels: Pixels) -> None:
        if pixels[0, 0, 0] == 3:
            raise ZeroDivisionError("of the finder")

    streamed = model.stream(greys(9), detector=Stub([(0, 0)], fail))
    assert [each.pixels[0, 0, 0] for each in (next(streamed) for _ in range(3))] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="of the finder"):
        next(streamed)
    assert readers() == 0


def test_a_closed_stream_leaves_no_thread(model: Model) -> None:
    streamed = model.stream(greys(200), detector=Stub([(0, 0)]))
    next(streamed)
    assert readers() == 1
    streamed.close()
    assert readers() == 0


def test_threads_share_a_model(model: Model, photo: Pixels) -> None:
    (expected,) = model.predict(photo)[0].faces
    with ThreadPoolExecutor(3) as threads:
        for (prediction,) in threads.map(model.predict, [photo] * 6):
            np.testing.assert_array_equal(prediction.faces[0].probabilities, expected.probabilities)


def test_an_unsure_face_says_so(model: Model, photo: Pixels) -> None:
    (sure,) = model.predict(photo)[0].faces
    (unsure,) = model.predict(photo, abstain=sure.confidence + 0.001)[0].faces
    (again,) = model.predict(photo, abstain=sure.confidence - 0.001)[0].faces
    assert unsure.label == UNSURE and again.label == sure.label
    assert unsure.confidence == sure.confidence


def test_crops_are_the_faces_of_probabilities(model: Model, photo: Pixels) -> None:
    crop = photo[60:180, 100:230]
    (prediction,) = model.predict(crop, crops=True)
    (face,) = prediction.faces
    assert face.box == (0, 0, 130, 120)
    np.testing.assert_allclose(face.probabilities, model.probabilities(crop)[0], atol=1e-5)


def test_unreadable_files(model: Model, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "c.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="c.png"):
        model.predict(folder)
    found = model.predict(folder, on_bad="skip")
    assert [Path(each.source).name for each in found] == ["a.png", "b.png", "d.png"]
    assert "c.png" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0},
        {"abstain": 2},
        {"smooth": -1},
        {"seconds": 0},
        {"detector": "dlib"},
        {"on_bad": "x"},
    ],
)
def test_wrong_options_are_refused(model: Model, photo: Pixels, wrong: dict) -> None:
    (name,) = wrong
    with pytest.raises(InputError, match=name):
        model.predict(photo, **wrong)


def test_rows_have_the_same_keys(model: Model, folder: Path) -> None:
    found = fer.to_rows(model.predict(folder))
    assert [row["face"] for row in found] == [0, None, 0, 0]
    assert len({tuple(row) for row in found}) == 1
    assert list(found[0])[:9] == "source frame time face track x y width height".split()
    assert found[0]["p_happy"] >= 0 and found[1]["label"] is None
    writer = csv.DictWriter(io.StringIO(), found[0])
    writer.writerows(found)
    table = fer.to_pandas(model.predict(folder))
    assert len(table) == 4 and table["confidence"].notna().sum() == 3


def frames(times: list[float], side: int = 4) -> Iterator[Picture]:
    for number, when in enumerate(times):
        yield Picture("v.mp4", number, when, np.zeros((side, side, 3), np.uint8), (side, side))


def test_frames_are_grouped_by_their_time() -> None:
    times = [0.0, 0.1, 0.19, 0.2, 0.3, 1.0]
    numbers = [[each.frame for each in group] for group in groups(frames(times), follow=True)]
    assert numbers == [[0, 1, 2], [3, 4], [5]]
    assert [len(group) for group in groups(frames(times), follow=False)] == [1] * 6


def test_groups_are_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.inference.look.GROUP", 100)
    assert [len(group) for group in groups(frames([0.0] * 5), follow=True)] == [2, 2, 1]


def test_frames_before_a_fault_are_looked_at() -> None:
    def torn() -> Iterator[Picture]:
        yield from frames([0.0, 0.1])
        raise Unreadable("v.mp4: torn")

    grouped = groups(torn(), follow=True)
    assert len(next(grouped)) == 2
    with pytest.raises(Unreadable):
        next(grouped)


def test_a_followed_face_is_where_a_search_finds_it() -> None:
    finder = detector("yunet")
    before = finder.find(pasted([BOX], 320, 240))
    moved = pasted([(112, 66, 120, 120)], 320, 240)
    followed = finder.follow(moved, before)
    assert followed is not None
    (face,), (searched,) = followed, finder.find(moved)
    np.testing.assert_allclose(face.box, searched.box, atol=8)  # of 110 pixels
    assert face.landmarks is not None
    assert finder.follow(np.full_like(moved, 120), before) is None  # it is lost
    assert finder.follow(moved, []) is None
