"""The model card of a packed network, out of what fer evaluate measured of it:

fer evaluate shipped --out runs/shipped
fer evaluate shipped tta=flip --out runs/shipped_flip
python docs/model_card.py shipped runs/shipped runs/shipped_flip [--votes fer2013new.csv] [--out docs]

Prose stands in model_card.md.jinja; this fills in the numbers and draws the pictures. The first
evaluation, single view on the test part, gives the card its tables; others are a row each.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.common.files import replacing
from fer.config.paths import register_resolvers
from fer.data.exposure import identical
from fer.data.faces import Faces
from fer.data.readers import ferplus
from fer.data.statistics import tone
from fer.evaluation.results import Measured
from fer.models import checkpoint, packed
from fer.models.checkpoint import Checkpoint
from fer.reports import figures
from fer.reports.html import duration, fixed, percent
from fer.runs.evaluate import assemble

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")
SURE = (0.5, 0.7, 0.9)  # confidences from which on mistakes are counted
PAIRS = 8  # confusions that are named
# What all evaluations of a card must have in common: they are rows of one table.
SAME = ("fingerprint", "split", "split_seed", "fold", "test/rows", "test/clean_rows")
NORMAL = 1.96  # half-width of a 95 % interval, in standard errors


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a folder of fer evaluate holds: its summary.json and predictions.csv."""

    folder: Path
    summary: Mapping[str, Any]
    table: np.ndarray  # [N, 3 + classes]: row, label, prediction, probabilities


def main(arguments: list[str]) -> int:
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = argparse.ArgumentParser(description="Writes the model card of a packed network.")
    parser.add_argument("network", type=Path, help="shipped, or a packed network's folder")
    parser.add_argument("evaluations", type=Path, nargs="+", help="folders of fer evaluate")
    parser.add_argument("--votes", type=Path, help="FER+'s csv: adds how far its voters agree")
    parser.add_argument("--out", type=Path, default=TEMPLATE.parent, help="default: docs")
    words = parser.parse_args(arguments)
    register_resolvers()
    network = checkpoint.read(words.network)
    if network.path.name != packed.TENSORS:
        raise InputError(f"{words.network}: is not packed; fer pack makes it so")
    facts = json.loads(network.path.with_name(packed.FACTS).read_text())
    evaluations = [read(folder, facts["sha256"]) for folder in words.evaluations]
    if evaluations[0].summary["tta"] != "none":
        raise InputError(f"{evaluations[0].folder}: the first evaluation must be a single view")
    for other in evaluations[1:]:
        if any(other.summary.get(key) != evaluations[0].summary.get(key) for key in SAME):
            raise InputError(f"{other.folder}: of other faces than {evaluations[0].folder}")
    (member,) = assemble([network], [])

    def work() -> None:
        faces = member.data.faces
        measured = restore(evaluations[0], network, faces)
        votes = agreement(measured, faces, words.votes) if words.votes is not None else None
        content = {
            "name": words.network.name,
            "network": facts,
            "kilobytes": network.path.stat().st_size / 1000,
            "seen": network.seen,
            "evaluations": [each.summary for each in evaluations],
            "votes": votes,
            **numbers(measured, faces),
        }
        write(words.out, content, measured)

    return work


def read(folder: Path, sha256: str) -> Evaluation:
    """The evaluation in a folder. Raises InputError where it is none of this network's test part."""
    try:
        summary = json.loads((folder / "summary.json").read_text())
        table = np.loadtxt(folder / "predictions.csv", delimiter=",", skiprows=1, ndmin=2)
        weights, part = summary["sha256"], summary["part"]
    except (OSError, ValueError, KeyError) as fault:
        raise InputError(f"{folder}: not as fer evaluate leaves it ({fault!r:.80})") from None
    if weights != [sha256]:
        raise InputError(f"{folder}: measured other weights; evaluate this network once more")
    if part != "test" or "test/acc" not in summary:
        raise InputError(f"{folder}: a card wants part=test, and no row seen in another set")
    return Evaluation(folder, summary, table)


