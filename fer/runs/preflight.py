"""Everything that can be wrong about a run, found before it starts."""

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config import schema
from fer.config.paths import conf_folder
from fer.config.schema import SETTINGS
from fer.data.sources import build_data
from fer.runs.resume import check_checkpoint
from fer.training.build import (
    build_module,
    build_trainer,
    read_teachers,
)
from fer.training.module import FaceModule


def check(cfg: DictConfig) -> None:
    """Builds everything that needs no faces, without memory; raises InputError before a run starts."""
    schema.check_settings(cfg, SETTINGS)
    if not 0 <= cfg.seed < 2**32:
        raise InputError(f"seed: {cfg.seed}, expected 0 to {2**32 - 1}")
    if cfg.ema is not None and not 0 < cfg.ema < 1:
        raise InputError(f"ema: {cfg.ema}, expected a decay between 0 and 1, or null")
    if cfg.patience is not None and cfg.patience < 1:
        raise InputError(f"patience: {cfg.patience}, expected 1 epoch or more, or null")
    _check_trainer(cfg.trainer)
    _check_taught(cfg)
    if cfg.ckpt_path is not None and not Path(cfg.ckpt_path).is_file():
        raise InputError(f"ckpt_path: no file {cfg.ckpt_path}")
    data = build_data(cfg)
    with torch.device("meta"):
        counts, teachers = [1] * len(data.classes), read_teachers(cfg, device="meta")
        module = build_module(cfg, data, counts=counts, teachers=teachers)
        _check_resolutions(module, channels=len(data.channels))
        try:
            module.make_schedule(module.make_optimizer(module.classifier.network), 10)
        except ValueError as fault:
            raise InputError(f"optim or schedule: {fault}") from fault
    trainer = build_trainer(cfg, logger=False, callbacks=[], enable_checkpointing=False)
    data.check_shared(trainer.world_size)
    if (share := data.batch_size // trainer.world_size) < len(cfg.teacher):
        raise InputError(
            f"teacher: {len(cfg.teacher)} for the {share} images of a process's batch; expected one for each at most"
        )
    if cfg.ckpt_path is not None:
        check_checkpoint(Path(cfg.ckpt_path), module)


def _check_trainer(trainer: DictConfig) -> None:
    """Refuses numbers that Lightning takes and a run cannot.

    Every epoch is validated once: best.ckpt and the rows of metrics.csv follow from it.
    """
    usual = {"check_val_every_n_epoch": 1, "val_check_interval": 1.0, "fast_dev_run": False}
    for key, value in usual.items():
        given = trainer.get(key)
        # An interval of 1 and one of 1.0 are a batch and an epoch.
        if given is not None and (type(given), given) != (type(value), value):
            raise InputError(f"trainer.{key}: {given}; each epoch is validated, at its end")
    if trainer.get("overfit_batches"):  # Lightning would deal single faces instead of our batches
        raise InputError(
            f"trainer.overfit_batches: {trainer.overfit_batches}; +trainer.limit_train_batches takes a part "
            "of an epoch"
        )
    limits = [f"limit_{part}_batches" for part in ("train", "val", "test")]
    for key in ("max_epochs", "max_steps", *limits):
        if trainer.get(key) == 0:
            raise InputError(f"trainer.{key}: 0, and nothing would be trained or measured")
    if (trainer.get("max_epochs") or 1) < 0:
        raise InputError(f"trainer.max_epochs: {trainer.max_epochs}, expected 1 or more")
    clip = trainer.get("gradient_clip_val") or 0
    if type(clip) not in (int, float) or clip < 0:
        raise InputError(f"trainer.gradient_clip_val: {clip!r}, expected 0 or more")
    gathered = trainer.get("accumulate_grad_batches", 1)
    if type(gathered) is not int or gathered < 1:
        raise InputError(f"trainer.accumulate_grad_batches: {gathered!r}, expected 1 or more")
    unbounded = trainer.get("max_epochs") is None and trainer.get("max_steps") in (None, -1)
    if unbounded and trainer.get("max_time") is not None:
        raise InputError(
            "trainer.max_epochs: null, and by trainer.max_time alone no schedule knows where it is; name epochs, "
            "which the time may cut short"
        )


def _check_taught(cfg: DictConfig) -> None:
    """Teachers' numbers say something only where there are teachers."""
    usual = OmegaConf.load(conf_folder() / "train.yaml")
    for key in ("teacher_weight", "teacher_temperature"):
        if not cfg.teacher and cfg[key] != usual[key]:
            raise InputError(
                f"{key}: {cfg[key]}, but no teacher; name finished runs, teacher=[RUN,RUN]"
            )


def _check_resolutions(module: FaceModule, *, channels: int) -> None:
    for side in module.resolutions:
        if not 1 <= side <= module.classifier.size:
            raise InputError(
                f"resolutions: {side}, expected 1 to the faces' {module.classifier.size} pixels"
            )
        try:
            module.classifier.network(torch.zeros(2, channels, side, side))
        except RuntimeError as fault:
            raise InputError(
                f"resolutions: the network cannot take {side} pixels ({str(fault).splitlines()[0]}); "
                "wants model.head=mean and fewer blocks, or larger images"
            ) from None
