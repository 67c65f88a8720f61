import numpy as np
import pytest

from fer.data.faces import Faces, as_classes, only_classes, pixel_hashes
from fer.data.labels import EMOTIONS, arrange, canonical, chosen

RAFDB = ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
AFFECTNET = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"]


def pair(*labels, **options):
    found = arrange(labels, **options)
    return found.classes, dict(found.index)


def test_arrange_by_hand():
    assert pair("Sad", "anger", "RAGE") == (
        ("angry", "sad"),
        {"RAGE": 0, "Sad": 1, "anger": 0},
    )
    assert arrange(reversed((*EMOTIONS, "contempt"))).classes == (*EMOTIONS, "contempt")


def test_an_unknown_name_leaves_emotions_their_names_and_order():
    assert pair("sad", "Bored", "Anger") == (        ("angry", "sad", "Bored"), {"Anger": 0, "Bored": 2, "sad": 1}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "emotion"),
    [
        *[
            ("0 angry", "angry"),
            ("1_disgust", "disgust"),
            ("02-Fear", "fear"),
            ("Happy_3", "happy"),
        ],
        *[("Happy Faces", "happy"), ("afraid", "fear"), ("JOY ", "happy"), ("calm", "neutral")],
        *[("natural", "neutral"), ("Neutrality", "neutral"), ("contemptuous", "contempt")],
        *[("ｓａｄ", "sad"), ("not happy", "not happy"), ("very sad", "very sad")],
    ],
)
def test_spellings(written, emotion):
    assert canonical(written) == emotion


def test_spellings_of_one_name_are_one_class():
    # "é" as one character, and as "e" with an accent, as archives from a Mac have it
    assert pair("Caf\u00e9", "cafe\u0301", "bored ", "Bored") == (
        ("Bored", "Caf\u00e9"),
        {"Bored": 0, "bored ": 0, "Caf\u00e9": 1, "cafe\u0301": 1},
    )


def test_codes_count_only_among_codes():
    assert arrange(["AN", "AF", "su"]).classes == ("angry", "fear", "surprise")
    assert arrange(["an", "the"]).classes == ("an", "the")


def test_different_words_of_one_class_are_noted():
    assert arrange(["calm", "neutral", "NEUTRAL", "0 sad", "Sad"]).notes == [
        "labels NEUTRAL, calm are one class, neutral"
    ]


def test_numbers_without_names_are_sorted_by_value():
    assert pair("2", "10", "01", "1") == (        ("1", "2", "10"), {"01": 0, "1": 0, "2": 1, "10": 2}
    )  # fmt: skip
    assert pair(3, -1, 0) == (("0", "3"), {0: 0, 3: 1})


def test_names_of_numbers_from_the_least():
    assert arrange([str(number) for number in range(1, 8)], names=RAFDB).index == {
        "1": 5, "2": 2, "3": 1, "4": 3, "5": 4, "6": 0, "7": 6
    }  # fmt: skip
    assert arrange(range(8), names=AFFECTNET).classes == (*EMOTIONS, "contempt")
    assert pair(-1, 5, 7, names=["b", "a"]) == (("a", "b"), {5: 1, 7: 0})


def test_names_where_some_numbers_are_missing():
    assert arrange(range(2, 8), names=RAFDB).classes == (*EMOTIONS[:5], "neutral")
    with pytest.raises(ValueError, match=r"^names: 7 for the 6 numbers .*data.names={1: surprise}"):
        arrange(range(1, 7), names=RAFDB)  # from 0 or from 1?


def test_names_by_label():
    assert arrange([0, 1, 8], names={"0": "joy", 1: "fear"}).classes == ("fear", "happy", "8")
    assert arrange(["NEU1", "x"], names={"neu1": "neutral", "X": "happy"}).classes == (
        "happy",
        "neutral",
    )
    with pytest.raises(ValueError, match=r"^names: no label y"):
        arrange(["x"], names={"y": "happy"})
    with pytest.raises(ValueError, match=r"^names: .* such as smile; .*data.names={smile: happy}"):
        arrange(["smile"], names=["happy"])


def test_chosen_classes():
    assert chosen((*EMOTIONS, "Bored"), ["sadness", "bored", "Anger"]) == ("angry", "sad", "Bored")
    with pytest.raises(ValueError, match=r"^classes: .* neutrall; did you mean neutral"):
        chosen(EMOTIONS, ["neutrall", "sad"])
    with pytest.raises(ValueError, match=r"^classes: sad; expected two"):
        chosen(EMOTIONS, ["sad"])


def faces_of(labels, classes, **options):
    count = len(labels)
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1)
    arrays = {"parts": np.full(count, -1, np.int8), "hashes": pixel_hashes(images)}
    rows = np.arange(count)
    return Faces(images, np.array(labels), **arrays, rows=rows, classes=classes, source="x", **options)  # fmt: skip


def test_images_of_other_classes_are_left_out_and_counted():
    targets = np.array([[6, 2, 2], [0, 9, 1], [0, 0, 4], [1, 0, 9]], np.float32) / 10
    faces = faces_of([0, 1, 2, 2], ("sad", "happy", "Bored"), targets=targets, groups=np.arange(4))
    kept = only_classes(faces, ("sad", "Bored"))
    assert (kept.labels.tolist(), kept.rows.tolist()) == ([0, 1, 1], [0, 2, 3])
    np.testing.assert_allclose(kept.targets, [[0.75, 0.25], [0, 1], [0.1, 0.9]])
    assert kept.fingerprint == faces.fingerprint and kept.groups.tolist() == [0, 2, 3]
    assert kept.notes == ("left out by data.classes: 1 of 4 images (1 happy)",)
    assert only_classes(faces, faces.classes) is faces


def test_classes_meet_by_their_meaning():
    faces = faces_of([0, 1], ("happy", "bored"))
    assert as_classes(faces, ("Bored", "sad", "happiness")).labels.tolist() == [2, 0]


def test_a_note_says_what_numbers_mean():
    assert arrange([1, 2], names=["surprise", "fear"]).notes == ["labels: 1 is surprise, 2 is fear"]
    assert arrange([1, 2]).notes == ["the classes are numbers; data.names gives them names"]
    assert arrange(["sad", "happy"]).notes == []
