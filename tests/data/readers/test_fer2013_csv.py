"""Reading FER2013's csv: a good one, and each way in which one can be bad."""

import numpy as np
import pandas as pd
import pytest

from fer.common.errors import InputError
from fer.data.labels import EMOTIONS
from fer.data.readers.columns import Columns
from fer.data.readers.fer2013_csv import BLOCK, find_csv, read_csv
from fer.data.splits import strategies

HEADER = "emotion,pixels,Usage"
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
IMAGES[3] = IMAGES[0]
LABELS = [3, 0, 6, 1]
USAGES = ["Training", "PublicTest", "PrivateTest", "Training"]


def row(number: int = 0, *, emotion=None, pixels=None, usage=None) -> str:
    """A good row, but for what is given."""
    pixels = " ".join(map(str, IMAGES[number].ravel())) if pixels is None else pixels
    emotion = LABELS[number] if emotion is None else emotion
    return f"{emotion},{pixels},{USAGES[number] if usage is None else usage}"


def pixels(*last: object) -> str:
    """2,304 pixels, the last ones as given."""
    return " ".join(["7"] * (2304 - len(last)) + [str(value) for value in last])


def good_lines() -> list[str]:
    return [HEADER, *(row(number) for number in range(4))]


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "fer2013.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def check(faces):
    np.testing.assert_array_equal(faces.images, IMAGES)
    assert faces.images.dtype == np.uint8 and faces.labels.dtype == np.int64
    assert faces.labels.tolist() == LABELS
    assert faces.parts.tolist() == [0, 1, 2, 0]
    assert faces.rows.tolist() == [0, 1, 2, 3]
    assert faces.classes == EMOTIONS
    assert faces.counts() == [1, 1, 0, 1, 0, 0, 1]
    assert faces.hashes[0] == faces.hashes[3] and len(set(faces.hashes.tolist())) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_good_csv(write, end, last):
    check(read_csv(write(end.join(good_lines()) + end * last)))


def test_other_spellings_of_a_good_csv(write):
    quoted = [
        ",".join(f'"{field}"' for field in reversed(line.split(","))) for line in good_lines()
    ]
    check(read_csv(write(b"\xef\xbb\xbf" + "\n".join(quoted).encode())))  # byte-order mark
    check(read_csv(write("\n\n".join(good_lines()))))  # blank lines
    spaced = ["emotion, pixels, Usage", *(row(n).replace(",", ", ") for n in range(4))]
    check(read_csv(write("\n".join(spaced))))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row()[:5000], "columns, expected 3: is the file cut off?"),
        (row()[:5], "2 columns, expected 3: is the file cut off?"),
        (row(usage="Extra"), "Usage 'Extra', expected Training, PublicTest, PrivateTest"),
        (row(usage=""), "Usage '', expected Training, PublicTest, PrivateTest"),
        (row(emotion=9), "emotion '9', expected 0 to 6"),
        (row(emotion=7), "emotion '7', expected 0 to 6; data.names names more"),
        (row(emotion=-1), "emotion '-1', expected 0 to 6"),
        (row(emotion="bored"), "emotion 'bored', expected 0 to 6"),
        (row(emotion="0.5"), "emotion '0.5', expected 0 to 6"),
        (row(emotion="nan"), "emotion 'nan', expected 0 to 6"),
        (row(pixels=pixels(300)), "pixel 300, expected 0-255"),
        (row(pixels=pixels(256, 7)), "pixel 256, expected 0-255"),
        (row(pixels=pixels(-1, 7)), "pixel -1, expected 0-255"),
        (row(pixels=pixels()[2:]), "2303 pixels, expected 2304 (48x48)"),
        (row(pixels=pixels() + " 7"), "2305 pixels, expected 2304 (48x48)"),
        (row(pixels=""), "0 pixels, expected 2304 (48x48)"),
        (row(pixels=pixels("x")), "pixel 'x', expected a whole number 0-255"),
        (row(pixels=pixels() + " x"), "pixel 'x', expected a whole number 0-255"),
        (row(pixels=pixels("3.5", 7)), "pixel '3.5', expected a whole number 0-255"),
    ],
)
def test_a_bad_row_is_named(write, bad, message):
    path = write("\n".join([HEADER, row(1), row(2), bad, row(3)]))
    with pytest.raises(InputError) as fault:
        read_csv(path)
    text = str(fault.value)
    assert text.startswith(f"{path} line 4: ") and text.endswith(message)
    assert "\n" not in text and len(text) < len(str(path)) + 120


