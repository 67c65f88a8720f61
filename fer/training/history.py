"""The numbers of each epoch: metrics.csv, TensorBoard, the log."""

import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from fer.common.files import write_csv
from fer.common.run_folder import RunFolder

log = logging.getLogger(__name__)

COLUMNS = (
    "epoch",
    "train/loss",
    "train/acc",
    "val/loss",
    "val/acc",
    "val/mean_acc",
    "lr",
    "seconds",
)


class History(L.Callback):
    """Write a row for each epoch to metrics.csv, TensorBoard and the log.

    Checkpoints keep the state of this callback, so that a resumed run has the rows before it.

    rows: COLUMNS of each epoch. `seconds` is the whole epoch, validation included.
    step_seconds, images: time in training without validation, and the number of images trained on.
    started: whether an epoch began. None does in a run that resumes at its last epoch.
    changed: a sentence for each time that the run resumed with other overrides.
    """

    def __init__(self, folder: Path) -> None:
        run = RunFolder(folder)
        self.path, self.summary = run.metrics, run.summary
        self.changed: list[str] = []
        self.rows: list[dict[str, float]] = []
        self.step_seconds = 0.0
        self.images = 0
        self._started = 0.0

    @property
    def started(self) -> bool:
        return self._started > 0

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        # A run that resumes in a new folder has the epochs before it there too, even if none follows.
        if self.rows and trainer.is_global_zero and not self.path.exists():
            self._keep()
            for logger in trainer.loggers:
                for row in self.rows:
                    logger.log_metrics(row, step=int(row["epoch"]))

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        # A run that resumes in its own folder is not finished any more.
        self.summary.unlink(missing_ok=True)
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        self.images += len(batch["labels"]) * trainer.world_size

    def on_validation_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if module.device.type != "cpu":  # the device may still be computing
            torch.accelerator.synchronize(module.device)
        self.step_seconds += time.perf_counter() - self._started

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        numbers = {name: float(value) for name, value in trainer.callback_metrics.items()}
        trained = module.train_numbers()
        module.log_dict(trained, prog_bar=True, logger=False)
        numbers |= trained
        row = {
            "epoch": trainer.current_epoch,
            **{name: numbers.get(name, float("nan")) for name in COLUMNS[1:-2]},
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(time.perf_counter() - self._started, 3),
        }
        self.rows.append(row)
        if trainer.is_global_zero:
            self._write(trainer, {name: numbers[name] for name in numbers if "/" in name} | row)

    def _keep(self) -> None:
        write_csv(self.path, COLUMNS, ([row[name] for name in COLUMNS] for row in self.rows))

    def _write(self, trainer: L.Trainer, numbers: dict[str, float]) -> None:
        self._keep()
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=trainer.current_epoch)
        percent = {name: 100 * numbers[name] for name in ("train/acc", "val/acc", "val/mean_acc")}
        log.info(
            "epoch %(number)d/%(epochs)s  train loss %(train/loss).4f acc %(train/acc).2f %%"
            "  val loss %(val/loss).4f acc %(val/acc).2f %% mean recall %(val/mean_acc).2f %%  %(seconds).0f s",
            numbers | percent | {"number": numbers["epoch"] + 1, "epochs": trainer.max_epochs},
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "training_seconds": self.step_seconds,
            "images": self.images,
            "changed": self.changed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = list(state["rows"])
        self.changed = [*state.get("changed", ()), *self.changed]
        self.step_seconds, self.images = state["training_seconds"], state["images"]
