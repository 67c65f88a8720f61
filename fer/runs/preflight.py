"""Checks of a run before it starts."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.config import schema
from fer.data.sources import build_data
from fer.runs.resume import check_checkpoint
from fer.training.budget import check_budget
from fer.training.build import build_module, build_trainer, read_teachers
from fer.training.module import FaceModule


def check(cfg: DictConfig) -> None:
    """Build everything that needs no faces on the meta device. Raises InputError before a run starts."""
    schema.check_config(cfg)
    check_budget(cfg)
    data = build_data(cfg)
    with torch.device("meta"):
        counts, teachers = [1] * len(data.classes), read_teachers(cfg, device="meta")
        module = build_module(cfg, data, counts=counts, teachers=teachers)
        _check_resolutions(module, channels=len(data.channels))
        module.make_schedule(module.make_optimizer(module.classifier.network), 10)
    trainer = build_trainer(
        cfg, measuring=False, logger=False, callbacks=[], enable_checkpointing=False
    )
    data.check_shared(trainer.world_size, teachers=len(teachers))
    if cfg.ckpt_path is not None:
        check_checkpoint(Path(cfg.ckpt_path), module)


def _check_resolutions(module: FaceModule, *, channels: int) -> None:
    for side in module.resolutions:
        try:
            module.classifier.network(torch.zeros(2, channels, side, side))
        except RuntimeError as fault:
            raise InputError(
                f"resolutions: the network cannot take {side} pixels ({str(fault).splitlines()[0]}); "
                "use model.head=mean and fewer blocks, or larger images"
            ) from None