def test_a_file_cut_in_the_middle_names_its_last_line(write):
    content = "\n".join(good_lines())
    path = write(content[: content.rindex(row(3)) + 4000])
    with pytest.raises(InputError) as fault:
        read_csv(path)
    assert str(fault.value) == f"{path} line 5: 2 columns, expected 3: is the file cut off?"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; expected the columns emotion,pixels,Usage"),
        (HEADER, "no rows after the header; expected one face per row"),
        (HEADER + "\n\n", "no rows after the header; expected one face per row"),
        (
            "emotion,Usage\n0,Training\n",
            "expected the columns emotion,pixels,Usage; a list of image files needs data=folder "
            "data.path=FOLDER data.labels=FILE",
        ),
        (b"\x89PNG\r\n\x1a\n\x00", "expected the columns emotion,pixels,Usage"),
    ],
)
def test_a_file_that_is_no_fer2013(write, content, message):
    path = write(content)
    with pytest.raises(InputError) as fault:
        read_csv(path)
    text = str(fault.value)
    assert text.startswith(f"{path}: ") and text.endswith(message) and "\n" not in text


def test_the_bad_row_of_the_first_line_after_a_blank_one(write):
    path = write(f"{HEADER}\n\n{row(emotion=9)}")
    with pytest.raises(InputError, match="line 3: emotion '9'"):
        read_csv(path)


def test_kaggles_editions(sixty, same, tmp_path):
    path = tmp_path / "icml_face_data.csv"
    table = sixty.table[["emotion", "Usage", "pixels"]]
    table.columns = ["emotion", " Usage", " pixels"]
    table.to_csv(path, index=False)
    same(read_csv(path))

    path = tmp_path / "train.csv"
    sixty.table[["emotion", "pixels"]].to_csv(path, index=False)
    faces = read_csv(path)
    np.testing.assert_array_equal(faces.images, sixty.images)
    assert set(faces.parts.tolist()) == {-1}
    assert faces.notes == ("no column Usage: the file names no parts",)
    with pytest.raises(InputError, match="no train rows, .*data.split=official"):
        strategies.official(faces)

    path = tmp_path / "test.csv"
    sixty.table[["pixels"]].to_csv(path, index=False)
    with pytest.raises(InputError) as fault:
        read_csv(path)
    assert str(fault.value).startswith(f"{path}: the header is 'pixels'; no column `emotion`")


def test_names_and_semicolons(sixty, same, tmp_path):
    path = tmp_path / "named.csv"
    spelt = ["Rage", "disgust", "fearful", "happiness", "sad", "Surprised", "neutral"]
    table = sixty.table.assign(emotion=[spelt[label] for label in sixty.labels])
    table.to_csv(path, index=False, sep=";")
    same(read_csv(path))


