"""Compare our training loop with the bare step of the same network: python benchmarks/loop.py [OUT.csv]

Ours is the Trainer with metrics, history, TensorBoard and progress bar, on drawn faces.
Bare is forward, loss, backward, optimizer step and weight averaging if the recipe has it. Its tensors are
in memory, in the same precision and memory format. Both are timed from the fifth step to the last.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import harness
import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig
from torch.optim.swa_utils import AveragedModel

from fer.config import compose
from fer.config.paths import conf_folder
from fer.data import sources
from fer.data.module import FaceData
from fer.training import build, ema, precision
from fer.training.history import History

SKIPPED, STEPS = 5, 25  # steps before the clock starts, and steps in total
TARGETS = {"none": ">= 0.97", "light": ">= 0.95", "strong": ">= 0.9"}


class Clock(L.Callback):
    """Images per second from the end of step `skipped` to the end of step `steps`."""

    def __init__(self, skipped: int, steps: int) -> None:
        self.skipped, self.steps = skipped, steps

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        if batch_index + 1 == self.skipped:
            self.started = time.perf_counter()
        if batch_index + 1 == self.steps:
            seconds = time.perf_counter() - self.started
            self.rate = (self.steps - self.skipped) * len(batch["labels"]) / seconds


def composed(*words: str) -> DictConfig:
    """The config of the overrides `words`, by default on drawn faces, without validation."""
    fixed = ["data=drawn", "trainer.max_epochs=1", "+trainer.limit_val_batches=0"]
    cfg = compose.compose_config([*fixed, "trainer.accelerator=cpu", *words])
    return cfg


def ours(
    cfg: DictConfig, data: FaceData | None = None, *, skipped: int = SKIPPED, steps: int = STEPS
) -> float:
    """Images per second of our loop."""
    data = data if data is not None else sources.build_data(cfg)
    module = build.build_module(cfg, data, counts=data.faces.counts(data.parts.train))
    module.classifier.preprocess.fit(data.statistics_sample())
    clock = Clock(skipped, steps)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        trainer = build.build_trainer(
            cfg,
            logger=TensorBoardLogger(folder, name="", version=""),
            callbacks=[clock, History(Path(folder)), *build.chosen_callbacks(cfg)],
            enable_checkpointing=False,
            limit_train_batches=steps,
        )
        with contextlib.redirect_stdout(io.StringIO()):  # where the progress bar is drawn
            trainer.fit(module, datamodule=data)
    return clock.rate


def bare(cfg: DictConfig, *, skipped: int = SKIPPED, steps: int = STEPS) -> float:
    """Images per second of forward, loss, backward and optimizer step alone."""
    data = sources.build_data(cfg)
    module = build.build_module(cfg, data, counts=[1] * len(data.classes)).train()
    optimizer = module.make_optimizer(module.classifier.network)
    averaged = cfg.ema and AveragedModel(
        module.classifier.network, multi_avg_fn=ema.average(cfg.ema)
    )
    batch = cfg.data.batch_size
    planes = torch.randn(batch, len(data.channels), data.size, data.size)
    planes = planes.contiguous(memory_format=module.classifier.memory_format)
    labels = torch.randint(len(data.classes), (batch,))
    targets = F.one_hot(labels, len(data.classes)).float()
    half = precision.resolve("auto", "cpu").name == "bf16-mixed"
    for step in range(steps):
        if step == skipped:
            started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = module.loss(module.classifier.network(planes), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if averaged:
            averaged.update_parameters(module.classifier.network)
    return (steps - skipped) * batch / (time.perf_counter() - started)


def recipes() -> dict[str, list[str]]:
    """Overrides of the networks that train in minutes, by name."""
    known = [path.stem for path in (conf_folder() / "experiment").glob("*.yaml")]
    named = [name for name in ("cpu_fast", "cpu_hour") if name in known]
    defaults = {f"default {model}": [f"model={model}"] for model in ("r1", "r2")}
    whole = "resolutions=null"  # because the bare step has images of one size
    return defaults | {name: [f"experiment={name}", whole] for name in named[:1]}


def rows() -> Iterator[harness.Row]:
    for name, words in recipes().items():
        for augment, target in TARGETS.items():
            cfg = composed(*words, f"augment={augment}")
            yield harness.paired(
                f"training loop, {name}, augment={augment}",
                "bare step",
                unit="img/s",
                ours=lambda cfg=cfg: ours(cfg),
                theirs=lambda cfg=cfg: bare(cfg),
                target=target,
            )


if __name__ == "__main__":
    harness.write(rows())
