"""The number of epochs that fits into a given time: `budget=2min`."""

import copy
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.data.module import FaceData
from fer.evaluation.measure import interruptible
from fer.models import checkpoint
from fer.training.build import build_checkpoints, build_trainer, chosen_callbacks
from fer.training.module import FaceModule

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
WARMUP, LAPS = 2, 6  # laps at each side that do not count, and laps whose median does
GPU_LAP = 20  # steps of a lap on a GPU, where one step is too short to time
MANY = 10_000  # epochs, more than measuring needs


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch with its validation, and seconds spent to measure them."""

    epoch: float
    spent: float


@dataclass(frozen=True)
class Chosen:
    """The epochs of a run, lines for the log, and notes where the time is too short for one epoch."""

    epochs: int
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parse_time(text: str) -> float:
    """Return the seconds of a time such as `90s`, `2.5min` or `1h`.

    Raises InputError for any other text.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)", str(text))
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        raise InputError(f"budget: {text!r}, expected a time such as 90s, 2.5min or 1h")
    return seconds


def check_budget(cfg: DictConfig) -> None:
    """Raise InputError for a budget that is no time, or next to a limit on steps."""
    if cfg.budget is None:
        return
    parse_time(cfg.budget)
    if (steps := cfg.trainer.get("max_steps")) not in (None, -1):
        raise InputError(
            f"budget: {cfg.budget} chooses the epochs, but trainer.max_steps={steps} ends training; "
            "use one of them"
        )


def apply_budget(cfg: DictConfig, module: FaceModule, data: FaceData, folder: Path) -> Chosen:
    """Set trainer.max_epochs by `budget`, in `cfg` and in the recipe that checkpoints keep.

    A resumed run keeps the number of its checkpoint, any other measures its pace.
    folder: of the run, where the measuring writes checkpoints and removes them again.
    """
    if cfg.budget is None:
        return Chosen(cfg.trainer.max_epochs)
    if (epochs := _epochs_of_checkpoint(cfg)) is not None:
        line = f"budget {cfg.budget}: {epochs} epochs, as {cfg.ckpt_path} has them"
        chosen = Chosen(epochs, (line,))
    else:
        chosen = choose(cfg.budget, measure_pace(cfg, module, data, folder))
    cfg.trainer.max_epochs = module.recipe["trainer"]["max_epochs"] = chosen.epochs
    return chosen


def choose(budget: str, pace: Pace) -> Chosen:
    """Choose the most epochs that end within the budget, at least one."""
    seconds = parse_time(budget)
    epochs = max(1, int((seconds - pace.spent) / pace.epoch))
    line = f"budget {budget}: {epochs} epoch{'s' * (epochs > 1)} of {pace.epoch:.1f} s"
    if pace.spent + pace.epoch <= seconds:
        return Chosen(epochs, (line,))
    note = f"budget: {budget}, but one epoch takes about {pace.epoch:.1f} s; trained for one"
    return Chosen(epochs, (line,), (note,))


def _epochs_of_checkpoint(cfg: DictConfig) -> int | None:
    """The epochs that a resumed run chose by the same budget; None for any other run."""
    if cfg.ckpt_path is None:
        return None
    recipe = checkpoint.read(Path(cfg.ckpt_path), device="meta").recipe
    return recipe["trainer"]["max_epochs"] if recipe.get("budget") == cfg.budget else None


def measure_pace(cfg: DictConfig, module: FaceModule, data: FaceData, folder: Path) -> Pace:
    """Measure the pace of training on a copy of `module`. All processes return that of the first.

    Weights, optimizer, statistics and random numbers of the run stay as they were.
    """
    started = time.perf_counter()
    # Teachers learn nothing, so the copy shares them.
    probe = copy.deepcopy(module, {id(module.teachers): module.teachers})
    if cfg.compile:
        probe.classifier.network.compile()
    watch = Stopwatch(module.resolutions)
    free = _unlimited(cfg)
    with interruptible(), isolate_rng(), tempfile.TemporaryDirectory(dir=folder) as place:
        callbacks = [watch, *chosen_callbacks(free), *build_checkpoints(free, Path(place))]
        trainer = build_trainer(free, logger=False, callbacks=callbacks, default_root_dir=place)
        trainer.fit(probe, datamodule=data)
        epoch = watch.epoch_seconds(int(trainer.num_training_batches))
        return trainer.strategy.broadcast(Pace(epoch, time.perf_counter() - started))


def _unlimited(cfg: DictConfig) -> DictConfig:
    """The config of a training that nothing ends but its Stopwatch."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    free = {"max_epochs": MANY, "max_steps": -1, "min_epochs": None, "min_steps": None}
    plain["trainer"] |= free | {"max_time": None, "enable_progress_bar": False}
    return OmegaConf.create(plain | {"patience": None})


class Stopwatch(L.Callback):
    """Times laps of training at each side, then one end of an epoch, and ends the training.

    A lap is one step, or GPU_LAP steps on a GPU. The end of an epoch is its validation and checkpoints.
    resolutions: sides in pixels, each for an equal share of the steps.
    """

    def __init__(self, resolutions: tuple[int, ...]) -> None:
        self.resolutions = resolutions
        self.laps: dict[int, list[float]] = {side: [] for side in resolutions}
        self.tail = 0.0
        self._started, self._batches = 0.0, 0

    def epoch_seconds(self, batches: int) -> float:
        """Return the seconds of an epoch of so many batches, averaged over all epochs of the run."""
        paces = {side: median(laps[WARMUP:]) for side, laps in self.laps.items()}
        return batches * mean(paces[side] for side in self.resolutions) + self.tail

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self._started, self._batches = _now(module), 0

    def on_train_batch_start(self, trainer, module, batch, batch_index) -> None:
        module.resolutions = (self._missing()[0],)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        self._batches += 1
        steps = trainer.accumulate_grad_batches * (1 if module.device.type == "cpu" else GPU_LAP)
        if self._batches < min(steps, trainer.num_training_batches):
            return
        now = _now(module)
        self.laps[self._missing()[0]].append((now - self._started) / self._batches)
        self._started, self._batches = now, 0
        trainer.should_stop = not self._missing()

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.tail = _now(module) - self._started

    def _missing(self) -> list[int]:
        return [side for side, laps in self.laps.items() if len(laps) < WARMUP + LAPS]


def _now(module: L.LightningModule) -> float:
    """The time in seconds, once the device has done its work."""
    if module.device.type != "cpu":
        torch.accelerator.synchronize(module.device)
    return time.perf_counter()
