"""What listens to a training: the history of its epochs, and what shows its progress."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

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
REDRAW = 0.1  # seconds between two states of the progress bar; the eye follows no faster
PAUSE = 30.0  # seconds between two states of what takes longer than an epoch of a GPU may: last.ckpt, figures


class History(L.Callback):
    """A row an epoch in metrics.csv, in TensorBoard and in the log; checkpoints carry it on.

    rows: COLUMNS of each epoch, `seconds` being the epoch's own, validation included.
    step_seconds and images: time inside training alone, and the faces it saw; started: whether
    an epoch began, as none does in a run that goes on from its end. changed: a sentence for each time
    that the run went on by other words than its checkpoint had.
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

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        # Of a run that goes on in its own folder: it has not ended any more.
        self.summary.unlink(missing_ok=True)
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        self.images += len(batch["labels"]) * trainer.world_size

    def on_validation_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if module.device.type != "cpu":  # what was asked for is not done yet
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
        if not trainer.is_global_zero:
            return
        write_csv(self.path, COLUMNS, ([row[name] for name in COLUMNS] for row in self.rows))
        shown = {name: value for name, value in numbers.items() if "/" in name}
        for logger in trainer.loggers:
            logger.log_metrics({**shown, **row}, step=trainer.current_epoch)
        log.info(
            "epoch %d/%s  train loss %.4f acc %.2f %%  val loss %.4f acc %.2f %% mean %.2f %%  %.0f s",
            row["epoch"] + 1,
            trainer.max_epochs,
            row["train/loss"],
            100 * row["train/acc"],
            row["val/loss"],
            100 * row["val/acc"],
            100 * row["val/mean_acc"],
            row["seconds"],
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


class Pause:
    """Says when PAUSE seconds are over: at the first epoch and the last one, and at intervals."""

    def __init__(self) -> None:
        self._last = -math.inf

    def over(self, trainer: L.Trainer) -> bool:
        now, steps = time.monotonic(), trainer.global_step
        ends = trainer.current_epoch + 1 == trainer.max_epochs or steps == trainer.max_steps
        if now < self._last + PAUSE and not ends and not trainer.should_stop:
            return False
        self._last = now
        return True


class Progress(TQDMProgressBar):
    """Lightning's progress bar with the loss of the last step, drawn every REDRAW seconds at most.

    To read the loss is to wait for it: done after every step, a GPU has nothing to do meanwhile.
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


class Trace(L.Callback):
    """What each operation costs in some steps of training: a trace and a table by torch.profiler.

    Our own, since Lightning's PyTorchProfiler fails where a run tests more than once. The first steps
    are left out: they also pay for memory and kernels that later ones find ready.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        steps = torch.profiler.schedule(wait=5, warmup=1, active=5, repeat=1)
        self.profiler = torch.profiler.profile(schedule=steps, on_trace_ready=self._write)

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self._device = "device" if module.device.type == "cuda" else "cpu"
        self.profiler.start()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        self.profiler.step()

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.profiler.stop()

    def _write(self, profiler: torch.profiler.profile) -> None:
        torch.profiler.tensorboard_trace_handler(str(self.folder))(profiler)
        order = f"self_{self._device}_time_total"
        table = profiler.key_averages().table(sort_by=order, row_limit=30)
        (self.folder / "profile.txt").write_text(table)
        log.info("profile: %s", self.folder / "profile.txt")


class ConfusionImages(L.Callback):
    """Validation's confusion matrix as TensorBoard images, of each epoch or one every PAUSE seconds."""

    def __init__(self) -> None:
        self._pause = Pause()

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        from fer.reports import figures  # matplotlib: late, so that errors come early

        if trainer.is_global_zero and module.matrix is not None and self._pause.over(trainer):
            for logger in trainer.loggers:
                figure = figures.confusion(module.matrix, module.classifier.classes)
                logger.experiment.add_image(
                    "val/confusion_matrix",
                    figures.pixels(figure),
                    trainer.current_epoch,
                    dataformats="HWC",
                )