OTHER_FORMS = {
    "label_for_emotion": lambda table: table.rename(columns={"emotion": "label"}),
    "names_of_parts": lambda table: table.replace(
        {"Usage": {"Training": "train", "PublicTest": "Validation", "PrivateTest": "test"}}
    ).rename(columns={"Usage": "split"}),
    "decimals": lambda table: table.assign(
        emotion=table["emotion"].astype(float),
        pixels=[text.replace(" ", ".0 ") + ".0" for text in table["pixels"]],
    ),
    "commas": lambda table: table.assign(pixels=table["pixels"].str.replace(" ", ",")),
    "a_python_list": lambda table: table.assign(
        pixels=[str(list(map(int, text.split()))) for text in table["pixels"]]
    ),
    "a_column_a_pixel": lambda table: pd.concat(
        [
            table.drop(columns="pixels"),
            table["pixels"].str.split(expand=True).add_prefix("pixel_"),
        ],
        axis=1,
    ),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_peoples_columns(sixty, same, tmp_path, form):
    path = tmp_path / "faces.csv"
    OTHER_FORMS[form](sixty.table).to_csv(path, index=False)
    same(read_csv(path))


def test_columns_named_by_options_and_another_size(sixty, tmp_path):
    path = tmp_path / "faces.csv"
    table = sixty.table.assign(pixels=[" ".join(["7"] * 64 * 64)] * len(sixty))
    table.columns = ["feeling", "grey", "Usage"]
    table.to_csv(path, index=False, sep="\t")
    columns = Columns(label="Feeling", image="2")
    faces = read_csv(path, size=64, columns=columns)
    assert faces.images.shape == (60, 64, 64) and (faces.images == 7).all()
    assert faces.labels.tolist() == sixty.labels.tolist()
    with pytest.raises(InputError, match="line 2: 4096 pixels, .*48x48.*data.size=64"):
        read_csv(path, columns=columns)
    with pytest.raises(InputError, match="label_column: mood.* feeling, grey, usage"):
        read_csv(path, columns=Columns(label="mood", image="grey"))


def test_a_larger_image_is_no_pile_of_planes(write):
    path = write("\n".join([HEADER, row(pixels=" ".join(["7"] * 96 * 96))]))
    with pytest.raises(InputError, match="line 2: 9216 pixels, .*data.size=96"):
        read_csv(path)


def test_a_csv_alone_in_a_folder_is_found(tmp_path):
    (tmp_path / "inner").mkdir()
    mine, known = tmp_path / "inner" / "mine.csv", tmp_path / "inner" / "icml_face_data.csv"
    assert find_csv(tmp_path) is None
    mine.touch()
    assert find_csv(tmp_path) == mine
    (tmp_path / "other.csv").touch()
    assert find_csv(tmp_path) is None
    known.touch()
    assert find_csv(tmp_path) == known


def planes(sixty, *, scale=1.0) -> np.ndarray:
    """Two planes beside the original, some of whose values no byte holds: [N, 2, 2304]."""
    flat = sixty.images.reshape(len(sixty), -1).astype(float)
    return np.stack([flat * 4 - 100, flat / 2], axis=1) * scale


def text(values) -> str:
    return " ".join(f"{value:g}" for value in values)


def test_the_labs_planes_in_one_column(sixty, same, tmp_path):
    path = tmp_path / "fer2021.csv"
    beside = planes(sixty)
    pixels = [f"{own} {text(more.ravel())}" for own, more in zip(sixty.table["pixels"], beside)]
    sixty.table.assign(pixels=pixels).to_csv(path, index=False)
    faces = read_csv(path)
    same(faces)
    outside = int(((beside < 0) | (beside > 255)).sum())
    assert outside > 1000
    assert faces.notes == (
        "computed planes not read: 2 (data.channels computes them again); "
        f"{outside:,} of their values are outside 0-255",
    )


@pytest.mark.parametrize("own", ["original", "pixels", " Original"])
def test_a_column_a_plane(sixty, same, tmp_path, own):
    path = tmp_path / "wide.csv"
    beside = planes(sixty)
    pd.DataFrame(
        {
            "sobel": [text(row[0]) for row in beside],
            "emotion": sixty.labels,
            own: sixty.table["pixels"],
            "Usage": sixty.table["Usage"],
            "rot_left_20": [text(row[1]) for row in beside],
        }
    ).to_csv(path)  # with pandas' unnamed index in front
    faces = read_csv(path)
    same(faces)
    assert faces.notes[0].startswith("computed planes not read: 2 ")


def test_a_file_without_the_original_plane_is_refused(sixty, tmp_path):
    path = tmp_path / "wide.csv"
    table = sixty.table.rename(columns={"pixels": "contrast"})
    table.to_csv(path, index=False)
    with pytest.raises(InputError) as fault:
        read_csv(path)
    assert str(fault.value).startswith(
        f"{path}: the header is 'emotion,contrast,Usage'; expected a column `original` or `pixels`"
    )


@pytest.mark.parametrize(
    ("pixels_of_row_2", "message"),
    [
        (" ".join(["7"] * 4000), "1696 values of computed planes, expected 2304 (1 x 48x48)"),
        (" ".join(["7"] * 2304), "0 values of computed planes, expected 2304 (1 x 48x48)"),
        (" ".join(["7"] * 100), "100 pixels, expected 2304 (48x48)"),
        (" ".join(["300"] + ["7"] * 4607), "pixel 300, expected 0-255"),
        (" ".join(["7"] * 4607 + ["x"]), "a computed plane contains what is no number"),
    ],
)
def test_a_bad_row_among_planes(write, pixels_of_row_2, message):
    first = row(0, pixels=" ".join(["7"] * 4608))
    path = write("\n".join([HEADER, first, row(1, pixels=pixels_of_row_2)]))
    with pytest.raises(InputError) as fault:
        read_csv(path)
    assert str(fault.value) == f"{path} line 3: {message}"


@pytest.mark.parametrize("before", [1, BLOCK])  # in the first row's block, and opening another
def test_rows_of_several_sizes(write, before):
    path = write("\n".join([HEADER, *[row()] * before, row(pixels=" ".join(["7"] * 4608)), row()]))
    with pytest.raises(InputError, match=f"line {before + 2}: 4608 pixels, expected 2304"):
        read_csv(path)


def test_bad_rows_are_skipped_counted_and_leave_their_numbers(write):
    lines = [HEADER, row(0), row(emotion=9), row(1), row(2), row(pixels=pixels(300)), row(3)]
    faces = read_csv(write("\n".join(lines)), on_bad_row="skip")
    np.testing.assert_array_equal(faces.images, IMAGES)
    assert faces.rows.tolist() == [0, 2, 3, 5]
    assert faces.notes == (
        "bad rows skipped: 2; the first at line 3: emotion '9', expected 0 to 6",
    )


def test_nothing_but_bad_rows(write):
    path = write("\n".join([HEADER, row(emotion=9), "x"]))
    with pytest.raises(InputError) as fault:
        read_csv(path, on_bad_row="skip")
    assert str(fault.value) == (
        f"{path}: no good row, 2 bad; the first at line 2: emotion '9', expected 0 to 6"
    )
