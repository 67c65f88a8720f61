"""Corrections of Lightning and torch, each with the upstream issue and how long it is needed.

Tried with lightning 2.6.6, torch 2.13.0 and torchmetrics 1.9.0. Corrections outside this file:

`FaceModule.configure_gradient_clipping`: Lightning refuses to clip gradients of fused optimizers in
    bf16-mixed (pytorch-lightning#21435), until a release has pytorch-lightning#21436.
`FaceModule.configure_optimizers`: Lightning moves a plateau schedule after an epoch's checkpoints are
    written, and not again on resuming (pytorch-lightning#14702), so that a resumed run lacks the move.
`FaceModule.eval_loss`: MeanMetric ignores weights where it does not look for NaN, until torchmetrics
    has a fix of torchmetrics#3434.
`fer.training.checkpointing.Best`: Lightning forgets the best checkpoint of a run that resumes in another
    folder (pytorch-lightning#12045).
`fer.models.blocks.Conv2d`: torch computes a single small image by im2col (pytorch#40610), until ONNX
    Runtime serves single faces.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import TQDMProgressBar, WeightAveraging
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from torch import Tensor

from fer.common.files import replacing

REDRAW = 0.1  # seconds between two states of the progress bar; the eye follows no faster


def quiet_lightning() -> None:
    """Hide Lightning's hints to those who write Trainers, and its warning of torch's own renaming.

    Batches are slices of an array, so that worker processes would add nothing. trainer=cpu next to a GPU
    is meant. LeafSpec: pytorch-lightning#21326, until a release no longer uses it.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for hint in (".*LeafSpec", ".*logging interval", ".*many workers", ".*available but not used"):
        warnings.filterwarnings("ignore", message=hint, module="lightning")


def leave_process_group() -> None:
    """End the communication of processes that trained together; to be called before Python ends.

    A thread of gloo that releases a tensor while Python ends aborts its process (pytorch#190489).
    Lightning then kills the others, even if they are still writing. It ends NCCL's groups itself,
    but not gloo's.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def cluster() -> list[SLURMEnvironment]:
    """The environment of a Slurm job, without Lightning's requeueing. Empty elsewhere.

    Before it requeues a job, Lightning writes a checkpoint of its own in the middle of an epoch. We know
    of no upstream issue.
    """
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def without_foreign_checkpoints(trainer: L.Trainer) -> L.Trainer:
    """A Trainer that loads what `ckpt_path` names, and nothing else.

    In a Slurm job, `fit` and `test` load any hpc_ckpt_*.ckpt in the run folder, whoever wrote it. We
    know of no upstream issue.
    """
    trainer._checkpoint_connector = _NamedCheckpoints(trainer)
    return trainer


class _NamedCheckpoints(_CheckpointConnector):
    _hpc_resume_path = None


class WholeFiles(TorchCheckpointIO):
    """Write Lightning's checkpoints whole or not at all (pytorch-lightning#19970).

    Lightning writes to the folder of temporary files and moves the file from there. From another disk
    that is a copy, which may end half-way.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options=None) -> None:
        with replacing(Path(path)) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)


class DeviceAveraging(WeightAveraging):
    """Average all weights and statistics on the device of the network.

    move: takes averaged tensors, present tensors and the number of steps, and moves the former.

    Lightning makes the average before it moves the network to its device, and leaves it there: each step
    on a GPU copies all weights to the CPU. It also waits for the device several times a step, to learn the
    number of steps. We know of no upstream issue.
    """

    state_key = "WeightAveraging"  # Lightning's own, so that its checkpoints resume

    def __init__(self, move: Callable[[list[Tensor], list[Tensor], int], None]) -> None:
        super().__init__()
        self._move = move

    def setup(self, trainer: L.Trainer, module: L.LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device
        super().setup(trainer, module, stage)

    @torch.no_grad()
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        if trainer.global_step <= self._latest_update_step:
            return  # gradients are still accumulated
        mean = self._average_model.module
        pairs = [*zip(mean.parameters(), module.parameters(), strict=True)]
        pairs += zip(mean.buffers(), module.buffers(), strict=True)
        moving = self._latest_update_step > 0
        floats = [pair for pair in pairs if moving and pair[0].is_floating_point()]
        if floats:
            self._move(*map(list, zip(*floats, strict=True)), self._latest_update_step)
        for averaged, present in pairs:
            if not (moving and averaged.is_floating_point()):
                averaged.copy_(present)
        self._average_model.n_averaged += 1
        self._latest_update_step = trainer.global_step


class ProgressBar(TQDMProgressBar):
    """Show the loss of the last step, drawn every REDRAW seconds at most.

    Lightning reads the loss after every step, and a GPU is idle until it is read. We know of no
    upstream issue.
    """

    def __init__(self) -> None:
        super().__init__()
        self._drawn, self._step = -math.inf, {}

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        now, self._step = time.monotonic(), outputs
        if now >= self._drawn + REDRAW or batch_index + 1 == self.total_train_batches:
            self._drawn = now
            super().on_train_batch_end(trainer, module, outputs, batch, batch_index)

    def get_metrics(self, trainer: L.Trainer, module: L.LightningModule) -> dict[str, Any]:
        last = {"loss": self._step["loss"].item()} if "loss" in self._step else {}
        return super().get_metrics(trainer, module) | last
