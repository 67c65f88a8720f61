"""The model card of a packed network: its evaluations in numbers, tables and pictures.

The prose is in templates/model_card.md. The first evaluation, a single view of the test part, gives
the tables. Each further one adds a row.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.data.exposure import identical
from fer.data.faces import Faces
from fer.data.readers import ferplus
from fer.data.statistics import tone
from fer.evaluation.results import Measured
from fer.inference import warnings
from fer.models import packed
from fer.models.checkpoint import Checkpoint
from fer.reports import figures
from fer.reports.html import write_page

# Lowest confidences for which answers and mistakes are counted, and those that the figure marks.
SURE = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MARKED = (0.3, 0.5, 0.7, 0.9)
PAIRS = 8  # confusions that the card lists
# What all evaluations of a card share, because they are rows of one table.
SAME = ("fingerprint", "split", "split_seed", "fold", "test/rows", "test/clean_rows")
NORMAL = 1.96  # half the width of a 95 % interval, in standard errors


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A folder of fer evaluate.

    summary: its summary.json
    table: its predictions.csv, float [N, 3 + classes]: row, label, prediction, probabilities
    """

    folder: Path
    summary: Mapping[str, Any]
    table: np.ndarray


def read(network: Checkpoint, folders: Sequence[Path]) -> tuple[dict[str, Any], list[Evaluation]]:
    """The network.json of a packed network, and its evaluations in `folders`.

    Raises InputError for a network that is not packed, and for folders that make no card of it.
    """
    if network.path.name != packed.TENSORS:
        raise InputError(f"{network.path}: not packed; pack it with fer pack first")
    facts = json.loads(network.path.with_name(packed.FACTS).read_text())
    first, *others = [
        _evaluation(folder, facts["sha256"], network.temperature) for folder in folders
    ]
    if first.summary["tta"] != "none":
        raise InputError(f"{first.folder}: tta={first.summary['tta']}, expected none for the first")
    for other in others:
        for key in SAME:
            if other.summary.get(key) != first.summary.get(key):
                raise InputError(f"{other.folder}: {key} differs from that of {first.folder}")
    return facts, [first, *others]


def _evaluation(folder: Path, sha256: str, temperature: float) -> Evaluation:
    files = RunFolder(folder)
    try:
        summary = json.loads(files.summary.read_text())
        with open(files.predictions, newline="") as file:
            rows = [
                [float(number) for name, number in row.items() if name != "file"]
                for row in csv.DictReader(file)
            ]
        table = np.array(rows, ndmin=2)
        weights, part = summary["sha256"], summary["part"]
    except (OSError, ValueError, KeyError) as fault:
        raise InputError(f"{folder}: not as fer evaluate writes it ({fault!r:.80})") from None
    if weights != [sha256]:
        raise InputError(f"{folder}: sha256 of other weights; evaluate this network again")
    if summary.get("temperature", [1.0]) != [temperature]:
        raise InputError(f"{folder}: measured at another temperature; evaluate this network again")
    if part != "test" or "test/acc" not in summary:
        raise InputError(f"{folder}: part={part}, expected part=test with numbers for all rows")
    return Evaluation(folder, summary, table)


def content(
    network: Checkpoint,
    facts: Mapping[str, Any],
    evaluations: Sequence[Evaluation],
    faces: Faces,
    votes: Path | None,
) -> tuple[dict[str, Any], Measured]:
    """What the template needs, by name, and the measured part of the first evaluation.

    faces: the network's own dataset
    votes: FER+'s csv
    """
    measured = _restore(evaluations[0], network, faces)
    return {
        "facts": facts,
        "recipe": network.recipe,
        "seen": network.seen,
        "kilobytes": network.path.stat().st_size / 1000,
        "evaluations": [each.summary for each in evaluations],
        "votes": None if votes is None else agreement(measured, faces, votes),
        "calibration": facts.get("calibration"),  # older files have none
        "warnings": warnings.LIMITS,
        "unchanged": warnings.UNCHANGED,
        **numbers(measured, faces),
    }, measured


def _restore(evaluation: Evaluation, network: Checkpoint, faces: Faces) -> Measured:
    """The measured part, with its rows found among `faces`."""
    rows, labels = evaluation.table[:, :2].astype(int).T
    positions = np.searchsorted(faces.rows, rows).clip(max=len(faces) - 1)
    found = np.stack([faces.rows[positions], faces.labels[positions]])
    if not np.array_equal(found, [rows, labels]):
        raise InputError(
            f"{evaluation.folder}: rows or labels differ from {faces.source}, the network's dataset"
        )
    clean = ~identical(faces, positions, network.seen, "test")
    return Measured(
        part="test",
        faces=faces,
        positions=positions,
        probabilities=torch.from_numpy(evaluation.table[:, 3:]).float(),
        clean=torch.from_numpy(clean),
        elsewhere=torch.zeros(len(rows), dtype=torch.bool),
    )


