"""The files that a run and an evaluation share."""

import logging
from collections.abc import Mapping, Sequence

from fer.common.files import write_csv, write_json
from fer.common.run_folder import RunFolder
from fer.evaluation.results import Measured, Summary
from fer.reports import figures
from fer.reports.run_report import examples, write_report

log = logging.getLogger(__name__)

# The lab's names: false_preds are the missed rows, accuracy is the class's recall.
LAB = ("emotions", "true_preds", "false_preds", "accuracy")


def write_measured(run: RunFolder, measured: Measured) -> None:
    """Write the csv files and figures of a measured part.

    Tables and figures are of counted rows. Where an identical image of another dataset was seen, a
    last column `seen` of predictions.csv marks the row.
    """
    _write_predictions(run, measured)
    write_csv(run.recalls, LAB, measured.recalls())
    matrix = measured.matrix()
    counts = zip(measured.classes, matrix.tolist(), strict=True)
    rows = ((name, *row) for name, row in counts)
    write_csv(run.confusion, ("true", *measured.classes), rows)
    figures.save(figures.confusion(matrix.numpy(), measured.classes), run.confusion_figure)
    figures.save(figures.reliability(*measured.calibration()), run.calibration)
    figures.save(examples(measured), run.examples)


def _write_predictions(run: RunFolder, measured: Measured) -> None:
    columns = {"row": measured.rows.tolist()}
    if measured.files is not None:
        columns["file"] = measured.files
    columns |= {
        "label": measured.labels.tolist(),
        "prediction": measured.predictions.tolist(),
    }
    for name, numbers in zip(measured.classes, measured.probabilities.T.tolist(), strict=True):
        columns[f"p_{name}"] = [f"{number:.9g}" for number in numbers]
    if measured.only_clean:
        columns["seen"] = measured.elsewhere.int().tolist()
    write_csv(run.predictions, tuple(columns), zip(*columns.values(), strict=True))


def write_summary(
    run: RunFolder,
    measured: Measured,
    summary: Summary,
    history: Sequence[Mapping[str, float | None]] | None = None,
) -> None:
    """Write report.html and, as the last file of a folder, summary.json."""
    write_report(run.report, measured, summary, history)
    write_json(run.summary, summary.numbers)
    log.info("report: %s", run.report)
