"""The report of a run or an evaluation: one self-contained html page; the lab's table as text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from fer.config.recipe import flat
from fer.data.faces import Faces
from fer.data.labels import called
from fer.evaluation.results import Measured
from fer.reports import figures
from fer.reports.html import fixed, write_page

Table = Sequence[Mapping[str, str | float]]  # rows of emotions, true_preds, false_preds, accuracy


def format_table(table: Table, *, mean: float | None, overall: float | None) -> str:
    """The lab's table as aligned text: a line a class, then `mean of labels` and `overall`.

    `table`: rows with emotions, true_preds, false_preds and accuracy, a fraction like `mean` and
    `overall`. A missing number is a dash.
    """
    _, several = called(r["emotions"] for r in table)
    lines = [
        (several, "true_preds", "false_preds", "accuracy"),
        *((r["emotions"], r["true_preds"], r["false_preds"], fixed(r["accuracy"])) for r in table),
        ("mean of labels", "", "", fixed(mean)),
        ("overall", *_sums(table), fixed(overall)),
    ]
    width = max(len(line[0]) for line in lines)
    return "\n".join(f"{a:<{width}}  {b:>10}  {c:>11}  {d:>8}" for a, b, c, d in lines)


def write_report(
    path: Path,
    *,
    title: str,
    config: str,
    overrides: Sequence[str],
    command: str,
    classes: Sequence[str],
    counts: Mapping[str, Sequence[int]],
    table: Table,
    clean_table: Table,
    history: Sequence[Mapping[str, float | None]] | None,
    summary: Mapping[str, object],
    part: Literal["test", "val"] = "test",
    confusion_matrix: np.ndarray | None = None,
    calibration: tuple[np.ndarray, np.ndarray] | None = None,
    mistakes: tuple[np.ndarray, Sequence[str]] | None = None,
) -> None:
    """Writes the page, whole or not at all; a section without data says so.

    `config`: yaml text; `command`: what was typed. `counts`: part -> images per class. `part`: what was
    measured. `table` and `clean_table`: rows with emotions, true_preds, false_preds, accuracy; of all
    its rows and of the clean ones; empty where it was not measured, the first also where some rows
    were seen and may give no number. `history`: rows of metrics.csv, None where nothing was trained.
    `summary`: what summary.json holds. `confusion_matrix`: [C, C], rows true. `calibration`:
    confidence [N] and correct [N]. `mistakes`: uint8 [N, H, W] and N captions.
    """

    images, captions = mistakes if mistakes is not None else ((), ())
    confidence = calibration[0] if calibration is not None else ()
    drawn = {}
    if any(sum(numbers) for numbers in counts.values()):
        drawn["counts"] = figures.class_counts(counts, classes)
    if history:
        drawn["curves"] = figures.curves(history)
    if confusion_matrix is not None:
        drawn["confusion"] = figures.confusion(confusion_matrix, classes)
    if len(confidence):
        drawn["calibration"] = figures.reliability(*calibration)
    write_page(
        path,
        "report.html",
        title=title,
        config=config,
        overrides=overrides,
        command=command,
        classes=classes,
        called=called(classes),
        counts=counts,
        tables=(table, clean_table),
        rows=[sum(_sums(rows)) for rows in (table, clean_table)],
        epochs=None if history is None else len(history),
        part=part,
        named={"test": "test", "val": "validation"}[part],
        summary=summary,
        everything=list(flat(summary, joint="/").items()),
        confusions=_confusions(confusion_matrix, classes),
        colours=figures.colours(classes),
        figures={name: figures.png_bytes(figure) for name, figure in drawn.items()},
        inches={name: figure.get_figwidth() for name, figure in drawn.items()},
        faces=[(figures.face_png(i), text) for i, text in zip(images, captions, strict=True)],
    )


def _sums(table: Table) -> tuple[int, int]:
    return sum(r["true_preds"] for r in table), sum(r["false_preds"] for r in table)


def _confusions(matrix: np.ndarray | None, classes: Sequence[str]) -> list[tuple[str, str, int]]:
    """The three most frequent mistakes: true class, predicted class, number."""
    if matrix is None:
        return []
    wrong = np.asarray(matrix) * ~np.eye(len(classes), dtype=bool)
    most = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = zip(*np.unravel_index(most, wrong.shape), strict=True)
    return [(classes[t], classes[p], int(wrong[t, p])) for t, p in pairs if wrong[t, p]]


def mistakes(
    measured: Measured, faces: Faces, *, most: int = 32
) -> tuple[np.ndarray, Sequence[str]]:
    """The most confident wrong predictions of counted rows: faces [n, H, W] and their captions."""
    wrong = (measured.predictions != measured.labels) & measured.counted
    wrong = torch.nonzero(wrong).flatten()
    worst = wrong[measured.confidence[wrong].argsort(descending=True)][:most]
    captions = [
        f"true {measured.classes[measured.labels[i]]}\n"
        f"{measured.classes[measured.predictions[i]]} {100 * measured.confidence[i]:.0f} %"
        for i in worst.tolist()
    ]
    return faces.images[np.searchsorted(faces.rows, measured.rows[worst].numpy())], captions
