"""The LightningModule: how a Classifier is trained and validated on batches of faces."""

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
from fer.data.planes import unit
from fer.evaluation.metrics import Predictions, confusion_matrix, scores
from fer.models.classifier import Classifier
from fer.training.augment import Augment
from fer.training.distillation import Teachers

# A checkpoint holds the state of the Classifier under its own names, `network.*` and `preprocess.*`.
OWN = "classifier."


class FaceModule(L.LightningModule):
    """Trains a Classifier on augmented faces and validates it.

    optimizer: makes an optimizer for a network.
    schedule: makes a scheduler for an optimizer and a number of steps.
    recipe: the whole config as a plain dict. `seed`, `monitor` and `resolutions` are read from it.
    teachers: networks whose probabilities are mixed into the targets.
    seen: the faces that the network is trained and validated on.

    `recipe` and `seen` are kept in checkpoints. Raises InputError for a resolution above the faces' size.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        augment: Augment,
        loss: nn.Module,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        schedule: Callable[[torch.optim.Optimizer, int], Any],
        recipe: dict[str, Any],
        teachers: Teachers | None = None,
        seen: Sequence[Seen] = (),
    ) -> None:
        super().__init__()
        self.classifier, self.augment, self.loss = classifier, augment, loss
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.recipe, self.teachers, self.seen = recipe, teachers, tuple(seen)
        self.seed, self.monitor = recipe["seed"], recipe["monitor"]
        self.resolutions = tuple(recipe["resolutions"] or (classifier.size,))
        for side in self.resolutions:
            if not 1 <= side <= classifier.size:
                raise InputError(
                    f"resolutions: {side}, expected 1 to the faces' {classifier.size} pixels"
                )
        self.total_steps = 1
        # Without torchmetrics' own check for NaN: it waits for the device and leaves NaN out of the mean.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.train_acc = MulticlassAccuracy(
            len(classifier.classes), average="micro", validate_args=False
        )
        self.eval_loss = MeanMetric(nan_strategy="disable")
        self.predictions = Predictions()
        self.matrix: np.ndarray | None = None  # validation's, of the last epoch
        self.register_state_dict_post_hook(_to_own_names)
        self.register_load_state_dict_pre_hook(_from_own_names)

    def _targets(self, batch: Batch) -> Tensor:
        """Target probabilities of a batch: [B, classes]."""
        if "targets" in batch:
            return batch["targets"]
        return F.one_hot(batch["labels"], len(self.classifier.classes)).float()

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
                images, plain, targets = self.augment.with_plain(images, targets)
                targets = self.teachers(plain, targets)
            images = self._shrunk(images)
        logits = self.classifier.logits(images)
        # With branches (fer.models.blocks.Branches): the mean of their losses.
        each = logits if logits.ndim == 3 else logits[:, None]
        loss = self.loss(each.flatten(0, 1), targets.repeat_interleave(each.shape[1], 0))
        self.train_loss.update(loss.detach())
        self.train_acc.update(each.detach().float().softmax(2).mean(1), labels)
        return loss

    def _shrunk(self, images: Tensor) -> Tensor:
        """Images at the resolution of this step: [B, 1, side, side]. Each has as many steps."""
        place = self.global_step * len(self.resolutions) // max(1, self.total_steps)
        side = self.resolutions[min(place, len(self.resolutions) - 1)]
        if side == self.classifier.size:
            return images
        return F.interpolate(images, (side, side), mode="bilinear", antialias=True)

    def _seed(self, batch_index: int) -> None:
        """Seed the generators by the step's place alone, so that a resumed run repeats the step.

        This seeds the generators of the CPU and of this device only. torch.manual_seed records a stack
        for each kind of device that is absent, half a millisecond a step.
        """
        place = (self.seed, self.current_epoch, batch_index, self.global_rank)
        seed = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)

    def train_numbers(self) -> dict[str, float]:
        """train/loss and train/acc since the last call, over all processes.

        The History callback calls it once an epoch, since Lightning runs callbacks before the
        module's own hook. Raises InputError where the loss is infinite or NaN.
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

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        labels, logits = batch["labels"], self.classifier.logits(batch["images"])
        loss = self.loss(logits, self._targets(batch))
        # Once a face, since the last batch is smaller. torchmetrics ignores a weight where it does not
        # look for NaN (its issue 3434).
        self.eval_loss.update(loss.expand(len(labels)))
        self.predictions.update(batch["rows"], labels, logits.float().softmax(1))

    def on_validation_epoch_start(self) -> None:
        self.eval_loss.reset()
        self.predictions.reset()

    def on_validation_epoch_end(self) -> None:
        _, labels, probabilities = self.predictions.compute()
        self.matrix = confusion_matrix(probabilities, labels).cpu().numpy()
        numbers = scores(probabilities, labels, self.classifier.classes)
        numbers["loss"] = self.eval_loss.compute()
        self._publish({f"val/{name}": number for name, number in numbers.items()})

    def _publish(self, numbers: dict[str, Any]) -> None:
        """Give numbers to the callbacks and the progress bar. The History callback logs them."""
        shown = ("val/loss", "val/acc")
        for name, number in numbers.items():
            self.log(name, torch.as_tensor(number), prog_bar=name in shown, logger=False)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = self.make_optimizer(self.classifier.network)
        self.total_steps = self._count_steps()
        schedule = self.make_schedule(optimizer, self.total_steps)
        # A schedule that watches validation moves after an epoch's last step. With Lightning's interval
        # `epoch` it would move after checkpoints are written, and a resumed run would lack that move.
        watching = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
        steps = int(self.trainer.num_training_batches) if watching else 1
        when = {"interval": "step", "frequency": steps, "monitor": self.monitor}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, **when}}

    def _count_steps(self) -> int:
        """The optimizer's steps of the whole run. Raises InputError where they end inside an epoch."""
        steps = int(self.trainer.estimated_stepping_batches)
        epoch = math.ceil(self.trainer.num_training_batches / self.trainer.accumulate_grad_batches)
        if steps % epoch:
            raise InputError(
                f"trainer.max_steps: {steps} end inside an epoch of {epoch} steps, which would not be "
                f"validated. Use a multiple of {epoch}, or trainer.max_epochs"
            )
        return steps

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as Lightning does, with fused optimizers too.

        Lightning refuses them under every mixed precision, because they divide by the loss's scale
        themselves. Only fp16 has such a scale.
        """
        if self.trainer.precision != "bf16-mixed" or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(self.classifier.network.parameters(), gradient_clip_val)
        else:
            nn.utils.clip_grad_norm_(self.classifier.network.parameters(), gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["fer"] = {
            "recipe": self.recipe,
            "classes": list(self.classifier.classes),
            "channels": list(self.classifier.channels),
            "size": self.classifier.size,
            "seen": [vars(each) for each in self.seen],
        }


def _to_own_names(module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    _rename(state, prefix + OWN, prefix)


def _from_own_names(module: nn.Module, state: dict[str, Tensor], prefix: str, *others: Any) -> None:
    _rename(state, prefix, prefix + OWN)


def _rename(state: dict[str, Tensor], old: str, new: str) -> None:
    """Replace the prefix `old` of a state's keys, in place."""
    for key in [key for key in state if key.startswith(old)]:
        state[new + key.removeprefix(old)] = state.pop(key)
