"""The figures: their numbers and texts are correct, and unusual input still gives a picture."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from sklearn.metrics import confusion_matrix, precision_score, recall_score
from torchmetrics.functional.classification import binary_calibration_error

from fer.data.labels import COLOURS, CONTEMPT, EMOTIONS
from fer.reports import figures

MATRIX = np.array([[8, 1, 1], [0, 5, 5], [0, 0, 0]])
EPOCH = {"epoch": 4, "train/loss": 1.5, "val/loss": 1.6, "train/acc": 0.4, "val/acc": 0.375}
NOISE = np.random.default_rng(0).integers(0, 256, (2, 4, 4), np.uint8)
LONG = tuple(f"a rather long class name {i}" for i in range(12))


def texts(figure: Figure) -> list[str]:
    figure.draw_without_rendering()  # secondary axes get their labels when drawn
    return [t.get_text() for t in figure.findobj(Text) if t.get_visible() and t.get_text()]


def test_an_emotion_has_its_own_colour_whatever_its_place():
    own = dict(zip((*EMOTIONS, CONTEMPT), figures.colours((*EMOTIONS, CONTEMPT)), strict=True))
    assert own == COLOURS and len(set(own.values())) == 8
    assert figures.colours(("surprise", "happy")) == [COLOURS["surprise"], COLOURS["happy"]]
    bored, anger, tense = figures.colours(("bored", "Anger", "tense"))  # among classes of one's own
    assert anger == COLOURS["angry"] and len({bored, tense, *COLOURS.values()}) == 10


def test_other_classes_have_twenty_colours_apart_from_the_emotions():
    many = figures.colours([f"class {number}" for number in range(40)])
    assert len({*many, *COLOURS.values()}) == 28 and many[:20] == many[20:]

    def lab(colour: str) -> np.ndarray:
        return cv2.cvtColor(np.float32([[to_rgb(colour)]]), cv2.COLOR_RGB2LAB)[0, 0]

    shades = [lab(colour) for colour in (*COLOURS.values(), *many[:20])]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(shades, 2)) > 21


def test_figures_of_some_emotions_are_in_their_colours():
    some = ("angry", "happy", "surprise")
    wanted = [COLOURS[name] for name in some]
    bars = figures.class_counts({"train": [1, 2, 3]}, some).axes[0].patches
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == wanted
    labels = np.array([0, 1, 2])
    ridges = figures.distributions({"light": np.array([1.0, 2, 3])}, labels, some).axes[0].patches
    assert [to_hex(ridge.get_facecolor()).upper() for ridge in ridges] == wanted


def test_bars_are_shares_of_their_part_with_the_counts_beside_them():
    figure = figures.class_counts({"train": [1, 3], "test": [1234, 0]}, ("calm", "tense"))
    train, test = figure.axes
    assert [bar.get_width() for bar in train.patches] == [25, 75]
    assert [bar.get_width() for bar in test.patches] == [100, 0]
    assert {"1  (25.0 %)", "3  (75.0 %)", "1,234  (100.0 %)", "0  (0.0 %)"} <= set(texts(figure))
    assert {"train: 4 images", "test: 1,234 images", "calm", "tense"} <= set(texts(figure))


def test_a_part_without_images_has_no_bars_and_a_wrong_number_of_counts_is_refused():
    figure = figures.class_counts({"train": [0, 0]}, ("calm", "tense"))
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0, 0]
    with pytest.raises(ValueError, match=r"counts\['val'\]: 3 numbers, expected 2"):
        figures.class_counts({"train": [1, 2], "val": [1, 2, 3]}, ("calm", "tense"))


def test_confusion_shows_counts_percentages_recall_and_precision():
    written = texts(figures.confusion(MATRIX, ("calm", "tense", "pain")))
    assert {"80 %", "10 %", "50 %", "8", "5"} <= set(written)
    assert {"calm\n10", "tense\n10", "pain\n0"} <= set(written)
    assert {"80.0 %", "50.0 %", "–"} <= set(written)  # recalls; no images of pain
    assert {"100.0 %", "83.3 %", "0.0 %"} <= set(written)  # precisions: 8/8, 5/6, 0/6
    assert "accuracy 65.00 %, 20 images" in written


def test_confusion_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    true, predicted = rng.integers(0, 7, (2, 500))
    figure = figures.confusion(confusion_matrix(true, predicted), EMOTIONS)
    share = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(share, 100 * confusion_matrix(true, predicted, normalize="true"))
    written = texts(figure)
    for score in (recall_score, precision_score):
        for value in score(true, predicted, average=None):
            assert f"{100 * value:.1f} %" in written


def test_confusion_refuses_a_matrix_of_another_size():
    with pytest.raises(ValueError, match=r"shape \(3, 3\), expected \(7, 7\)"):
        figures.confusion(MATRIX, EMOTIONS)


def test_curves_mark_the_first_best_validation_epoch():
    accuracies = [0.2, float("nan"), 0.5, 0.5, None]
    history = [{"epoch": i + 10, "val/acc": accuracy} for i, accuracy in enumerate(accuracies)]
    figure = figures.curves(history)
    line = figure.axes[1].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [(10, 20), (12, 50), (13, 50)])
    assert "highest accuracy: 50.00 %, epoch 12" in texts(figure)


def test_curves_of_one_epoch_are_visible_points():
    figure = figures.curves([EPOCH])
    loss, _, rate, seconds = figure.axes
    assert [line.get_marker() for line in loss.lines[:2]] == ["o", "o"]
    assert loss.get_xlim() == (3.5, 4.5)
    assert texts(figure).count("not recorded") == 2
    assert not rate.lines and not seconds.lines


def test_curves_without_numbers_say_so():
    assert texts(figures.curves([])).count("not recorded") == 4
    assert texts(figures.curves([{"epoch": 0, "val/acc": float("nan")}])).count("not recorded") == 4


def test_curves_of_a_learning_rate_of_zero_have_room():
    rate = figures.curves([EPOCH | {"lr": 0.0}]).axes[2]
    assert rate.get_ylim() == (0, 1)


def test_faces_show_the_pixels_and_captions_in_reading_order():
    images = np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4)
    figure = figures.faces(images, [f"face {i}" for i in range(5)], columns=3, title="Five")
    drawn = figure.axes[0].images
    np.testing.assert_array_equal([image.get_array() for image in drawn], images)
    left, top = (np.array([image.get_extent() for image in drawn])[:, i] for i in (0, 3))
    assert left[0] == left[3] < left[1] == left[4] < left[2]
    assert top[0] == top[1] == top[2] < top[3] == top[4]
    assert texts(figure) == [f"face {i}" for i in range(5)] + ["Five"]


def test_examples_stand_in_the_row_of_their_class():
    images = [np.full((3, 4, 4), 50, np.uint8), np.empty((0, 4, 4), np.uint8), NOISE]
    figure = figures.class_examples(images, ("calm", "tense", "pain"))
    drawn = figure.axes[0].images
    rows = [round(image.get_extent()[3] / 1.06) for image in drawn]
    assert rows == [0, 0, 0, 2, 2]
    np.testing.assert_array_equal(drawn[3].get_array(), NOISE[0])
    assert texts(figure) == ["calm", "tense", "pain"]
    assert drawn[3].get_extent()[3] < drawn[3].get_extent()[2] <= figure.axes[0].get_ylim()[0]
    assert figure.axes[0].yaxis_inverted()


def test_distributions_mark_the_median_of_each_class_and_leave_out_empty_ones():
    numbers, labels = np.array([10.0, 20, 90, 200]), np.array([0, 0, 0, 2])
    figure = figures.distributions({"light": numbers}, labels, ("calm", "tense", "pain"))
    (axis,) = figure.axes
    medians = [line for line in axis.lines if line.get_color() == "#1d2127"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in medians] == [(20, 0), (200, 2)]
    tops = [ridge.get_data().values.min() for ridge in axis.patches]
    np.testing.assert_allclose(tops, [0 - 0.88, 1, 2 - 0.88])
    assert {"calm", "tense", "pain", "light"} <= set(texts(figure))


def test_agreement_outlines_equal_names_only():
    matrix = np.array([[3, 1, 0], [0, 0, 0]])
    figure = figures.agreement(matrix, ("calm", "tense"), ("tense", "calm", "not a face"))
    written = texts(figure)
    assert {"75 %", "25 %", "0 %", "–", "calm\n4", "tense\n0", "not a face"} <= set(written)
    outlined = {(int(r.get_x() + 0.5), int(r.get_y() + 0.5)) for r in figure.axes[0].patches}
    assert outlined == {(1, 0), (0, 1)}


def test_votes_are_stacked():
    figure = figures.votes(np.array([0, 2, 5]), np.array([0, 3, 1]))
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [0, 2, 5, 0, 3, 1]
    assert [bar.get_y() for bar in bars[3:]] == [0, 2, 5]


def test_faces_wrap_captions_and_keep_a_percentage_together():
    image = np.zeros((1, 4, 4), np.uint8)
    (text,) = texts(figures.faces(image, ["true surprise / happy 97 %"]))
    assert text == "true surprise / happy\n97\u00a0%"


def test_faces_without_images_say_so_and_a_missing_caption_is_refused():
    assert texts(figures.faces(np.zeros((0, 4, 4), np.uint8), [])) == ["no images"]
    with pytest.raises(ValueError):
        figures.faces(np.zeros((2, 4, 4), np.uint8), ["one"])


def test_a_face_png_holds_its_pixels(tmp_path):
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    (tmp_path / "face.png").write_bytes(figures.face_png(image))
    read = imread(tmp_path / "face.png")
    np.testing.assert_array_equal(np.round(255 * read[..., 0]), image)


def test_reliability_by_hand():
    # Two bins of width 0.5: 0.2 (wrong) and 0.4 (right), then 1.0 (right); NaN is left out.
    # ECE = 2/3 |1/2 - 0.3| + 1/3 |1 - 1| = 0.1333.
    confidence, correct = np.array([0.2, 0.4, 1.0, np.nan]), np.array([0, 1, 1, 1])
    figure = figures.reliability(confidence, correct, bins=2)
    upper, lower = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in upper.patches], [0.5, 1, -0.2, 0])
    np.testing.assert_allclose([bar.get_height() for bar in lower.patches], [200 / 3, 100 / 3])
    assert "ECE 0.1333: accuracy 0.667, mean confidence 0.533" in texts(figure)


def test_reliability_agrees_with_torchmetrics():
    rng = np.random.default_rng(2)
    confidence = rng.random(400)
    correct = rng.random(400) < confidence**2
    # torchmetrics bins the probability of class 1, and takes class 1 as what was predicted.
    expected = binary_calibration_error(
        torch.from_numpy(confidence), torch.from_numpy(correct.astype(int)), n_bins=15
    )
    title = figures.reliability(confidence, correct).axes[0].get_title(loc="left")
    assert title.startswith(f"ECE {expected:.4f}:")


def test_coverage_by_hand():
    confidence, correct = np.array([0.9, 0.2, 0.6, 0.8]), np.array([1, 0, 0, 1])
    figure = figures.coverage(confidence, correct, marked=(0.5, 0.85, 0.95))
    line, *marks = figure.axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), [(100, 50)])  # fewer than 50 rows: all of them
    places = [mark.get_xydata()[0].tolist() for mark in marks]
    assert places == [[75, pytest.approx(200 / 3)], [25, 100]]
    assert {"0.5", "0.85"} <= set(texts(figure)) and "0.95" not in texts(figure)
    assert "no images" in texts(figures.coverage(np.array([]), np.array([])))


def test_reliability_without_rows_says_so():
    assert "no images" in texts(figures.reliability(np.array([]), np.array([])))


@pytest.mark.parametrize(
    "classes", [("yes", "no"), EMOTIONS, ("costs $5", "a_b$", "$x$"), LONG], ids=len
)
def test_any_classes_fit_inside_the_picture(classes):
    size = len(classes)
    counts = {part: [10**6 + i for i in range(size)] for part in ("train", "val", "test")}
    for figure in (
        figures.class_counts(counts, classes),
        figures.confusion(np.full((size, size), 123456), classes),
    ):
        figure.draw_without_rendering()
        page = figure.bbox
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text():
                box = text.get_window_extent()
                assert page.x0 <= box.x0 and box.x1 <= page.x1, text
                assert page.y0 <= box.y0 and box.y1 <= page.y1, text


def test_a_dollar_in_a_name_is_text_not_mathematics():
    names = ("$x$", "y")
    figure = figures.confusion(np.eye(2, dtype=int), names)
    label = figure.axes[0].get_xticklabels()[0]
    assert label._preprocess_math(label.get_text()) == ("$x$", False)


def test_saved_whole_under_its_name_alone(tmp_path):
    path = tmp_path / "curves.png"
    path.write_bytes(b"older")
    figures.save(figures.curves([EPOCH]), path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
    assert imread(path).shape[:2] == (735, 1410)  # 4.9 and 9.4 inches of 150 dots


def test_a_failed_save_leaves_the_older_picture(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"older")
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        figures.save(figures.curves([EPOCH]), path)
    assert path.read_bytes() == b"older"


def test_threads_draw_the_same_picture():
    def draw(_: int) -> bytes:
        return figures.png_bytes(figures.confusion(MATRIX, ("calm", "tense", "$pain$")))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, range(8)))) == 1


def test_pyplot_is_never_loaded():
    code = (
        "import sys, numpy as np; from fer.reports import figures as f;"
        "f.png_bytes(f.confusion(np.eye(2, dtype=int), 'ab')); f.png_bytes(f.curves([]));"
        "f.face_png(np.zeros((4, 4), np.uint8));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_predictions_show_the_label_and_the_three_most_probable_classes() -> None:
    probabilities = np.array([[0.1, 0.6, 0.1, 0.2], [0.7, 0.0, 0.3, 0.0]])
    classes = ("angry", "happy", "sad", "bored$")
    figure = figures.predictions(np.zeros((2, 48, 48), np.uint8), probabilities, [1, 3], classes)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == [
        *("labelled happy", "happy 60 %", r"bored\$ 20 %", "angry 10 %"),
        *(r"labelled bored\$", "angry 70 %", "sad 30 %", "happy 0 %"),
    ]
    assert [bar.get_width() for bar in axis.patches[:2]] == pytest.approx([1.1 * 0.6, 1.1 * 0.2])


def test_a_sheet_of_no_predictions_says_so() -> None:
    figure = figures.predictions(np.zeros((0, 48, 48), np.uint8), np.zeros((0, 2)), [], ("a", "b"))
    assert figure.axes[0].texts[0].get_text() == "no images"