def numbers(measured: Measured, faces: Faces) -> dict[str, Any]:
    """The numbers of the test part, by their names in the template."""
    right = (measured.predictions == measured.labels).numpy()
    error = np.sqrt(right.mean() * (1 - right.mean()) / len(right))
    positions = np.searchsorted(faces.rows, measured.rows.numpy())
    brightness, contrast = tone(faces.images[positions])
    return {
        "classes": per_class(measured),
        "headline": [measured.scores(), measured.scores(clean=True)],
        "rows": [len(right), int(measured.clean.sum())],
        "interval": NORMAL * error,
        "confusions": confusions(measured),
        "sure": [sureness(measured.confidence.numpy(), right, least) for least in SURE],
        "mistakes": int((~right).sum()),
        "tones": list(zip(quarters(brightness, right), quarters(contrast, right), strict=True)),
    }


def per_class(measured: Measured) -> list[dict[str, Any]]:
    """One row per class: its name; images, recall and precision of all rows and of clean ones."""
    columns = []
    for clean in (False, True):
        matrix = measured.matrix(clean=clean).numpy()
        with np.errstate(invalid="ignore"):  # NaN without images, or without predictions
            hits = np.diag(matrix)
            columns.append((matrix.sum(1), hits / matrix.sum(1), hits / matrix.sum(0)))
    return [
        {"name": name, "all": [c[i] for c in columns[0]], "clean": [c[i] for c in columns[1]]}
        for i, name in enumerate(measured.classes)
    ]


def confusions(measured: Measured) -> list[tuple[str, str, int, float]]:
    """The most frequent mistakes: label, prediction, number, fraction of the label's images."""
    sizes = dict(zip(measured.classes, measured.matrix().sum(1).tolist(), strict=True))
    found = measured.confusions(PAIRS)
    return [(label, taken, number, number / sizes[label]) for label, taken, number in found]


def sureness(confidence: np.ndarray, right: np.ndarray, least: float) -> dict[str, float]:
    """Fraction of rows, accuracy and mistakes of predictions with a confidence of at least `least`."""
    sure = confidence >= least
    wrong = sure & ~right
    return {
        "least": least,
        "share": sure.mean(),
        "acc": right[sure].mean() if sure.any() else np.nan,
        "mistakes": int(wrong.sum()),
        "of_mistakes": wrong.sum() / max(1, (~right).sum()),
    }


def quarters(values: np.ndarray, right: np.ndarray) -> list[tuple[float, float, float]]:
    """Lowest value, highest value and accuracy of each quarter of the rows, sorted by `values`."""
    parts = np.array_split(np.argsort(values, kind="stable"), 4)
    return [(values[part[0]], values[part[-1]], right[part].mean()) for part in parts]


def agreement(measured: Measured, faces: Faces, path: Path) -> dict[str, float]:
    """How labels and predictions agree with FER+'s winners, for rows where one emotion won the vote."""
    voted = ferplus.relabel(faces, path, target="majority")
    rows = measured.rows.numpy()
    known = np.isin(rows, voted.rows)
    winners = np.array(voted.classes)[voted.labels[np.searchsorted(voted.rows, rows[known])]]
    names = np.array(measured.classes)
    labels, found = (names[each.numpy()[known]] for each in (measured.labels, measured.predictions))
    wrong = labels != found
    return {
        "rows": int(known.sum()),
        "label": np.mean(winners == labels),
        "prediction": np.mean(winners == found),
        "mistakes": int(wrong.sum()),
        "sided": np.mean(winners[wrong] == found[wrong]) if wrong.any() else np.nan,
    }


def write(folder: Path, content: Mapping[str, Any], measured: Measured) -> Path:
    """Write model_card.md to `folder` and its pictures to `folder`/model_card; the card's path."""
    pictures = folder / "model_card"
    pictures.mkdir(parents=True, exist_ok=True)
    matrix = figures.confusion(measured.matrix().numpy(), measured.classes)
    figures.save(matrix, pictures / "confusion_matrix.png")
    figures.save(figures.reliability(*measured.calibration()), pictures / "calibration.png")
    coverage = figures.coverage(*measured.calibration(), MARKED)
    figures.save(coverage, pictures / "coverage.png")
    card = folder / "model_card.md"
    write_page(card, "model_card.md", **content)
    return card
