"""docs/results.md reports numbers that its evidence files hold, and results/ stays small."""

import csv
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/results.md"
RESULTS = ROOT / "results"
LIMIT = 3_000_000  # bytes of all recorded outputs
REFERENCE = os.environ.get("FER_REFERENCE_DIR")


def linked(text: str) -> list[Path]:
    return [
        (PAGE.parent / link).resolve() for link in re.findall(r"\]\((\.\./results[^)]*)\)", text)
    ]


def table_rows() -> Iterator[tuple[set[str], list[Path]]]:
    """The percentages and the evidence files of each table row that names evidence."""
    header: list[str] = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else []
        if not cells or not header:
            header = cells
        elif header[-1] == "evidence" and not set(line) <= set("|-"):
            percents = [cell for name, cell in zip(header, cells, strict=True) if "%" in name]
            yield set(re.findall(r"\d+\.\d\d\b", " ".join(percents))), linked(cells[-1])


def percentages(path: Path) -> set[str]:
    """Every number of a summary.json or csv file, in per cent with two decimals."""
    if path.suffix == ".json":
        values = list(json.loads(path.read_text()).values())
    else:
        with open(path, newline="") as file:
            values = [value for row in csv.DictReader(file) for value in row.values()]
    found = set()
    for value in values:
        try:
            found.add(f"{100 * float(value):.2f}")
        except (TypeError, ValueError):
            continue
    return found


def test_every_row_has_its_numbers_from_its_evidence() -> None:
    rows = list(table_rows())
    assert len(rows) > 50
    for numbers, files in rows:
        assert numbers and files
        assert numbers <= set().union(*map(percentages, files)), files


def test_recorded_outputs_are_small_and_each_is_named_by_a_page() -> None:
    pages = "".join(path.read_text() for path in ROOT.glob("docs/*.md"))
    named = set(linked(pages))
    assert all(path.exists() for path in named)
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    runs = {path.parent for path in named if path.parent != RESULTS}
    assert [path for path in files if not {path, path.parent} & (named | runs)] == []
    assert sum(path.stat().st_size for path in files) < LIMIT


@pytest.mark.skipif(REFERENCE is None, reason="needs FER_REFERENCE_DIR, the lab's outputs")
def test_the_labs_row_is_what_the_lab_reports() -> None:
    with open(RESULTS / "lab_reported.csv", newline="") as file:
        reported = list(csv.DictReader(file))
    assert [row["network"] for row in reported] == ["r1", "r2"]
    for row in reported:
        with open(Path(str(REFERENCE)) / f"{row['network']}_analysis.csv", newline="") as file:
            classes = list(csv.DictReader(file, delimiter=";"))
        correct = sum(int(each["true_preds"]) for each in classes)
        rows = correct + sum(int(each["false_preds"]) for each in classes)
        recalls = {each["emotions"]: float(each["accuracy"]) for each in classes}
        assert (int(row["correct"]), int(row["rows"])) == (correct, rows)
        assert row["acc"] == f"{correct / rows:.5f}"
        assert row["mean_acc"] == f"{sum(recalls.values()) / len(recalls):.5f}"
        assert row["recall_disgust"] == f"{recalls['disgust']:.5f}"
