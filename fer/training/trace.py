"""What each operation of a training step costs."""

import logging
from pathlib import Path

import lightning as L
import torch

log = logging.getLogger(__name__)


class Trace(L.Callback):
    """Write a trace and a table of some training steps by torch.profiler.

    folder: of TensorBoard, which shows the trace. The first six steps are left out, since they also
        pay for memory and kernels that later steps find ready.

    Lightning's PyTorchProfiler fails in a run that tests more than once, as ours do.
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
