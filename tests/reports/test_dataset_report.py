"""The page about a set: complete, self-contained, escaped, whatever the set; and its commands."""

import base64
import os
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fer.cli.explore import _agreement
from fer.cli.main import main
from fer.data.faces import Faces, pixel_hashes
from fer.data.planes import PLANES, Preprocess
from fer.data.sources import FERPlus
from fer.data.statistics import agreement, all_parts
from fer.reports import dataset_report
from fer.reports.dataset_report import Captions, augmented, planes, write_explore
from fer.training.augment import Augment

DATA = Path(os.environ.get("FER_DATA_DIR") or "data")
NASTY = "<b>calm</b> & $x_"


class Page(HTMLParser):
    """What a browser would see: the words, and the elements with their attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def make(images: np.ndarray, labels, *, parts=None, classes=("calm", "tense"), **others) -> Faces:
    return Faces(
        images=images,
        labels=np.array(labels, np.int64),
        parts=np.full(len(labels), -1, np.int8) if parts is None else np.array(parts, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(len(labels)) + 100,
        classes=classes,
        source="faces.csv",
        **others,
    )


RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (20, 12, 12), np.uint8)
# Two constant images, a pair of duplicates with two labels in two parts, a pair with one label.
COPIES = np.concatenate([NOISE[:14], np.full((2, 12, 12), [[[9]], [[8]]], np.uint8), NOISE[[0, 1]]])
LABELS = [0, 1] * 7 + [0, 1] + [1, 1]
PARTS = [0] * 12 + [1, 2, 0, 0, 2, 0]


def written(tmp_path: Path, faces: Faces, **others) -> Page:
    write_explore(
        tmp_path,
        faces,
        all_parts(faces, None),
        Augment(flip=0.5),
        **others,
        seed=0,
        title="What is in it",
        overrides=["data=x"],
    )
    return Page(tmp_path / "explore.html")


def test_every_figure_is_in_the_page_and_beside_it(tmp_path: Path) -> None:
    page = written(tmp_path, make(COPIES, LABELS, parts=PARTS, notes=("3 rows left out",)))
    names = "counts tones examples planes augmented means constant twins conflicts_1".split()
    files = {f"{name}.png" for name in names} | {"explore.html"}
    assert {file.name for file in tmp_path.iterdir()} == files
    shown = [base64.b64decode(a["src"].partition(",")[2]) for a in page.all("img")]
    assert sorted(shown) == sorted((tmp_path / f"{name}.png").read_bytes() for name in names)
    assert all(image["alt"] for image in page.all("img"))
    labels = {a["aria-labelledby"] for a in page.all("section")}
    assert labels == {heading["id"] for heading in page.all("h2")}


@pytest.mark.usefixtures("blank_pictures")
def test_numbers_of_the_set(tmp_path: Path) -> None:
    text = written(tmp_path, make(COPIES, LABELS, parts=PARTS, notes=("3 rows left out",))).text
    assert "Images 18 12 × 12 pixels, 2 classes" in text
    assert "Duplicates 4 images with identical pixels, in 2 groups" in text
    assert "Conflicts 1 groups" in text
    assert "Constant images 2 of one grey" in text
    assert "train 15 images val 1 images test 2 images" in text
    assert "3 rows left out" in text
    assert "2 1 calm, 1 tense 1 train, 1 test" in text and "2 2 tense 2 train" in text
    assert "train, 15 images 2 0 1 1 (6.7 %) val, 1 images 0 0 0 0 (0.0 %)" in text
    assert "test, 2 images 1 0 0 1 (50.0 %)" in text


@pytest.mark.usefixtures("blank_pictures")
def test_sections_without_data_say_so(tmp_path: Path) -> None:
    page = written(tmp_path, make(NOISE, [0] * 20, classes=("calm", "tense")))
    assert len(page.all("img")) == 6
    assert page.text.count("None: ") == 4  # constant, twins, conflicts, leaks
    assert "Nothing was left out" in page.text
    assert "no part 20 images" in page.text


@pytest.mark.usefixtures("blank_pictures")
def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = written(tmp_path, make(COPIES, LABELS, parts=PARTS))
    links = [a[key] for _, a in page.elements for key in ("src", "href", "srcset") if key in a]
    assert len(links) == 10 and all(link.startswith("data:") for link in links)
    assert "url(" not in page.source and "@import" not in page.source and "://" not in page.source
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))
    assert not page.all("script")


@pytest.mark.usefixtures("blank_pictures")
def test_everything_named_by_a_user_is_escaped(tmp_path: Path) -> None:
    classes = (NASTY, "tense")
    faces = make(COPIES, LABELS, parts=PARTS, classes=classes, notes=(NASTY,))
    page = written(tmp_path, faces)
    assert not [a for a in page.all("b")] and "<b>calm" not in page.source
    assert NASTY in page.words and f"1 {NASTY}, 1 tense" in page.words


@pytest.mark.usefixtures("blank_pictures")
def test_agreement_with_voters_has_its_section(tmp_path: Path) -> None:
    votes = np.array([[7, 3, 0], [1, 9, 0], [0, 3, 3], [0, 2, 8]])
    choices = ("calm", "tense", "nf")
    names = {"classes": ("calm", "tense"), "choices": choices, "ties": choices}
    found = agreement(np.array([0, 0, 1, 1]), votes, **names)
    page = written(tmp_path, make(COPIES, LABELS, parts=PARTS), agreement=found)
    assert {"agreement.png", "votes.png"} <= {file.name for file in tmp_path.iterdir()}
    text = page.text.replace("\u00a0", " ")
    assert "own label for 50.0 % of all rows, and for 66.7 % of the rows" in text
    assert "(1 rows)" in text and "calm 50.0 %, tense 50.0 %." in text


@pytest.mark.usefixtures("blank_pictures")
def test_only_emotions_are_called_emotions(tmp_path: Path) -> None:
    own = written(tmp_path, make(NOISE, [0, 1] * 10))
    assert "emotion" not in own.source and "Images per class" in own.words
    known = written(tmp_path, make(NOISE, [0, 1] * 10, classes=("happy", "contempt")))
    assert "Images per emotion" in known.words and "distinguish emotions by the light" in known.text
    assert "Its emotion should stay recognisable" in known.text


@pytest.mark.usefixtures("blank_pictures")
def test_many_conflicts_fill_sheets_up_to_a_limit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(dataset_report, "SHEET", 2)
    monkeypatch.setattr(dataset_report, "SHEETS", 3)
    for count, words in ((5, "5 such groups all are"), (9, "9 such groups the largest 6 are")):
        images = np.concatenate([NOISE[:count], NOISE[:count]])
        folder = tmp_path / str(count)
        folder.mkdir()
        page = written(folder, make(images, [0] * count + [1] * count))
        assert len(list(folder.glob("conflicts_*.png"))) == 3
        assert words in page.text
        assert "Sheet 2 of 3" in page.text and "Sheet 1" not in page.text


def test_captions_of_large_groups_are_cut() -> None:
    faces = make(np.zeros((9, 2, 2), np.uint8), [0] * 8 + [1])
    captions = Captions(faces, {"test": np.arange(9)})
    lines = captions.group(np.arange(9)).splitlines()
    assert lines[0] == "100 calm, test" and lines[-1] == "and 3 more" and len(lines) == 7
    assert captions.sums(np.arange(9)) == ("8 calm, 1 tense", "9 test")


def test_planes_are_those_of_preprocess_once_each() -> None:
    shown = planes(NOISE[0])
    assert list(shown) == list(PLANES)
    expected = Preprocess(tuple(shown)).planes(torch.from_numpy(NOISE[:1, None]))
    np.testing.assert_array_equal(np.stack(list(shown.values())), (255 * expected[0]).round())


def test_augmented_views_are_of_the_first_face_alone_and_follow_the_seed() -> None:
    before = torch.random.get_rng_state()
    views = augmented(Augment(flip=0.5), NOISE[:3], seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    mirrored = [(view == NOISE[0, :, ::-1]).all() for view in views]
    kept = [(view == NOISE[0]).all() for view in views]
    assert len(views) == 16 and any(mirrored) and any(kept)
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert (views == augmented(Augment(flip=0.5), NOISE[:3], seed=1)).all()
    assert (views != augmented(Augment(flip=0.5), NOISE[:3], seed=2)).any()


def test_mixing_shows_other_faces() -> None:
    pair = np.full((2, 4, 4), [[[0]], [[200]]], np.uint8)
    views = augmented(Augment(mixup=(1, 1)), pair, seed=0)
    assert views.max() > 0 and views.max() <= 200


def fer(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["fer", *arguments])
    return main()


DRAWN = ("data=drawn", "data.count=600")


@pytest.mark.usefixtures("blank_pictures")
def test_fer_explore_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    assert fer("explore", *DRAWN, "--out", str(out), "augment=none", monkeypatch=monkeypatch) == 0
    page = Page(out / "explore.html")
    assert {*DRAWN, "augment=none"} <= set(page.words)
    assert "train 480 images val 60 images test 60 images" in page.text
    assert [folder.name for folder in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("blank_pictures")
def test_fer_explore_shows_the_split_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fer("explore", *DRAWN, "data.split=random", monkeypatch=monkeypatch) == 0
    (page,) = tmp_path.glob("runs/*/*_explore/explore.html")
    assert "train 420 images val 90 images test 90 images" in Page(page).text


def test_fer_fer2021_writes_the_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "out.csv")
    words = ("fer2021", out, "--channels", "original,contrast", *DRAWN)
    assert fer(*words, monkeypatch=monkeypatch) == 0
    table = pd.read_csv(out)
    assert table["Usage"].value_counts().to_dict() == {
        "Training": 480, "PublicTest": 60, "PrivateTest": 60
    }  # fmt: skip
    assert (table["pixels"].str.count(" ") == 2 * 2304 - 1).all()


@pytest.mark.usefixtures("blank_pictures")
def test_fer_explore_sets_ferplus_against_fer2013(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    csv, votes = tmp_path / "faces.csv", tmp_path / "votes.csv"
    pixels = [" ".join(map(str, RNG.integers(0, 256, 2304))) for _ in range(4)]
    usages = ["Training", "Training", "PublicTest", "PrivateTest"]
    pd.DataFrame({"emotion": [3, 6, 4, 0], "pixels": pixels, "Usage": usages}).to_csv(
        csv, index=False
    )
    names = "neutral happiness surprise sadness anger disgust fear contempt unknown NF".split()
    counts = [[0, 9, 0, 0, 0, 1], [4, 0, 0, 4, 1, 1], [3, 0, 0, 7], [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]]
    table = pd.DataFrame([[*row, *[0] * (10 - len(row))] for row in counts], columns=names)
    table.insert(0, "Usage", usages)
    table.to_csv(votes, index=False)
    out = tmp_path / "out"
    words = ("data=ferplus", f"data.path={csv}", f"data.votes={votes}", "--out", str(out))
    assert fer("explore", *words, monkeypatch=monkeypatch) == 0
    text = Page(out / "explore.html").text.replace("\u00a0", " ")
    # Row 1 ties: neutral, the first of FER+'s columns, wins; the reader leaves the row out.
    assert (
        "own label for 75.0 % of all rows, and for 100.0 % of the rows" in text
        and "(1 rows)" in text
    )
    assert "Images 2 48 × 48 pixels, 8 classes" in text and "1 tied" in text


@pytest.mark.skipif(
    not all((DATA / name).is_file() for name in ("fer2013.csv", "fer2013new.csv")),
    reason="no fer2013.csv and fer2013new.csv in FER_DATA_DIR",
)
def test_voters_of_fer2013_agree_with_its_labels_on_626_of_a_thousand_faces() -> None:
    found = _agreement(FERPlus())
    assert found is not None
    assert round(found.share(), 3) == 0.623
    assert round(found.share(without="nf"), 3) == 0.626
    assert found.ties == 1776
    assert found.matrix.sum() == 35887
    assert found.matrix.sum(1).tolist() == [4953, 547, 5121, 8989, 6077, 4002, 6198]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["explore", "data=drown"], "data=drown: no such option"),
        (["explore", "data=drawn", "--sheet", "3"], "--sheet"),
        (["explore", "drawn"], "drawn: expected key=value"),
        (["explore", "data=drawn", "augment.flip=2.0"], "augment.flip: 2.0, expected less than or equal to 1"),
        (["fer2021"], "the following arguments are required: OUT.csv; see"),
        (["fer2021", "data=drawn"], "data=drawn: expected the file to write, OUT.csv"),
        (["fer2021", "old.csv", "data=drawn"], "old.csv: exists"),
        (["fer2021", "no/out.csv", "data=drawn"], "no/out.csv: no folder no"),
        (["fer2021", "out.csv", "--channels", "sobel"], "--channels: sobel, expected original first"),
        (["fer2021", "out.csv", "--channels=original,sobl"], "--channels: 'sobl', expected"),
    ],
)  # fmt: skip
def test_a_wrong_command_gets_one_line(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text("")
    assert fer(*arguments, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["old.csv"]
