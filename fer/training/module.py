"""The LightningModule: how a network is trained and measured on batches of faces."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from fer.common.errors import InputError
from fer.data.batches import Batch
from fer.data.exposure import Seen
from fer.data.planes import Preprocess, unit
from fer.evaluation.metrics import Predictions, confusion_matrix, measure
from fer.evaluation.tta import VIEWS
from fer.training.augment import Augment
from fer.training.distillation import Teachers


class FaceModule(L.LightningModule):
    """A network with its preprocessing; training augments, every part shares one step.

    optimizer: makes an optimizer of a network; schedule: makes a scheduler of an optimizer and the
    number of steps; monitor: the number that the scheduler watches; recipe: the whole config as a
    plain dict, kept in checkpoints; size: of the faces, in pixels; seed: of dropout and augmentation.

    seen: the faces it is trained and selected on, kept in checkpoints; views: what its
    probabilities are the mean of where it is measured (fer.evaluation.tta); teachers: what a batch's targets
    are mixed with. resolutions: sides in pixels that training images are shrunk to, each for an equal
    share of the steps; None: never.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        preprocess: Preprocess,
        augment: Augment,
        loss: nn.Module,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        schedule: Callable[[torch.optim.Optimizer, int], Any],
        classes: Sequence[str],
        monitor: str,
        recipe: dict[str, Any],
        size: int,
        seed: int,
        channels_last: bool,
        resolutions: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.preprocess, self.augment, self.loss = network, preprocess, augment, loss
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.classes, self.monitor, self.recipe = tuple(classes), monitor, recipe
        self.size, self.seed = size, seed
        self.resolutions = tuple(resolutions) if resolutions else (size,)
        self.total_steps = 1
        self.seen: tuple[Seen, ...] = ()
        self.views = VIEWS["none"]
        self.teachers: Teachers | None = None
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network.to(memory_format=self.memory_format)
        # Without torchmetrics' own look for NaN, which waits for the device and leaves it out of the mean.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.train_acc = MulticlassAccuracy(len(classes), average="micro", validate_args=False)
        self.eval_loss = MeanMetric(nan_strategy="disable")
        self.predictions = Predictions()
        self.matrix: np.ndarray | None = None  # validation's, of the last epoch
        self.tested: tuple[Tensor, Tensor, Tensor] | None = None  # what Predictions gives of a test

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities [B, classes] of faces [B, 1, S, S], uint8 or float in [0, 1]; not in training."""
        return self._logits(images).float().softmax(1)

    def _logits(self, images: Tensor) -> Tensor:
        # Pixels and their places keep their precision: bf16 is the network's.
        with torch.autocast(self.device.type, enabled=False):
            planes = self.preprocess(images)
        return self.network(planes.contiguous(memory_format=self.memory_format))

    def _targets(self, batch: Batch) -> Tensor:
        """What a batch is trained towards, rows of probabilities: [B, classes]."""
        if "targets" in batch:
            return batch["targets"]
        return F.one_hot(batch["labels"], len(self.classes)).float()

    def on_fit_start(self) -> None:
        if self.teachers is not None:
            self.teachers.to(self.device)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        self._seed(batch_index)
        labels = batch["labels"]
        with torch.no_grad():
            images, targets = unit(batch["images"]), self._targets(batch)
            if self.teachers is None:
                images, targets = self.augment(images, targets)
            else:
                images, plain, targets = self.augment.beside_plain(images, targets)
                targets = self.teachers(plain, targets)
            images = self._shrunk(images)
        logits = self._logits(images)
        # One network's logits, or those of branches (fer.models.blocks.Branches): the mean of their losses.
        each = logits if logits.ndim == 3 else logits[:, None]
        loss = self.loss(each.flatten(0, 1), targets.repeat_interleave(each.shape[1], 0))
        self.train_loss.update(loss.detach())
        self.train_acc.update(each.detach().float().softmax(2).mean(1), labels)
        return loss

    def _shrunk(self, images: Tensor) -> Tensor:
        """`images` in the side of this share of the steps: [B, 1, side, side]."""
        share = self.global_step * len(self.resolutions) // max(1, self.total_steps)
        side = self.resolutions[min(share, len(self.resolutions) - 1)]
        if side == self.size:
            return images
        return F.interpolate(images, (side, side), mode="bilinear", antialias=True)

    def _seed(self, batch_index: int) -> None:
        """Lets what chance decides in a step follow from its place alone: a resumed run repeats it.

        This device's generators only: torch.manual_seed also turns to every other kind of device,
        and writes down the stack for each that is not there, half a millisecond a step.
        """
        place = (self.seed, self.current_epoch, batch_index, self.global_rank)
        seed = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)

    def train_numbers(self) -> dict[str, float]:
        """train/loss and train/acc since they were last asked for, over all processes.

        Raises InputError where the loss is no number any more. The History callback asks once an
        epoch: Lightning runs callbacks before the module's own hook.
        """
        loss = self.train_loss.compute()
        if not torch.isfinite(loss):
            raise InputError(
                f"train/loss is {loss.item()} after epoch {self.current_epoch}: training diverged; "
                "lower optim.lr or set trainer.gradient_clip_val"
            )
        numbers = {"train/loss": loss.item(), "train/acc": self.train_acc.compute().item()}
        self.train_loss.reset()
        self.train_acc.reset()
        return numbers

    def _evaluation_step(self, batch: Batch) -> None:
        images, labels = batch["images"], batch["labels"]
        logits = torch.stack([self._logits(view(images)) for view in self.views])
        loss = self.loss(logits[0], self._targets(batch))
        # Once a face, since the last batch is smaller; torchmetrics forgets a weight where it does not
        # look for NaN (its issue 3434).
        self.eval_loss.update(loss.expand(len(labels)))
        self.predictions.update(batch["rows"], labels, logits.float().softmax(2).mean(0))

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._evaluation_step(batch)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self._evaluation_step(batch)

    def _start_evaluation(self) -> None:
        self.eval_loss.reset()
        self.predictions.reset()

    on_validation_epoch_start = on_test_epoch_start = _start_evaluation

    def on_validation_epoch_end(self) -> None:
        _, labels, probabilities = self.predictions.compute()
        self.matrix = confusion_matrix(probabilities, labels).cpu().numpy()
        numbers = measure(probabilities, labels, self.classes)
        numbers["loss"] = self.eval_loss.compute()
        self._say({f"val/{name}": number for name, number in numbers.items()})

    def on_test_epoch_end(self) -> None:
        # Now, while all processes have them on their devices: afterwards Lightning takes the module
        # to the CPU, and NCCL gathers from GPUs alone.
        self.tested = self.predictions.compute()

    def _say(self, numbers: dict[str, Any]) -> None:
        """Numbers for the callbacks and the progress bar; the History callback logs them."""
        shown = ("val/loss", "val/acc")
        for name, number in numbers.items():
            self.log(name, torch.as_tensor(number), prog_bar=name in shown, logger=False)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.make_optimizer(self.network)
        self.total_steps = self._count_steps()
        schedule = self.make_schedule(optimizer, self.total_steps)
        # One that watches validation moves after an epoch's last step: Lightning takes an epoch's own interval
        # to be over once checkpoints are written, and a resumed run would lack that move.
        watching = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
        steps = int(self.trainer.num_training_batches) if watching else 1
        when = {"interval": "step", "frequency": steps, "monitor": self.monitor}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, **when}}

    def _count_steps(self) -> int:
        """The optimizer's steps of the whole run; raises InputError where they end inside an epoch."""
        steps = int(self.trainer.estimated_stepping_batches)
        epoch = math.ceil(self.trainer.num_training_batches / self.trainer.accumulate_grad_batches)
        if steps % epoch:
            raise InputError(
                f"trainer.max_steps: {steps} end inside an epoch of {epoch} steps, which would not be "
                f"validated; expected a multiple of {epoch}, or trainer.max_epochs"
            )
        return steps

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Lightning's own, but for fused optimizers too: it refuses them under every mixed precision,
        since they divide by the loss's scale themselves, and only fp16 has one."""
        if self.trainer.precision != "bf16-mixed" or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(self.network.parameters(), gradient_clip_val)
        else:
            nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["fer"] = {
            "recipe": self.recipe,
            "classes": list(self.classes),
            "channels": list(self.preprocess.channels),
            "size": self.size,
            "seen": [vars(each) for each in self.seen],
        }
