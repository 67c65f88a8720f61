"""The report: every number in its place, nothing unescaped, nothing loaded, no data no crash."""

import csv
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from fer.data.faces import Faces
from fer.evaluation.metrics import ClassRecall
from fer.evaluation.results import Measured, Summary
from fer.reports.run_report import recall_table, tables_text, write_report

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")

CLASSES = ("calm", "tense")


def part(matrix, *, classes=CLASSES, copies=()) -> Measured:
    """A test part with a confusion matrix; copies: positions with an identical image in train.

    The first of a class's rows are predicted right, with the same confidence of 0.9 each.
    """
    pairs = [
        (true, found)
        for true, row in enumerate(matrix)
        for found in sorted(range(len(row)), key=lambda found: found != true)
        for _ in range(row[found])
    ]
    labels, predictions = np.array(pairs).T
    rows, nothing = np.arange(len(labels)), np.zeros(len(labels), np.int64)
    images = np.zeros((len(labels), 6, 6), np.uint8)
    faces = Faces(images, labels, nothing, nothing, rows, classes, "here")
    probabilities = torch.full((len(labels), len(classes)), 0.1 / (len(classes) - 1))
    probabilities[rows, predictions] = 0.9
    clean = torch.ones(len(labels), dtype=torch.bool)
    clean[list(copies)] = False
    return Measured("test", faces, rows, probabilities, clean, torch.zeros_like(clean))


# calm: 3 right, 1 missed; tense: 20 right, 40 missed. Clean: the first two of calm, none of tense.
PART = part([[3, 1], [40, 20]], copies=range(2, 64))
NUMBERS = {
    "test/acc": 0.61234,
    "test/mean_acc": 0.4984,
    "test/macro_f1": 0.51239,
    "test/ece": 0.0871,
    "test/clean_acc": 0.58765,
    "test/clean_ece": None,
    "train/acc": 0.912,
    "val/acc": 0.623,
    "gap": 0.29966,
    "parameters": 70307083,
    "gflop": 25.3,
    "images_per_second": 1234.5,
    "seconds": 7432.2,
    "precision": "bf16-mixed",
    "versions": {"python": "3.11.2", "torch": "2.13.0"},
    "git": "8f1d2c3",
}
SUMMARY = Summary(
    NUMBERS,
    title="A run",
    command="python train.py seed=1",
    overrides=["seed=1"],
    config="seed: 1\n",
    counts={"train": [5, 6], "test": [4, 5000]},
)
HISTORY = [{"epoch": 0, "val/acc": 0.5}, {"epoch": 1, "val/acc": 0.6}]
NASTY = "<script>alert('x')</script> & \"q\""


