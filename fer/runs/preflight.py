"""Checks of a run before it starts."""

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config import schema
from fer.config.paths import conf_folder
from fer.data.sources import build_data
from fer.runs.resume import check_checkpoint
from fer.training.budget import check_budget
from fer.training.build import (
    build_module,
    build_trainer,
    read_teachers,
)
from fer.training.module import FaceModule


def check(cfg: DictConfig) -> None:
    """Build everything that needs no faces on the meta device. Raises InputError before a run starts."""
    schema.check_settings(cfg)
    schema.check_nodes(cfg)
    _check_trainer(cfg.trainer)
    check_budget(cfg)
    _check_distillation(cfg)
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
    trainer = build_trainer(
        cfg, measuring=False, logger=False, callbacks=[], enable_checkpointing=False
    )
    data.check_shared(trainer.world_size)
    if (share := data.batch_size // trainer.world_size) < len(cfg.teacher):
        raise InputError(
            f"teacher: {len(cfg.teacher)} for the {share} images of a process's batch; expected one for each at most"
        )
    if cfg.ckpt_path is not None:
        check_checkpoint(Path(cfg.ckpt_path), module)


def _check_trainer(trainer: DictConfig) -> None:
    """Refuse a time limit as the only end: a schedule needs the number of steps."""
    unbounded = trainer.get("max_epochs") is None and trainer.get("max_steps") in (None, -1)
    if unbounded and trainer.get("max_time") is not None:
        raise InputError(
            "trainer.max_epochs: null, but a schedule needs their number; trainer.max_time may end them early"
        )


def _check_distillation(cfg: DictConfig) -> None:
    """Refuse options of distillation without a teacher."""
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
                "use model.head=mean and fewer blocks, or larger images"
            ) from None
