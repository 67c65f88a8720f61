"""The files of a run folder and of an evaluation."""

import copy
import logging
import shlex
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from fer.common.files import write_csv
from fer.data.splits.split import Split
from fer.evaluation import metrics
from fer.evaluation.results import Measured
from fer.reports import figures
from fer.reports.run_report import format_table, write_report


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


log = logging.getLogger(__name__)


def summarise(measured: dict[str, Measured]) -> dict[str, Any]:
    """The numbers of summary.json that predictions give; without a test validation's have all of its names."""
    part = shown_part(measured)
    summary = measured[part].summary(part)
    summary |= {f"val/{name}": number for name, number in measured["val"].numbers().items()}
    summary["train/acc"] = measured["train"].numbers()["acc"]
    if "test" in measured:
        summary["gap"] = summary["train/acc"] - summary["test/acc"]
    return summary


def shown_part(measured: dict[str, Measured]) -> str:
    """The part that a run's table, report and pictures are of."""
    return "test" if "test" in measured else "val"


def cut_short(measured: dict[str, Measured], parts: Split) -> list[str]:
    """A sentence for each part of which not every row was measured, as trainer=debug has it."""
    return [
        f"only {len(measured[part].rows)} of {len(parts.part(part))} {part} rows are measured "
        "(trainer.limit_test_batches)"
        for part in ("val", "test")
        if part in measured and len(measured[part].rows) < len(parts.part(part))
    ]


def limited(cfg: DictConfig) -> list[str]:
    """A sentence for each part that epochs were trained or chosen on by some batches alone."""
    limits = {part: cfg.trainer.get(f"limit_{part}_batches") for part in ("train", "val")}
    return [
        f"each epoch had {limit} of {part}'s batches (trainer.limit_{part}_batches)"
        for part, limit in limits.items()
        if limit is not None and (type(limit), limit) != (float, 1.0)  # 1 is a batch
    ]


def write_run(
    folder, cfg, data, *, part, shown, wrong, counts, history, summary, command, overrides
) -> None:
    """Every file of the run folder that is written once, at the end; shown: what was measured of `part`."""
    tables = shown.tables()
    figures.save(figures.curves(history.rows), folder / "curves.png")
    say(part, shown)
    if part == "test":
        write_measured(folder, shown)
        log.info(
            "train %.2f %% - test %.2f %% = gap %.2f points",
            100 * summary["train/acc"],
            100 * summary["test/acc"],
            100 * summary["gap"],
        )
    write_report(
        folder / "report.html",
        title=f"{cfg.model._target_.rsplit('.', 1)[1]} on {Path(data.faces.source).name}",
        config=OmegaConf.to_yaml(cfg, resolve=True),
        overrides=overrides,
        command=shlex.join(command),
        classes=data.classes,
        counts=counts,
        table=tables["all"],
        clean_table=tables["clean"],
        history=history.rows,
        summary=summary,
        part=part,
        confusion_matrix=shown.matrix().numpy(),
        calibration=shown.calibration(),
        mistakes=wrong,
    )
    log.info("report: %s", folder / "report.html")


def write_tensorboard(logger, module, cfg, summary, part, wrong, data, curves) -> None:
    """The final numbers, but for those whose names History has drawn over the epochs (`curves`), the sheet
    of mistakes, the graph, and HParams, which rank by validation."""
    board = logger.experiment
    numbers = {key: value for key, value in summary.items() if isinstance(value, (int, float))}
    for key, value in numbers.items():
        if key not in curves:
            board.add_scalar(key, value, 0)
    sheet, captions = wrong
    if len(captions):
        figure = figures.faces(sheet, captions, title="Most confident mistakes")
        board.add_image(f"{part}/mistakes", figures.pixels(figure), 0, dataformats="HWC")
    network = (
        copy.deepcopy(module.classifier.network).cpu().eval()
    )  # of a compiled one the plain copy
    board.add_graph(network, torch.zeros(1, len(data.channels), data.size, data.size))
    shown = ("model", "data", "augment", "optim", "schedule", "loss")
    recipe = {name: module.recipe[name] for name in (*shown, "seed", "ema")}
    wanted = ("val/acc", "val/mean_acc", "val/macro_f1", "test/acc", "test/clean_acc", "gap")
    ranked = {f"hp/{key}": numbers[key] for key in wanted if key in numbers}
    logger.log_hyperparams(recipe, ranked, step=0)
    logger.save()
    board.close()