class Page(HTMLParser):
    """What a browser would see: the words, the elements with their attributes, the tables."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements, self.words, self.rows, self.open = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self.open or not data.strip():
            return
        self.words.append(data)
        if "th" in self.open or "td" in self.open:
            self.rows[-1].append(data.strip())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(tmp_path: Path, measured=PART, *, history=HISTORY, **changes) -> Page:
    write_report(tmp_path / "report.html", measured, replace(SUMMARY, **changes), history)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    return Page(tmp_path / "report.html")


def test_table_as_text() -> None:
    table = [ClassRecall("calm", 3, 1, 0.75), ClassRecall("tense", 1234, 3766, 0.2468)]
    assert recall_table(table, mean=0.4984, acc=float("nan")).splitlines() == [
        "classes        right   missed   recall",
        "calm               3        1   0.7500",
        "tense          1,234    3,766   0.2468",
        "mean recall                     0.4984",
        "accuracy       1,237    3,767        –",
    ]


def test_table_as_text_stays_aligned_with_long_names_and_missing_numbers() -> None:
    table = [ClassRecall("a very long name of a class", 0, 0, float("nan"))]
    lines = recall_table(table, mean=float("nan"), acc=0.5).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("–") and lines[2].endswith("–")


def test_equal_tables_are_one() -> None:
    text = tables_text(part([[3, 1], [4, 2]]))
    assert text.splitlines()[0] == "test, all 10 rows, all of them clean"
    assert text.count("mean recall") == 1
    text = tables_text(PART)
    assert text.count("mean recall") == 2
    assert "test, all 64 rows\n" in text and "test, the 2 clean rows: " in text


def test_headline_numbers_of_all_and_clean_rows(tmp_path: Path) -> None:
    text = written(tmp_path).text
    assert "Accuracy 61.23 % 58.77 % on clean rows" in text
    assert "Mean recall 49.84 %" in text
    assert "Macro F1 0.5124 – on clean rows" in text
    assert "ECE 0.0871 – on clean rows" in text
    assert "Train accuracy 91.20 % Validation accuracy 62.30 % Test accuracy 61.23 %" in text
    assert "Gap, train − test +29.97 points" in text


def test_both_tables_with_their_last_rows(tmp_path: Path) -> None:
    rows = [[cell.replace("\u00a0", " ") for cell in row] for row in written(tmp_path).rows]
    assert rows[0] == rows[5] == ["classes", "right", "missed", "recall"]
    assert rows[1:5] == [
        ["calm", "3", "1", "75.00 %"],
        ["tense", "20", "40", "33.33 %"],
        ["mean recall", "49.84 %"],
        ["accuracy", "23", "41", "61.23 %"],
    ]
    assert rows[6:10] == [
        ["calm", "2", "0", "100.00 %"],
        ["tense", "0", "0", "–"],
        ["mean recall", "–"],
        ["accuracy", "2", "0", "58.77 %"],
    ]


def test_one_table_where_all_rows_are_clean(tmp_path: Path) -> None:
    page = written(tmp_path, part([[3, 1], [4, 2]]))
    assert page.text.count("mean recall") == 1 and "on clean rows" not in page.text
    assert "All test rows (10, each of them clean)" in page.text and "Here all 10 are." in page.text


def test_only_emotions_are_called_emotions(tmp_path: Path) -> None:
    own = written(tmp_path)
    assert "emotion" not in own.text and "Recall of each class" in own.words
    known = written(tmp_path, part([[3, 1], [4, 2]], classes=("happy", "Anger")))
    assert known.rows[0][0] == "emotions"
    assert {"Recall of each emotion", "Images per emotion"} <= set(known.words)


def test_what_clean_means_and_how_many_rows_are(tmp_path: Path) -> None:
    text = written(tmp_path).text
    assert "A test row is clean if no image in train or validation is identical to it." in text
    assert "Here 2 of 64 are. A network may remember the other 62 instead" in text


def test_facts_config_and_every_number(tmp_path: Path) -> None:
    page = written(tmp_path)
    for fact in ("70,307,083", "25.3", "1,234", "2 h 03 min", "bf16-mixed", "8f1d2c3"):
        assert fact in page.words
    assert "python 3.11.2, torch 2.13.0" in page.words
    assert {"seed=1", "seed: 1\n", "python train.py seed=1"} <= set(page.words)
    assert ["versions/torch", "2.13.0"] in page.rows
    assert ["test/clean_ece", "–"] in page.rows


def test_most_frequent_mistakes(tmp_path: Path) -> None:
    assert "tense as calm (40), calm as tense (1)." in written(tmp_path).text


def test_no_mistakes_at_all(tmp_path: Path) -> None:
    page = written(tmp_path, part([[4, 0], [0, 5]]))
    assert "Not one mistake." in page.text and "No mistakes." in page.text


def test_everything_named_by_a_user_is_escaped(tmp_path: Path) -> None:
    page = written(
        tmp_path,
        part([[3, 1], [0, 2]], classes=(NASTY, "tense"), copies=[0]),
        title=NASTY,
        config=NASTY,
        command=NASTY,
        overrides=[NASTY],
        counts={NASTY: [1, 2]},
        numbers=NUMBERS | {"git": NASTY, NASTY: NASTY},
    )
    assert not page.all("script")
    # title, h1, override, a row of each table, git twice, key and value, command, config
    assert page.words.count(NASTY) == 11
    assert all(NASTY not in key for _, attributes in page.elements for key in attributes)
    (alt,) = (a["alt"] for a in page.all("img") if a["alt"].startswith("Images per class"))
    assert NASTY in alt


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = written(tmp_path, part([[3, 1], [1, 2]]))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = [a[key] for _, a in page.elements for key in ("src", "href", "srcset") if key in a]
    assert len(links) == 8  # five figures, two faces, the empty icon
    assert all(link.startswith("data:") for link in links)
    assert "url(" not in source and "@import" not in source and "://" not in source
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


def test_pictures_and_tables_are_accessible(tmp_path: Path) -> None:
    page = written(tmp_path)
    assert all(image["alt"] for image in page.all("img"))
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]
    labels = {a["aria-labelledby"] for a in page.all("section")}
    assert labels == {heading["id"] for heading in page.all("h2")}


def test_one_epoch(tmp_path: Path) -> None:
    page = written(tmp_path, history=[{"epoch": 0, "train/loss": 1.0}])
    assert "A single epoch: points instead of lines." in page.text


def test_a_report_without_test_keeps_train_and_validation(tmp_path: Path) -> None:
    page = written(tmp_path, numbers={"train/acc": 0.9, "val/acc": 0.6})
    expected = "Train accuracy 90.00 % Validation accuracy 60.00 % Test accuracy – "
    assert expected + "Gap, train − test –" in page.text


def test_an_evaluation_has_no_training(tmp_path: Path) -> None:
    facts = {"checkpoints": ["a.ckpt", "b.ckpt"], "source": "faces.csv", "tta": "flip"}
    page = written(tmp_path, history=None, numbers={"test/acc": 0.5} | facts)
    headings = {a["id"] for a in page.all("h2")}
    assert "curves" not in headings and {"result", "confusion", "mistakes"} <= headings
    assert "Train accuracy" not in page.text and "GFLOP" not in page.text
    assert "Network a.ckpt; b.ckpt Dataset faces.csv" in page.text
    assert "Views of a face (tta) flip" in page.text


def test_validation_is_named_so(tmp_path: Path) -> None:
    numbers = {"val/acc": 0.625, "val/clean_acc": 0.5, "test/acc": 0.999}
    page = written(tmp_path, replace(PART, part="val"), history=None, numbers=numbers)
    assert "Result on the validation rows Accuracy 62.50 % 50.00 % on clean rows" in page.text
    assert "if no image in train is identical to it." in page.text
    assert "All validation rows (64)" in page.text and "99.90" not in page.text.split("key")[0]


def test_only_clean_rows_are_shown_where_another_dataset_has_the_others(tmp_path: Path) -> None:
    numbers = {"test/seen_rows": 62, "test/clean_acc": 0.5}
    measured = replace(PART, elsewhere=~PART.clean)
    page = written(tmp_path, measured, history=None, numbers=numbers)
    assert "Result on the clean test rows Accuracy 50.00 % of clean rows" in page.text
    assert "identical to 62 of these rows. This page counts the 2 clean rows only." in page.text
    assert "All test rows" not in page.text
    (alt,) = (a["alt"] for a in page.all("img") if a["alt"].startswith("Confusion"))
    assert "of the clean test rows" in alt
    assert tables_text(measured).startswith("test, the 2 clean rows; the other 62 are not counted")


def test_a_failed_report_leaves_the_older_one(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("older")
    monkeypatch.setattr(os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(tmp_path)
    assert path.read_text() == "older"


REFERENCE = os.environ.get("FER_REFERENCE_DIR")


@pytest.mark.skipif(not REFERENCE, reason="FER_REFERENCE_DIR is not set")
def test_the_labs_own_table() -> None:
    with open(Path(REFERENCE) / "r1_analysis.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    table = [
        ClassRecall(
            row["emotions"], int(row["true_preds"]), int(row["false_preds"]), float(row["accuracy"])
        )
        for row in rows
    ]
    mean = sum(row.recall for row in table) / 7
    lines = recall_table(table, mean=mean, acc=3279 / 5383).splitlines()
    assert lines[1].split() == ["rage", "358", "385", "0.4818"]
    assert lines[-2].split() == ["mean", "recall", "0.5794"]
    assert lines[-1].split() == ["accuracy", "3,279", "2,104", "0.6091"]
