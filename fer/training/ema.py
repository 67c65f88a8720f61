"""The exponential moving average of the weights."""

from collections.abc import Callable

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


def average(decay: float) -> Callable[[list[Tensor], list[Tensor], int], None]:
    """What moves averaged weights towards the present ones at step n.

    The decay is min(`decay`, (1 + n) / (10 + n)), as TensorFlow's ExponentialMovingAverage has it: a
    short run's average is not one of the random weights it began with.
    """

    def move(averaged: list[Tensor], present: list[Tensor], n: int) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, present, n)

    return move


class Average(WeightAveraging):
    """The exponential moving average of all weights and statistics, kept where the network is.

    Lightning makes it before the network is moved to its device and leaves it there, so that each step of
    a GPU would bring all weights to the CPU. decay: the most, see fer.training.ema.average.
    """

    state_key = "WeightAveraging"  # of Lightning's own, whose checkpoints go on as well

    def __init__(self, decay: float) -> None:
        super().__init__()
        self._move = average(decay)

    def setup(self, trainer: L.Trainer, module: L.LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device
        super().setup(trainer, module, stage)

    @torch.no_grad()
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        """Lightning's own, without its four questions a step to the device of how many there were."""
        if trainer.global_step <= self._latest_update_step:
            return  # gradients are still gathered
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