def restore(evaluation: Evaluation, network: Checkpoint, faces: Faces) -> Measured:
    """The measured part, its rows found again among `faces`."""
    rows, labels = evaluation.table[:, :2].astype(int).T
    positions = np.searchsorted(faces.rows, rows).clip(max=len(faces) - 1)
    if not (
        np.array_equal(faces.rows[positions], rows)
        and np.array_equal(faces.labels[positions], labels)
    ):
        raise InputError(
            f"{evaluation.folder}: measured other faces than {faces.source}, the network's own"
        )
    clean = ~identical(faces, positions, network.seen, "test")
    return Measured(
        rows=torch.from_numpy(rows),
        labels=torch.from_numpy(labels),
        probabilities=torch.from_numpy(evaluation.table[:, 3:]).float(),
        clean=torch.from_numpy(clean),
        seen=torch.zeros(len(rows), dtype=torch.bool),
        classes=network.classes,
    )


def numbers(measured: Measured, faces: Faces) -> dict[str, Any]:
    """All that the card says of the test part, by its names in the template."""
    right = (measured.predictions == measured.labels).numpy()
    error = np.sqrt(right.mean() * (1 - right.mean()) / len(right))
    positions = np.searchsorted(faces.rows, measured.rows.numpy())
    brightness, contrast = tone(faces.images[positions])
    return {
        "classes": per_class(measured),
        "headline": [measured.numbers(), measured.numbers(clean=True)],
        "rows": [len(right), int(measured.clean.sum())],
        "chance": NORMAL * error,
        "confusions": confusions(measured),
        "sure": [sureness(measured.confidence.numpy(), right, least) for least in SURE],
        "mistakes": int((~right).sum()),
        "tones": list(zip(quarters(brightness, right), quarters(contrast, right), strict=True)),
    }


def per_class(measured: Measured) -> list[dict[str, Any]]:
    """A row a class: its name, and images, recall and precision of all rows and of clean ones."""
    columns = []
    for clean in (False, True):
        matrix = measured.matrix(clean=clean).numpy()
        with np.errstate(invalid="ignore"):  # of a class without images, or never predicted
            hits = np.diag(matrix)
            columns.append((matrix.sum(1), hits / matrix.sum(1), hits / matrix.sum(0)))
    return [
        {"name": name, "all": [c[i] for c in columns[0]], "clean": [c[i] for c in columns[1]]}
        for i, name in enumerate(measured.classes)
    ]


def confusions(measured: Measured) -> list[tuple[str, str, int, float]]:
    """The most frequent mistakes: true and predicted class, number, share of the true class."""
    matrix = measured.matrix().numpy()
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    most = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = zip(*np.unravel_index(most, wrong.shape), strict=True)
    names, sizes = measured.classes, matrix.sum(1)
    return [
        (names[t], names[p], wrong[t, p], wrong[t, p] / sizes[t]) for t, p in pairs if wrong[t, p]
    ]


def sureness(confidence: np.ndarray, right: np.ndarray, least: float) -> dict[str, float]:
    """Of predictions with a confidence of `least` or more: share of rows, accuracy, mistakes."""
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
    """Least and greatest value and accuracy of each quarter of the rows, by rising `values`."""
    parts = np.array_split(np.argsort(values, kind="stable"), 4)
    return [(values[part[0]], values[part[-1]], right[part].mean()) for part in parts]


def agreement(measured: Measured, faces: Faces, path: Path) -> dict[str, float]:
    """What most of FER+'s voters chose for the measured rows, where they chose one emotion."""
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


def write(folder: Path, content: Mapping[str, Any], measured: Measured) -> None:
    """model_card.md and its pictures in model_card/, each whole or not at all."""
    pictures = folder / "model_card"
    pictures.mkdir(parents=True, exist_ok=True)
    matrix = figures.confusion(measured.matrix().numpy(), measured.classes)
    figures.save(matrix, pictures / "confusion_matrix.png")
    figures.save(figures.reliability(*measured.calibration()), pictures / "calibration.png")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=percent, fixed=fixed, duration=duration)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(content)
    card = folder / "model_card.md"
    with replacing(card) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
