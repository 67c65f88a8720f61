"""The files of a run folder and of an evaluation."""

import logging
from pathlib import Path

from fer.common.files import write_csv
from fer.evaluation import metrics
from fer.evaluation.results import Measured
from fer.reports import figures
from fer.reports.run_report import format_table


def write_measured(folder: Path, measured: Measured) -> None:
    """predictions.csv, summary.csv, confusion_matrix.csv and .png, calibration.png, in `folder`.

    Where some rows were seen, predictions.csv marks them in a column `seen`, and the others hold
    the clean rows alone.
    """
    columns = {
        "row": measured.rows.tolist(),
        "label": measured.labels.tolist(),
        "prediction": measured.predictions.tolist(),
    }
    for name, numbers in zip(measured.classes, measured.probabilities.T.tolist(), strict=True):
        columns[f"p_{name}"] = [f"{number:.9g}" for number in numbers]
    if not measured.whole:
        columns["seen"] = measured.seen.int().tolist()
    write_csv(folder / "predictions.csv", tuple(columns), zip(*columns.values(), strict=True))
    matrix = measured.matrix(clean=not measured.whole)
    table = metrics.table(matrix, measured.classes)
    write_csv(folder / "summary.csv", tuple(table[0]), (line.values() for line in table))
    counts = zip(measured.classes, matrix.tolist(), strict=True)
    write_csv(
        folder / "confusion_matrix.csv",
        ("true", *measured.classes),
        ((name, *row) for name, row in counts),
    )
    figures.save(
        figures.confusion(matrix.numpy(), measured.classes), folder / "confusion_matrix.png"
    )
    figures.save(figures.reliability(*measured.calibration()), folder / "calibration.png")


log = logging.getLogger(__name__)


def say(part: str, measured: Measured) -> None:
    """The lab's tables of a measured part in the log."""
    numbers = measured.summary(part)
    for name, table in measured.tables().items():
        prefix = f"{part}/clean_" if name == "clean" else f"{part}/"
        mean, overall = numbers[f"{prefix}mean_acc"], numbers[f"{prefix}acc"]
        text = format_table(table, mean=mean, overall=overall)
        log.info("\n%s part, %s %s rows\n%s", part, name, numbers[f"{prefix}rows"], text)
    if not measured.whole:
        log.info(
            "\n%d of %d rows are pixel-identical to faces that the network was trained or selected "
            "on in another set: no number counts them",
            numbers[f"{part}/seen_rows"],
            len(measured.rows),
        )
