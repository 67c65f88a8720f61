"""The report: every number in its place, nothing unescaped, nothing loaded, no data no crash."""

import csv
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fer.reports.run_report import format_table, write_report

CLASSES = ("calm", "tense")
TABLE = [
    {"emotions": "calm", "true_preds": 3, "false_preds": 1, "accuracy": 0.75},
    {"emotions": "tense", "true_preds": 1234, "false_preds": 3766, "accuracy": 0.2468},
]
CLEAN = [
    {"emotions": "calm", "true_preds": 2, "false_preds": 0, "accuracy": 1.0},
    {"emotions": "tense", "true_preds": 0, "false_preds": 0, "accuracy": float("nan")},
]
SUMMARY = {
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


def written(tmp_path: Path, **changes) -> Page:
    arguments = {
        "title": "A run",
        "config": "seed: 1\n",
        "overrides": ["seed=1"],
        "command": "python train.py seed=1",
        "classes": CLASSES,
        "counts": {"train": [5, 6], "test": [4, 5000]},
        "table": TABLE,
        "clean_table": CLEAN,
        "history": [{"epoch": 0, "val/acc": 0.5}, {"epoch": 1, "val/acc": 0.6}],
        "summary": SUMMARY,
        "confusion_matrix": np.array([[3, 1], [3766, 1234]]),
        "calibration": (np.array([0.9, 0.6]), np.array([1, 0])),
        "mistakes": (np.zeros((2, 6, 6), np.uint8), ["true calm\ntense 97 %", "second"]),
    }
    write_report(tmp_path / "report.html", **(arguments | changes))
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    return Page(tmp_path / "report.html")


def empty(tmp_path: Path) -> Page:
    nothing = {"counts": {}, "table": [], "clean_table": [], "history": [], "summary": {}}
    missing = {"confusion_matrix": None, "calibration": None, "mistakes": None, "overrides": []}
    return written(tmp_path, **nothing, **missing)


def test_table_as_text():
    assert format_table(TABLE, mean=0.4984, overall=None).splitlines() == [
        "classes         true_preds  false_preds  accuracy",
        "calm                     3            1    0.7500",
        "tense                 1234         3766    0.2468",
        "mean of labels                             0.4984",
        "overall               1237         3767         –",
    ]


def test_table_as_text_stays_aligned_with_long_names_and_missing_numbers():
    table = [CLEAN[1] | {"emotions": "a very long name of a class"}]
    lines = format_table(table, mean=float("nan"), overall=0.5).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("–") and lines[2].endswith("–")


def test_headline_numbers_of_all_and_clean_rows(tmp_path):
    text = written(tmp_path).text
    assert "Accuracy 61.23 % 58.77 % on clean rows" in text
    assert "Macro F1 0.5124 – on clean rows" in text
    assert "ECE 0.0871 – on clean rows" in text
    assert "Train accuracy 91.20 % Validation accuracy 62.30 % Test accuracy 61.23 %" in text
    assert "Gap, train − test +29.97 points" in text


def test_both_tables_with_their_last_rows(tmp_path):
    rows = [[cell.replace("\u00a0", " ") for cell in row] for row in written(tmp_path).rows]
    assert rows[0] == rows[5] == ["classes", "true_preds", "false_preds", "accuracy"]
    assert rows[1:5] == [
        ["calm", "3", "1", "75.00 %"],
        ["tense", "1,234", "3,766", "24.68 %"],
        ["mean of labels", "49.84 %"],
        ["overall", "1,237", "3,767", "61.23 %"],
    ]
    assert rows[6:10] == [
        ["calm", "2", "0", "100.00 %"],
        ["tense", "0", "0", "–"],
        ["mean of labels", "–"],
        ["overall", "2", "0", "58.77 %"],
    ]


def test_only_emotions_are_called_emotions(tmp_path):
    named = [row | {"emotions": name} for row, name in zip(TABLE, ("happy", "Anger"), strict=True)]
    assert format_table(named, mean=None, overall=None).startswith("emotions ")
    assert format_table([named[0], TABLE[0]], mean=None, overall=None).startswith("classes ")
    own = written(tmp_path)
    assert "emotion" not in own.text and "Accuracy per class" in own.words
    known = written(tmp_path, classes=("happy", "Anger"), table=named, clean_table=named)
    assert known.rows[0][0] == "emotions"
    assert {"Accuracy per emotion", "Images per emotion"} <= set(known.words)


def test_what_clean_means_and_how_many_rows_are(tmp_path):
    text = written(tmp_path).text
    assert "test rows without a pixel-identical row in train or validation" in text
    assert "2 of 5,004 test rows are clean; the other 5,002 have such a twin" in text
    assert "Here all of them are clean." in written(tmp_path, clean_table=TABLE).text


def test_facts_config_and_every_number(tmp_path):
    page = written(tmp_path)
    for fact in ("70,307,083", "25.3", "1,234", "2 h 03 min", "bf16-mixed", "8f1d2c3"):
        assert fact in page.words
    assert "python 3.11.2, torch 2.13.0" in page.words
    assert {"seed=1", "seed: 1\n", "python train.py seed=1"} <= set(page.words)
    assert ["versions/torch", "2.13.0"] in page.rows
    assert ["test/clean_ece", "–"] in page.rows


def test_most_frequent_mistakes(tmp_path):
    assert "tense taken for calm, 3,766; calm taken for tense, 1." in written(tmp_path).text


def test_no_mistakes_at_all(tmp_path):
    assert "Not one mistake." in written(tmp_path, confusion_matrix=np.diag([4, 5])).text


def test_everything_named_by_a_user_is_escaped(tmp_path):
    named = [row | {"emotions": NASTY} for row in TABLE]
    page = written(
        tmp_path,
        title=NASTY,
        config=NASTY,
        command=NASTY,
        overrides=[NASTY],
        classes=(NASTY, NASTY),
        counts={NASTY: [1, 2]},
        table=named,
        clean_table=named,
        summary=SUMMARY | {"git": NASTY, NASTY: NASTY},
        mistakes=(np.zeros((1, 6, 6), np.uint8), [NASTY]),
    )
    assert not page.all("script")
    # title, h1, override, four rows, mistakes' caption, git twice, key and value, command, config
    assert page.words.count(NASTY) == 14
    assert all(NASTY not in key for _, attributes in page.elements for key in attributes)
    (alt,) = (a["alt"] for a in page.all("img") if a["alt"].startswith("Images per class"))
    assert NASTY in alt


def test_the_page_loads_nothing(tmp_path):
    page = written(tmp_path)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = [a[key] for _, a in page.elements for key in ("src", "href", "srcset") if key in a]
    assert len(links) == 7  # four figures, two faces, the empty icon
    assert all(link.startswith("data:") for link in links)
    assert "url(" not in source and "@import" not in source and "://" not in source
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))


