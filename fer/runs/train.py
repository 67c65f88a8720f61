"""A whole run: build, fit, measure the best epoch, write the run folder."""

import atexit
import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig, OmegaConf
from tqdm.contrib.logging import logging_redirect_tqdm

from fer.common.files import file_digest, replacing, write_json
from fer.common.run_folder import RunFolder
from fer.common.versions import processor, revision, versions
from fer.data.module import FaceData
from fer.data.sources import build_data
from fer.data.splits import leakage
from fer.data.splits.file import export
from fer.evaluation import measure
from fer.evaluation.protocol import record_of_run, refuse_leaking_test
from fer.evaluation.results import Measured, Summary
from fer.models.checkpoint import Checkpoint
from fer.models.cost import count_gflop, count_parameters
from fer.reports import figures
from fer.reports.run_report import tables_text
from fer.runs import summary
from fer.runs.outputs import write_measured, write_summary
from fer.runs.resume import changed_options
from fer.runs.tensorboard import write_tensorboard
from fer.training import precision
from fer.training.budget import apply_budget
from fer.training.build import (
    build_checkpoints,
    build_module,
    build_trainer,
    chosen_callbacks,
    read_teachers,
)
from fer.training.confusion import ConfusionImages
from fer.training.history import History
from fer.training.module import FaceModule
from fer.training.patches import leave_process_group
from fer.training.trace import Trace

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Built:
    """All that a run trains with.

    history: the rows of metrics.csv, filled epoch by epoch
    best: keeps the checkpoint of the best epoch
    facts: what summary.json says that is known before training
    choices: lines for the log that say how precision and epochs were chosen
    notes: of these choices, for summary.json
    """

    data: FaceData
    module: FaceModule
    trainer: L.Trainer
    history: History
    best: ModelCheckpoint
    facts: Mapping[str, Any]
    choices: Sequence[str]
    notes: Sequence[str]

    @property
    def tested(self) -> bool:
        """Whether the best epoch is measured on the test part: wanted, and there is one."""
        return self.recipe["test"] and len(self.data.parts.test) > 0

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved config, as checkpoints keep it."""
        return self.module.recipe


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was measured with the weights of the best epoch.

    parts: val, train (as many rows as test has), and test unless test=false
    epoch: from 0; loss: its val/loss; monitored: its number of `monitor`
    """

    parts: Mapping[str, Measured]
    epoch: int
    loss: float
    monitored: float


def train(
    cfg: DictConfig, folder: Path, *, command: Sequence[str], overrides: Sequence[str]
) -> float:
    """Train by a config, fill `folder`, return the best epoch's number of `monitor`.

    command, overrides: what was typed, and the Hydra overrides among it
    """
    started = time.perf_counter()
    run = RunFolder(folder)
    built = build(cfg, run)
    if built.trainer.is_global_zero:
        _open(run, built)
    with measure.interruptible(), logging_redirect_tqdm():  # a log line stands above the bar
        ckpt_path = built.recipe["ckpt_path"]
        built.trainer.fit(built.module, datamodule=built.data, ckpt_path=ckpt_path)
    outcome = measure_best(built)
    if built.trainer.is_global_zero:
        seconds = time.perf_counter() - started
        write(run, built, outcome, seconds=seconds, command=command, overrides=overrides)
    return outcome.monitored


