"""The numbers of the model card against scikit-learn's, and the folders that it refuses."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score, recall_score

from fer.cli import card, evaluate
from fer.data.labels import EMOTIONS
from fer.data.readers.fer2013_csv import USAGES
from fer.data.readers.ferplus import CHOICES
from fer.data.sources import Drawn
from fer.inference.warnings import WARNINGS
from fer.reports import model_card


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pack_untrained: Callable, blank_pictures_of_module: None) -> Path:
    """A folder with a packed network, `net`, and evaluations of it, `single`, `flip` and `val`."""
    folder = tmp_path_factory.mktemp("measured")
    with chdir(folder):
        Path("net").mkdir()
        pack_untrained(Path("net"), "data=drawn", "data.count=700")
        for name, word in {"single": "tta=none", "flip": "tta=flip", "val": "part=val"}.items():
            assert evaluate.main(["net", word, "--out", name]) == 0
    return folder


@pytest.fixture
def measured(folder: Path, monkeypatch) -> None:
    """That folder is the working directory."""
    monkeypatch.chdir(folder)


def votes(path: Path) -> np.ndarray:
    """Votes on the drawn faces, written to `path`; the winner of each row, -1 where two tie."""
    faces, chance = Drawn(count=700).faces, np.random.default_rng(0)
    table = chance.multinomial(10, np.full(len(CHOICES), 0.1), size=len(faces))
    usages = list(USAGES)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *CHOICES])
        for part, row in zip(faces.parts, table, strict=True):
            writer.writerow([usages[part], "", *row])
    tied = (table == table.max(1, keepdims=True)).sum(1) > 1
    return np.where(tied, -1, table.argmax(1))


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the lines of a table that begin with `first`."""
    lines = re.findall(rf"^\| {first} \|(.*)\|$", text.replace("\u00a0", " "), re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def share(value: float, digits: int = 1) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.{digits}f} %"


def test_its_numbers_are_those_of_the_predictions(measured: None) -> None:
    winners = votes(Path("votes.csv"))
    status = card.main("net single flip --votes votes.csv --out out".split())
    assert status == 0
    text = Path("out/model_card.md").read_text().replace("\u00a0", " ")
    table = pd.read_csv("single/predictions.csv")
    true, found = table["label"], table["prediction"]
    assert f"**{share(accuracy_score(true, found), 2)}** of {len(table)} test images" in text
    summary = json.loads(Path("single/summary.json").read_text())
    options = {"labels": range(7), "average": None, "zero_division": np.nan}
    scores = recall_score(true, found, **options), precision_score(true, found, **options)
    for index, name in enumerate(EMOTIONS):
        (cells,) = (row for row in rows(text, name) if len(row) == 6)  # else a confusion
        expected = [str((true == index).sum()), *(share(score[index]) for score in scores)]
        assert cells[:3] == expected
        assert cells[4] == share(summary[f"test/clean_recall_{name}"])
    single, flip = rows(text, r"single \| all")[0], rows(text, r"with mirror image \| all")[0]
    assert single[0] == share(accuracy_score(true, found), 2)
    other = pd.read_csv("flip/predictions.csv")
    assert flip[0] == share(accuracy_score(other["label"], other["prediction"]), 2)
    wrong = table[true != found].groupby(["label", "prediction"]).size()
    (label, taken), number = wrong.idxmax(), wrong.max()
    assert [EMOTIONS[taken], str(number), share(number / (true == label).sum())] in rows(
        text, EMOTIONS[label]
    )
    confidence = table.filter(like="p_").max(axis=1)
    assert [cells[0] for cells in rows(text, "0.3")] == [share((confidence >= 0.3).mean())]
    assert "It is not calibrated: no temperature was fitted." in text
    assert [len(rows(text, f"`{name}`")) for name in WARNINGS] == [1] * len(WARNINGS)
    won = winners[table["row"]]
    known = (won >= 0) & (won < 8)
    for first, each in {"FER2013's label": true, "this network's prediction": found}.items():
        assert rows(text, first) == [[share((won[known] == each[known]).mean())]]
    assert {path.name for path in Path("out/model_card").iterdir()} == {
        "confusion_matrix.png", "calibration.png", "coverage.png"
    }  # fmt: skip
    assert "{{" not in text and "{%" not in text


def test_quarters_by_hand() -> None:
    values = np.array([8.0, 1, 2, 3, 4, 5, 6, 7])
    right = np.array([1, 1, 0, 1, 1, 0, 0, 1], bool)
    expected = [(1, 2, 0.5), (3, 4, 1), (5, 6, 0), (7, 8, 1)]
    assert model_card.quarters(values, right) == expected


def test_sureness_by_hand() -> None:
    confidence, right = np.array([0.95, 0.9, 0.5, 0.3]), np.array([1, 0, 0, 1], bool)
    found = model_card.sureness(confidence, right, 0.9)
    assert found == {"least": 0.9, "share": 0.5, "acc": 0.5, "mistakes": 1, "of_mistakes": 0.5}
    assert np.isnan(model_card.sureness(confidence, right, 0.99)["acc"])


def test_what_is_not_this_networks_test_is_refused(measured: None, capsys) -> None:
    shutil.copytree("single", "strange")
    summary = json.loads(Path("strange/summary.json").read_text())
    Path("strange/summary.json").write_text(json.dumps(summary | {"sha256": ["0" * 64]}))
    shutil.copytree("flip", "other")
    summary = json.loads(Path("other/summary.json").read_text())
    Path("other/summary.json").write_text(json.dumps(summary | {"split_seed": 1}))
    shutil.copytree("single", "hot")
    summary = json.loads(Path("hot/summary.json").read_text())
    Path("hot/summary.json").write_text(json.dumps(summary | {"temperature": [1.5]}))
    lines = {
        "net hot": "hot: measured at another temperature",
        "net single other": "other: split_seed",
        "net strange": "strange: sha256",
        "net flip": "flip: tta=flip",
        "net val": "val: part=val",
        "net net": "net: not as fer evaluate writes it (FileNotFoundError",
        "nowhere single": "nowhere: no such file",
    }
    for words, line in lines.items():
        assert card.main([*words.split(), "--out", "refused"]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"fer: {line}") and error.count("\n") == 1
    assert not Path("refused").exists()
