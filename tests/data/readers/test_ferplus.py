"""FER+: votes worked by hand, files that do not fit together, and the whole set."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.faces import Faces, pixel_hashes
from fer.data.labels import EMOTIONS
from fer.data.readers.fer2013_csv import read_csv
from fer.data.readers.ferplus import blend, read_votes, relabel

HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
).split(",")
ANGRY, DISGUST, FEAR, HAPPY, SAD, SURPRISE, NEUTRAL, CONTEMPT = range(8)
USAGES = ["Training", "PublicTest", "PrivateTest"]
ROWS = [
    {"happiness": 7, "neutral": 3},
    {"NF": 10},
    {"unknown": 4, "fear": 3, "contempt": 3},
    {"anger": 5, "sadness": 5},
    {"contempt": 6, "disgust": 4},
    {"fear": 3, "surprise": 2, "neutral": 2, "contempt": 2, "unknown": 1},
    {"surprise": 5, "NF": 5},
    {"sadness": 8, "contempt": 1, "unknown": 1},
]


def faces(count: int = len(ROWS), *, rows=None, parts=None) -> Faces:
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1)
    return Faces(
        images=images,
        labels=np.zeros(count, np.int64),
        parts=np.resize([0, 1, 2], count) if parts is None else np.asarray(parts),
        hashes=pixel_hashes(images),
        rows=np.arange(count) if rows is None else np.asarray(rows),
        classes=EMOTIONS,
        source="fer2013.csv",
    )


@pytest.fixture
def write(tmp_path):
    def write(rows=ROWS, *, header=HEADER, **changed) -> Path:
        path = tmp_path / "fer2013new.csv"
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, header, restval="0", extrasaction="ignore")
            writer.writeheader()
            for number, votes in enumerate(rows):
                name = {"Usage": USAGES[number % 3], "Image name": f"fer{number:07d}.png"}
                writer.writerow(name | votes)
        return path

    return write


def test_majority_by_hand(write):
    found = relabel(faces(), write(), target="majority")
    assert found.rows.tolist() == [0, 4, 5, 7]
    assert found.labels.tolist() == [HAPPY, CONTEMPT, FEAR, SAD]
    assert found.images.ravel().tolist() == [0, 4, 5, 7] and found.parts.tolist() == [0, 1, 2, 1]
    assert found.hashes.tolist() == faces().hashes[[0, 4, 5, 7]].tolist()
    assert found.classes == (*EMOTIONS, "contempt") and found.targets is None
    assert found.notes == ("of 8 rows dropped: 2 tied, 1 voted no face, 1 voted unknown",)
    assert found.fingerprint == faces().fingerprint  # fewer rows, but of the same set


def test_seven_classes_leave_contempt_out(write):
    found = relabel(faces(), write(), target="votes", classes=7)
    assert found.classes == EMOTIONS
    assert found.rows.tolist() == [0, 3, 5, 6, 7]
    shares = np.zeros((5, 7), np.float32)
    shares[0, [HAPPY, NEUTRAL]] = 0.7, 0.3
    shares[1, [ANGRY, SAD]] = 0.5
    shares[2, [FEAR, SURPRISE, NEUTRAL]] = 3 / 7, 2 / 7, 2 / 7  # without contempt and unknown
    shares[3, SURPRISE] = 1
    shares[4, SAD] = 1
    np.testing.assert_allclose(found.targets, shares, rtol=1e-6)
    assert found.targets.dtype == np.float32
    assert found.labels.tolist() == [HAPPY, ANGRY, FEAR, SURPRISE, SAD]
    assert (found.targets.argmax(1) == found.labels).all()
    assert found.notes == ("of 8 rows dropped: 1 voted no face, 1 voted unknown, 1 voted contempt",)


def test_eight_classes_share_with_contempt(write):
    found = relabel(faces(), write(), target="votes")
    assert found.rows.tolist() == [0, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(found.targets[2], [0, 0.4, 0, 0, 0, 0, 0, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found.targets.sum(1), 1, rtol=1e-6)


def test_a_blend_keeps_every_row_and_its_own_label(write):
    own = faces()  # all angry
    found = blend(own, write(), own_share=0.4, classes=7)
    assert found.labels.tolist() == [ANGRY] * 8 and found.rows.tolist() == list(range(8))
    assert found.parts.tolist() == own.parts.tolist() and found.classes == EMOTIONS
    expected = np.zeros((8, 7), np.float32)
    expected[:, ANGRY] = 0.4
    expected[0, [HAPPY, NEUTRAL]] = 0.6 * 0.7, 0.6 * 0.3
    expected[1] = [1, 0, 0, 0, 0, 0, 0]  # ten votes for no face: the label alone
    expected[2, FEAR] = 0.6
    expected[3, ANGRY], expected[3, SAD] = 0.4 + 0.3, 0.3
    expected[4, DISGUST] = 0.6  # contempt's six have no share
    expected[5, [FEAR, SURPRISE, NEUTRAL]] = 0.6 * 3 / 7, 0.6 * 2 / 7, 0.6 * 2 / 7
    expected[6, SURPRISE] = expected[7, SAD] = 0.6
    np.testing.assert_allclose(found.targets, expected, rtol=1e-6)
    assert found.targets.dtype == np.float32
    assert found.notes == ("1 of 8 rows without a vote: trained by the label alone",)
    with_contempt = blend(own, write(), own_share=0.4)
    assert with_contempt.targets[4, CONTEMPT] == pytest.approx(0.6 * 0.6)
    for share, towards in ((0.0, [HAPPY]), (1.0, [ANGRY])):
        extreme = blend(own, write(), own_share=share, classes=7).targets[0]
        assert extreme.argmax() in towards and extreme.sum() == pytest.approx(1)


def test_the_winner_wants_votes_enough(write):
    found = relabel(faces(), write(), target="majority", min_votes=7)
    assert found.rows.tolist() == [0, 7]
    assert found.notes[-1].endswith("2 with fewer than 7 votes for the label")
    with pytest.raises(InputError, match="no row of 8 is left; .* 4 with fewer than 9 votes"):
        relabel(faces(), write(), target="majority", min_votes=9)


def test_rows_left_out_of_the_csv_stay_out(write):
    found = relabel(faces(3, rows=[0, 5, 7], parts=[0, 2, 1]), write(), target="majority")
    assert (found.rows.tolist(), found.labels.tolist()) == ([0, 5, 7], [HAPPY, FEAR, SAD])


def test_columns_in_another_order(write):
    moved = relabel(faces(), write(header=HEADER[::-1]), target="votes")
    np.testing.assert_array_equal(moved.targets, relabel(faces(), write(), target="votes").targets)


def test_sets_that_do_not_fit_together(write):
    path = write()
    with pytest.raises(InputError) as fault:
        relabel(faces(9), path, target="majority")
    assert str(fault.value).startswith(f"{path}: 8 rows of votes, but fer2013.csv has 9;")
    with pytest.raises(InputError) as fault:
        relabel(faces(parts=np.array([0, 1, 2, 0, 1, 1, 0, 1])), path, target="majority")
    assert str(fault.value).startswith(
        f"{path}: row 5, counted from 0, is PrivateTest, but PublicTest in fer2013.csv;"
    )
    with pytest.raises(InputError, match="row 0, .* is Training, but without Usage in fer2013.csv"):
        relabel(faces(parts=np.full(8, -1)), path, target="majority")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Usage": "Train"}, "Usage 'Train', expected Training, PublicTest, PrivateTest"),
        ({"fear": "x"}, "'x' votes, expected a whole number"),
        ({"fear": -1}, "'-1' votes, expected a whole number"),
        ({"fear": ""}, "'' votes, expected a whole number"),
        ({"fear": "9" * 30}, f"'{'9' * 20}' votes, expected a whole number"),
    ],
)
def test_a_bad_row_of_votes(write, row, message):
    path = write([*ROWS[:3], row, *ROWS[4:]])
    with pytest.raises(InputError) as fault:
        relabel(faces(), path, target="majority")
    assert str(fault.value) == f"{path} line 5: {message}"
    found = relabel(faces(), path, target="majority", on_bad_row="skip")
    assert 3 not in found.rows
    assert found.notes == (
        f"bad rows skipped: 1; the first at line 5: {message}",
        "of 8 rows dropped: 1 without a vote, 1 tied, 1 voted no face, 1 voted unknown",
    )


def test_files_that_are_no_votes(write):
    path = write(header=HEADER[:-1])
    with pytest.raises(InputError, match="no column 'nf'; expected Microsoft's fer2013new.csv"):
        read_votes(path)
    path.write_text("")
    with pytest.raises(InputError, match="no column 'usage'; expected Microsoft's"):
        read_votes(path)
    path = write()
    path.write_text(path.read_text()[:-9])
    with pytest.raises(InputError, match="line 9: 8 columns: is the file cut off.$"):
        read_votes(path)


DATA = Path(os.environ.get("FER_DATA_DIR") or "none")


@pytest.mark.skipif(
    not ((DATA / "fer2013.csv").is_file() and (DATA / "fer2013new.csv").is_file()),
    reason="no fer2013.csv and fer2013new.csv in FER_DATA_DIR",
)
def test_the_whole_set():
    whole = read_csv(DATA / "fer2013.csv")
    votes, parts, notes = read_votes(DATA / "fer2013new.csv")
    assert votes.shape == (35_887, 10) and (parts == whole.parts).all() and notes == ()
    # The emotion with most votes is FER2013's on 62.6 % of the rows; the first of the file's own
    # columns where several have.
    columns = np.array([NEUTRAL, HAPPY, SURPRISE, SAD, ANGRY, DISGUST, FEAR, CONTEMPT])
    assert round((columns[votes[:, columns].argmax(1)] == whole.labels).mean(), 3) == 0.626
    found = relabel(whole, DATA / "fer2013new.csv", target="majority")
    assert found.notes == (
        "of 35,887 rows dropped: 1,776 tied, 177 voted no face, 222 voted unknown",
    )
    assert found.counts() == [3025, 228, 813, 9199, 4222, 4240, 11773, 212]