def build(cfg: DictConfig, run: RunFolder) -> Built:
    """Read the faces, build network and trainer. Raises InputError for a config that cannot train."""
    L.seed_everything(cfg.seed, verbose=False)
    data = build_data(cfg)
    teachers = read_teachers(cfg)
    notes = _check_parts(data, test=cfg.test, teachers=len(teachers))
    seen, counts = record_of_run(cfg, data, teachers), summary.counts(data)["train"]
    module = build_module(cfg, data, counts=counts, teachers=teachers, seen=seen)
    module.classifier.preprocess.fit(data.statistics_sample())
    resolved = precision.resolve(cfg.trainer.precision, cfg.trainer.accelerator)
    facts = _facts(module, data, teachers) | {"precision_measured": resolved.evidence()}
    chosen = apply_budget(cfg, module, data, run.path)
    history = History(run.path)
    history.changed = changed_options(module.recipe)
    best, last = build_checkpoints(cfg, run.checkpoints)
    traced = [Trace(run.tensorboard)] if cfg.profiler is not None else []
    callbacks = [history, ConfusionImages(), best, last, *traced, *chosen_callbacks(cfg)]
    logger = TensorBoardLogger(
        run.path, name=run.tensorboard.name, version="", default_hp_metric=False
    )
    trainer = build_trainer(cfg, logger=logger, callbacks=callbacks, default_root_dir=run.path)
    if cfg.compile:
        module.classifier.network.compile()
    choices = [*chosen.lines, *resolved.reasons()]
    return Built(data, module, trainer, history, best, facts, choices, [*notes, *chosen.notes])


def _check_parts(data: FaceData, *, test: bool, teachers: int) -> list[str]:
    """Notes about parts that are small or missing. Raises InputError for parts that cannot train."""
    data.require("train", "val")
    notes = [*data.parts.notes]
    if test and len(data.parts.test):
        refuse_leaking_test(data.faces, data.parts)
    elif test:
        notes.append(
            "no part test, so none is measured; data.split=random makes one of 15 % of all images"
        )
    if (rows := len(data.parts.train)) < data.batch_size:
        notes.append(_with_smaller_batch(data, rows, least=max(2, teachers)))
    return notes


