"""A whole run: train, measure the best epoch, fill the run folder."""

import atexit
import logging
import time
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig, OmegaConf
from tqdm.contrib.logging import logging_redirect_tqdm

from fer.common.errors import InputError
from fer.common.files import file_digest, replacing, write_json
from fer.common.run_folder import RunFolder
from fer.common.versions import processor, revision, versions
from fer.data.module import FaceData
from fer.data.sources import build_data
from fer.data.splits import leakage
from fer.data.splits.file import export
from fer.data.splits.split import settings
from fer.evaluation.measure import interruptible, measure
from fer.evaluation.protocol import record_of_run, refuse_leaking_test
from fer.models.cost import count_gflop, count_parameters
from fer.reports.run_report import mistakes
from fer.runs.outputs import (
    cut_short,
    limited,
    shown_part,
    summarise,
    write_run,
    write_tensorboard,
)
from fer.runs.resume import changed_words
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
from fer.training.history import COLUMNS, History
from fer.training.patches import leave_process_group
from fer.training.trace import Trace

log = logging.getLogger(__name__)


def train(cfg: DictConfig, folder: Path, *, command: list[str], overrides: list[str]) -> float:
    """Trains, measures the best epoch, fills `folder`; the best epoch's monitor on validation."""
    started = time.perf_counter()
    L.seed_everything(cfg.seed, verbose=False)
    data = build_data(cfg)
    faces, parts = data.relabelled, data.parts
    if len(parts.train) < data.batch_size:
        raise InputError(
            f"data.batch_size: {data.batch_size}, but only {len(parts.train)} training images; "
            "make it smaller"
        )
    leaks = leakage.leaks(faces, parts)
    if cfg.test:
        refuse_leaking_test(faces, parts)
    counts = {name: faces.counts(parts.part(name)) for name in ("train", "val", "test")}
    teachers = read_teachers(cfg)
    seen = record_of_run(cfg, data, teachers)
    module = build_module(cfg, data, counts=counts["train"], teachers=teachers, seen=seen)
    classifier = module.classifier
    classifier.preprocess.fit(data.statistics_sample())
    facts = {
        "git": revision(),  # of the code that runs, whatever is committed meanwhile
        "parameters": count_parameters(classifier.network),
        "gflop": count_gflop(classifier.network, in_channels=len(data.channels), size=data.size),
    }
    resolved = precision.resolve(cfg.trainer.precision, cfg.trainer.accelerator)
    chosen = apply_budget(cfg, module, data, folder)
    history = History(folder)
    best, last = build_checkpoints(cfg, folder)
    traced = [Trace(folder / "tensorboard")] if cfg.profiler is not None else []
    callbacks = [history, ConfusionImages(), best, last, *traced, *chosen_callbacks(cfg)]
    logger = TensorBoardLogger(folder, name="tensorboard", version="", default_hp_metric=False)
    trainer = build_trainer(cfg, logger=logger, callbacks=callbacks, default_root_dir=folder)
    history.changed = changed_words(module.recipe)
    if trainer.is_global_zero:
        if cfg.budget is not None:
            _keep_epochs(cfg, folder)
        write_json(folder / "split.json", export(faces, parts))
        log.info("%s", _opening(cfg, data, counts, facts, trainer))
        for sentence in (*chosen.lines, *resolved.reasons()):
            log.info("%s", sentence)
        for sentence in (*history.changed, *chosen.notes):
            log.info("note: %s", sentence)
    if cfg.compile:
        classifier.network.compile()
    with interruptible(), logging_redirect_tqdm():  # an epoch's line stands above the progress bar
        trainer.fit(module, datamodule=data, ckpt_path=cfg.ckpt_path)

    kept = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
    module.load_state_dict(kept["state_dict"])
    measured = {
        part: measure(trainer, classifier, data, part, seen=seen)
        for part in (["val", "train", "test"] if cfg.test else ["val", "train"])
    }
    monitored = float(best.best_model_score)
    if not trainer.is_global_zero:
        return monitored
    found = [*cut_short(measured, parts), *limited(cfg)]
    if not history.started:
        found.append(f"{cfg.ckpt_path} has had all its epochs, none was added (trainer.max_epochs)")
    for sentence in found:
        log.info("note: %s", sentence)
    facts |= {
        "images_per_second": history.images / history.step_seconds,
        "seconds": time.perf_counter() - started,
        "training_seconds": sum(row["seconds"] for row in history.rows),
        "epochs": len(history.rows),
        "best_epoch": kept["epoch"],
        "budget": cfg.budget,
        "precision": str(trainer.precision),
        "precision_measured": resolved.evidence(),
        "device": str(trainer.strategy.root_device),
        "processor": processor(),
        "processes": trainer.world_size,
        "threads": torch.get_num_threads(),
        "seed": cfg.seed,
        "teachers": [str(teacher.path) for teacher in teachers],
        "teachers_sha256": [file_digest(teacher.path) for teacher in teachers],
        "notes": [*faces.notes, *history.changed, *chosen.notes, *found],
        "changed": bool(history.changed),
        "monitor": cfg.monitor,
        "monitored": monitored,
        "split": parts.kind,
        "split_seed": parts.seed,
        **settings(parts),
        **leaks,
        **leakage.own_test(faces, parts),
        "source": faces.source,
        "fingerprint": faces.fingerprint,
        "versions": versions(),
    }
    summary = summarise(measured) | facts
    summary["val/loss"] = kept["callbacks"]["History"]["rows"][-1]["val/loss"]
    part = shown_part(measured)
    wrong = mistakes(measured[part], data.faces)
    write_run(
        folder,
        cfg,
        data,
        part=part,
        shown=measured[part],
        wrong=wrong,
        counts=counts,
        history=history,
        summary=summary,
        command=command,
        overrides=overrides,
    )
    curves = {*COLUMNS, *(f"val/{name}" for name in measured["val"].numbers())}
    write_tensorboard(logger, module, cfg, summary, part, wrong, data, curves)
    write_json(folder / "summary.json", summary)  # last: by it a run is known to have ended
    return monitored


def _keep_epochs(cfg: DictConfig, folder: Path) -> None:
    """Write the config that Hydra has written again, with the epochs that a budget chose."""
    with replacing(RunFolder(folder).config) as temporary:
        OmegaConf.save(cfg, temporary)


atexit.register(leave_process_group)


def _opening(cfg, data: FaceData, counts, facts, trainer: L.Trainer) -> str:
    sizes = ", ".join(f"{sum(numbers):,} {name}" for name, numbers in counts.items())
    notes = "".join(f"note: {note}\n" for note in data.faces.notes)
    return (
        f"{data.faces.source}: {sizes} faces, split {data.parts.kind}\n"
        f"{leakage.describe(data.faces, data.parts)}\n{notes}"
        f"{cfg.model._target_.rsplit('.', 1)[1]}: {facts['parameters']:,} parameters, "
        f"{facts['gflop']:.3f} GFLOP an image; {trainer.precision} on "
        f"{trainer.strategy.root_device}, {trainer.world_size} process(es)"
    )
