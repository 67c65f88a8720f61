"""The product's training loop against the same network's bare step. python benchmarks/loop.py [OUT.csv]

Ours: Trainer, metrics, history, TensorBoard and progress bar, on drawn faces. Bare: forward, loss,
backward, optimizer step on tensors that lie in memory, in the same precision and memory format.
Start-up is left out of both: the clock runs from the fifth step to the last.
"""

import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import harness
import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from fer import build, config
from fer.callbacks import History

SKIPPED, STEPS = 5, 35  # steps before the clock starts, and in all


class Clock(L.Callback):
    """Images a second from the end of step SKIPPED to the end of the last."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        if batch_index + 1 == SKIPPED:
            self.started = time.perf_counter()
        if batch_index + 1 == STEPS:
            seconds = time.perf_counter() - self.started
            self.rate = (STEPS - SKIPPED) * len(batch["labels"]) / seconds


def composed(*words: str) -> DictConfig:
    fixed = ["data=drawn", "trainer.max_epochs=1", f"+trainer.limit_train_batches={STEPS}"]
    (cfg,) = config.compose_jobs([*fixed, "+trainer.limit_val_batches=0", *words])
    return cfg


def ours(cfg: DictConfig) -> float:
    """Images a second of the product's loop."""
    data = build.build_data(cfg)
    module = build.build_module(cfg, data, counts=data.faces.counts(data.parts.train))
    module.preprocess.fit(data.statistics_sample())
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        logger = TensorBoardLogger(folder, name="", version="")
        callbacks = [clock, History(Path(folder))]
        trainer = build.build_trainer(
            cfg, logger=logger, callbacks=callbacks, enable_checkpointing=False
        )
        with contextlib.redirect_stdout(io.StringIO()):  # the progress bar draws, but not here
            trainer.fit(module, datamodule=data)
    return clock.rate


def bare(cfg: DictConfig) -> float:
    """Images a second of forward, loss, backward and optimizer step alone."""
    data = build.build_data(cfg)
    module = build.build_module(cfg, data, counts=[1] * len(data.classes)).train()
    optimizer = module.make_optimizer(module.network)
    batch = cfg.data.batch_size
    planes = torch.randn(batch, len(data.channels), data.size, data.size)
    planes = planes.contiguous(memory_format=module.memory_format)
    labels = torch.randint(len(data.classes), (batch,))
    targets = F.one_hot(labels, len(data.classes)).float()
    half = build.auto_precision(gpu=False) == "bf16-mixed"
    for step in range(STEPS):
        if step == SKIPPED:
            started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = module.loss(module.network(planes), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (STEPS - SKIPPED) * batch / (time.perf_counter() - started)


def main() -> None:
    rows = []
    for model in ("r1", "r2"):
        for augment in ("none", "light", "strong"):
            cfg = composed(f"model={model}", f"augment={augment}", "trainer.accelerator=cpu")
            rows.append(
                harness.paired(
                    f"training loop, default {model}, augment={augment}",
                    "bare step",
                    unit="img/s",
                    ours=lambda cfg=cfg: ours(cfg),
                    theirs=lambda cfg=cfg: bare(cfg),
                )
            )
    harness.write(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/bench/loop.csv"), rows)


if __name__ == "__main__":
    main()