def _with_smaller_batch(data: FaceData, rows: int, *, least: int) -> str:
    """Set a batch size for few training images, and say so: four steps an epoch or a few more."""
    fourth = 2 ** ((rows // 4).bit_length() - 1) if rows >= 4 else 1
    wanted, data.batch_size = data.batch_size, min(rows, max(least, fourth))
    return f"data.batch_size: {data.batch_size} instead of {wanted}, for {rows} training images"


def _facts(module: FaceModule, data: FaceData, teachers: Sequence[Checkpoint]) -> dict[str, Any]:
    network, channels = module.classifier.network, len(data.channels)
    return {
        "git": revision(),  # now, because files may be edited during the run
        "parameters": count_parameters(network),
        "gflop": count_gflop(network, in_channels=channels, size=data.size),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "budget": module.recipe["budget"],
        "seed": module.recipe["seed"],
        "monitor": module.recipe["monitor"],
        "teachers": [str(teacher.path) for teacher in teachers],
        "teachers_sha256": [file_digest(teacher.path) for teacher in teachers],
        **summary.dataset(data),
        **leakage.leaks(data.faces, data.parts),
        "versions": versions(),
    }


def _open(run: RunFolder, built: Built) -> None:
    """Write split.json, and log what is trained on what."""
    data, facts, trainer = built.data, built.facts, built.trainer
    if built.recipe["budget"] is not None:
        _keep_epochs(run, built.recipe)
    write_json(run.split, export(data.relabelled, data.parts))
    counts = summary.counts(data)
    sizes = ", ".join(f"{sum(numbers):,} {name}" for name, numbers in counts.items())
    log.info("%s: %s images, split %s", data.faces.source, sizes, data.parts.kind)
    log.info("classes (%s): %s", "/".join(counts), _classes_text(data.classes, counts))
    log.info("%s", leakage.describe(data.faces, data.parts))
    log.info(
        "%s: %s parameters, %.3f GFLOP an image, %s on %s, %d process(es)",
        _network(built.recipe),
        f"{facts['parameters']:,}",
        facts["gflop"],
        trainer.precision,
        trainer.strategy.root_device,
        trainer.world_size,
    )
    for line in built.choices:
        log.info("%s", line)
    _log_notes([*data.faces.notes, *built.history.changed, *built.notes])


def _classes_text(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> str:
    """Each class with its images in each part: `angry 40/5/5, happy 52/6/7`."""
    rows = zip(classes, *counts.values(), strict=True)
    return ", ".join(f"{name} {'/'.join(f'{n:,}' for n in numbers)}" for name, *numbers in rows)


def _keep_epochs(run: RunFolder, recipe: Mapping[str, Any]) -> None:
    """Write Hydra's copy of the config again, with the epochs that a budget chose."""
    with replacing(run.config) as temporary:
        OmegaConf.save(OmegaConf.create(dict(recipe)), temporary)


def _network(recipe: Mapping[str, Any]) -> str:
    return recipe["model"]["_target_"].rpartition(".")[2]


def _log_notes(notes: Sequence[str]) -> None:
    for note in notes:
        log.info("note: %s", note)


def measure_best(built: Built) -> Outcome:
    """Measure the best epoch's weights on every part, over all processes."""
    kept = torch.load(built.best.best_model_path, map_location="cpu", weights_only=True)
    built.module.load_state_dict(kept["state_dict"])
    trainer, module, data = built.trainer, built.module, built.data
    names = ["val", "train", "test"] if built.tested else ["val", "train"]
    return Outcome(
        {
            name: measure.measure(trainer, module.classifier, data, name, seen=module.seen)
            for name in names
        },
        epoch=kept["epoch"],
        loss=kept["callbacks"]["History"]["rows"][-1]["val/loss"],
        monitored=float(built.best.best_model_score),
    )


def write(
    run: RunFolder,
    built: Built,
    outcome: Outcome,
    *,
    seconds: float,
    command: Sequence[str],
    overrides: Sequence[str],
) -> None:
    """Write every file that is written once, after training; log the tables."""
    notes = _notes(built, outcome)
    _log_notes(notes)
    shown, rows = summary.shown(outcome.parts), built.history.rows
    numbers = summary.numbers(outcome.parts) | _result_facts(built, outcome) | {"seconds": seconds}
    numbers["notes"] = [*built.data.faces.notes, *built.history.changed, *built.notes, *notes]
    figures.save(figures.curves(rows), run.curves)
    log.info("\n%s", tables_text(shown))
    if shown.part == "test":
        write_measured(run, shown)
        log.info("%s", _gap_text(numbers))
    write_tensorboard(built.trainer.logger, built.module, shown, numbers)
    found = Summary(
        numbers,
        title=f"{_network(built.recipe)} on {Path(built.data.faces.source).name}",
        command=shlex.join(command),
        overrides=overrides,
        config=OmegaConf.to_yaml(OmegaConf.create(built.recipe)),
        counts=summary.counts(built.data),
    )
    write_summary(run, shown, found, rows)


def _notes(built: Built, outcome: Outcome) -> list[str]:
    recipe = built.recipe
    notes = summary.partly_measured(outcome.parts, built.data.parts)
    notes += summary.few_rows(summary.shown(outcome.parts))
    notes += summary.limited_epochs(recipe["trainer"])
    if not built.history.started:
        path = recipe["ckpt_path"]
        notes.append(f"{path} has had all its epochs, none was added (trainer.max_epochs)")
    return notes


def _result_facts(built: Built, outcome: Outcome) -> dict[str, Any]:
    history, trainer = built.history, built.trainer
    return {
        **built.facts,
        "precision": str(trainer.precision),
        "device": str(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "val/loss": outcome.loss,
        "images_per_second": history.images / history.step_seconds,
        "training_seconds": sum(row["seconds"] for row in history.rows),
        "epochs": len(history.rows),
        "best_epoch": outcome.epoch,
        "monitored": outcome.monitored,
        "changed": bool(history.changed),
    }


def _gap_text(numbers: Mapping[str, float]) -> str:
    train, test, gap = (100 * numbers[name] for name in ("train/acc", "test/acc", "gap"))
    return f"accuracy: train {train:.2f} % - test {test:.2f} % = gap {gap:.2f} points"


atexit.register(leave_process_group)
