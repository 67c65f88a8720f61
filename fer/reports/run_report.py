"""The report of a run or an evaluation: one self-contained html page, and its tables as text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from fer.config.recipe import flat
from fer.data.labels import called
from fer.evaluation.metrics import ClassRecall
from fer.evaluation.results import Measured, Summary
from fer.reports import figures
from fer.reports.html import fixed, write_page

NAMES = {"train": "training", "val": "validation", "test": "test"}
LISTED = 3  # pairs of classes that are confused most
EXAMPLES = 12  # faces with their predictions


def write_report(
    path: Path,
    measured: Measured,
    summary: Summary,
    history: Sequence[Mapping[str, float | None]] | None = None,
) -> None:
    """Write the page of a measured part, whole or not at all.

    history: rows of metrics.csv; None where nothing was trained
    """
    drawn = _figures(measured, summary, history)
    images, captions = mistakes(measured)
    write_page(
        path,
        "report.html",
        summary=summary.numbers,
        title=summary.title,
        config=summary.config,
        overrides=summary.overrides,
        command=summary.command,
        counts=summary.counts,
        everything=list(flat(summary.numbers, joint="/").items()),
        part=measured.part,
        named=NAMES[measured.part],
        classes=measured.classes,
        called=called(measured.classes),
        tables=_tables(measured),
        only_clean=measured.only_clean,
        rows={"all": len(measured), "clean": int(measured.clean.sum())},
        confusions=measured.confusions(LISTED),
        epochs=None if history is None else len(history),
        colours=figures.colours(measured.classes),
        figures={name: figures.png_bytes(figure) for name, figure in drawn.items()},
        inches={name: figure.get_figwidth() for name, figure in drawn.items()},
        faces=[(figures.face_png(i), text) for i, text in zip(images, captions, strict=True)],
    )


def _tables(measured: Measured) -> dict[str, list[ClassRecall]]:
    """The recalls of all and of clean rows; one table where both are the same rows or only one counts."""
    if measured.only_clean:
        return {"clean": measured.recalls()}
    tables = {"all": measured.recalls()}
    return tables if measured.clean.all() else tables | {"clean": measured.recalls(clean=True)}


def _figures(
    measured: Measured, summary: Summary, history: Sequence[Mapping[str, float | None]] | None
) -> dict[str, Figure]:
    drawn = {
        "examples": examples(measured),
        "counts": figures.class_counts(summary.counts, measured.classes),
        "confusion": figures.confusion(measured.matrix().numpy(), measured.classes),
        "calibration": figures.reliability(*measured.calibration()),
    }
    return drawn if history is None else drawn | {"curves": figures.curves(history)}


def examples(measured: Measured) -> Figure:
    """Counted rows at even distances, each with its most probable classes: no choice by hand."""
    counted = torch.nonzero(measured.counted).flatten()
    places = np.linspace(0, len(counted) - 1, min(EXAMPLES, len(counted))).astype(int)
    chosen = counted[places]
    return figures.predictions(
        measured.images[chosen.numpy()],
        measured.probabilities[chosen].numpy(),
        measured.labels[chosen].tolist(),
        measured.classes,
    )


def mistakes(measured: Measured, *, most: int = 32) -> tuple[np.ndarray, list[str]]:
    """The most confident wrong predictions of counted rows: uint8 [n, H, W], and n captions."""
    wrong = (measured.predictions != measured.labels) & measured.counted
    wrong = torch.nonzero(wrong).flatten()
    worst = wrong[measured.confidence[wrong].argsort(descending=True)][:most]
    captions = [
        f"true {measured.classes[measured.labels[i]]}\n"
        f"{measured.classes[measured.predictions[i]]} {100 * measured.confidence[i]:.0f} %"
        for i in worst.tolist()
    ]
    return measured.images[worst.numpy()], captions


def tables_text(measured: Measured) -> str:
    """The page's tables for a terminal, each under a line that says which rows it counts."""
    numbers = measured.numbers()
    blocks = []
    for name, table in _tables(measured).items():
        prefix = f"{measured.part}/clean_" if name == "clean" else f"{measured.part}/"
        text = recall_table(table, mean=numbers[f"{prefix}mean_acc"], acc=numbers[f"{prefix}acc"])
        blocks.append(f"{_rows_text(measured, name)}\n{text}")
    return "\n\n".join(blocks)


def _rows_text(measured: Measured, name: str) -> str:
    named, clean = NAMES[measured.part], int(measured.clean.sum())
    if measured.only_clean:
        return (
            f"{named}, the {clean:,} clean rows; the other {len(measured) - clean:,} are not counted: "
            "the network was trained or validated on identical images"
        )
    if name == "clean":
        return f"{named}, the {clean:,} clean rows: no identical image in {_others(measured)}"
    same = ", all of them clean" if clean == len(measured) else ""
    return f"{named}, all {len(measured):,} rows{same}"


def _others(measured: Measured) -> str:
    """The parts in which a clean row has no duplicate."""
    return "train or validation" if measured.part == "test" else "train"


def recall_table(table: Sequence[ClassRecall], *, mean: float, acc: float) -> str:
    """Aligned text: a line for each class, then the mean recall and the accuracy.

    A missing number is a dash.
    """
    _, several = called(row.name for row in table)
    lines = [
        (several, "right", "missed", "recall"),
        *((row.name, f"{row.right:,}", f"{row.missed:,}", fixed(row.recall)) for row in table),
        ("mean recall", "", "", fixed(mean)),
        ("accuracy", *(f"{total:,}" for total in _totals(table)), fixed(acc)),
    ]
    width = max(len(line[0]) for line in lines)
    return "\n".join(f"{a:<{width}}  {b:>7}  {c:>7}  {d:>7}" for a, b, c, d in lines)


def _totals(table: Sequence[ClassRecall]) -> tuple[int, int]:
    return sum(row.right for row in table), sum(row.missed for row in table)