def test_pictures_and_tables_are_accessible(tmp_path):
    page = written(tmp_path)
    assert all(image["alt"] for image in page.all("img"))
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]
    labels = {a["aria-labelledby"] for a in page.all("section")}
    assert labels == {heading["id"] for heading in page.all("h2")}


def test_sections_without_data_say_so(tmp_path):
    page = empty(tmp_path)
    assert not page.all("img") and not page.all("table")
    for line in (
        "All options at their defaults.",
        "The test rows were not measured in this run.",
        "No table: the test rows were not measured in this run.",
        "No confusion matrix: the test rows were not measured in this run.",
        "No calibration diagram: no confidences were recorded in this run.",
        "No curves: no epoch was recorded.",
        "No images were counted.",
        "No mistakes to show.",
    ):
        assert line in page.text


def test_one_epoch_and_no_clean_rows(tmp_path):
    page = written(tmp_path, history=[{"epoch": 0, "train/loss": 1.0}], clean_table=[])
    assert "A single epoch: points instead of lines." in page.text
    assert "The clean rows were not measured in this run." in page.text


def test_a_report_without_test_keeps_train_and_validation(tmp_path):
    summary = {"train/acc": 0.9, "val/acc": 0.6}
    page = written(tmp_path, table=[], clean_table=[], summary=summary)
    expected = "Train accuracy 90.00 % Validation accuracy 60.00 % Test accuracy – "
    assert expected + "Gap, train − test –" in page.text


def test_an_evaluation_tells_of_no_training(tmp_path):
    facts = {"checkpoints": ["a.ckpt", "b.ckpt"], "source": "faces.csv", "tta": "flip"}
    page = written(tmp_path, history=None, summary={"test/acc": 0.5} | facts)
    headings = {a["id"] for a in page.all("h2")}
    assert "curves" not in headings and {"result", "confusion", "mistakes"} <= headings
    assert "Train accuracy" not in page.text and "GFLOP" not in page.text
    assert "Network a.ckpt; b.ckpt Faces faces.csv" in page.text
    assert "Views of a face (tta) flip" in page.text


def test_validation_is_named_so(tmp_path):
    numbers = {"val/acc": 0.625, "val/clean_acc": 0.5, "test/acc": 0.999}
    page = written(tmp_path, history=None, part="val", summary=numbers)
    assert "Result on the validation rows Accuracy 62.50 % 50.00 % on clean rows" in page.text
    assert "without a pixel-identical row in train." in page.text
    assert "All validation rows (5,004)" in page.text and "99.90" not in page.text.split("key")[0]


def test_where_rows_were_seen_clean_ones_alone_are_shown(tmp_path):
    summary = {"test/seen_rows": 5002, "test/clean_acc": 0.5}
    page = written(tmp_path, history=None, table=[], summary=summary)
    assert "Result on the clean test rows Accuracy 50.00 % of clean rows" in page.text
    assert "5,002 rows are pixel-identical to faces of another set" in page.text
    assert "No number counts them: this page is of the 2 clean rows alone" in page.text
    assert "All test rows" not in page.text
    (alt,) = (a["alt"] for a in page.all("img") if a["alt"].startswith("Confusion"))
    assert "of the clean test rows" in alt


def test_a_failed_report_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")
    monkeypatch.setattr(os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        empty(tmp_path)
    assert path.read_text() == "older"


REFERENCE = os.environ.get("FER_REFERENCE_DIR")


@pytest.mark.skipif(not REFERENCE, reason="FER_REFERENCE_DIR is not set")
def test_the_labs_own_table():
    with open(Path(REFERENCE) / "r1_analysis.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    table = [
        {key: int(row[key]) for key in ("true_preds", "false_preds")}
        | {"emotions": row["emotions"], "accuracy": float(row["accuracy"])}
        for row in rows
    ]
    mean = sum(row["accuracy"] for row in table) / 7
    lines = format_table(table, mean=mean, overall=3279 / 5383).splitlines()
    assert lines[1].split() == ["rage", "358", "385", "0.4818"]
    assert lines[-2].split() == ["mean", "of", "labels", "0.5794"]
    assert lines[-1].split() == ["overall", "3279", "2104", "0.6091"]
