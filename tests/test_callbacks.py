"""The progress bar shows the last loss without asking after every step; traces are of chosen steps."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

from fer import callbacks


@pytest.mark.parametrize(("steps", "files"), [(14, 2), (5, 0)])
def test_a_trace_is_of_five_steps_after_the_first_six(steps: int, files: int, tmp_path: Path):
    trace = callbacks.Trace(tmp_path)
    trace.on_train_start(None, None)
    for _ in range(steps):
        torch.ones(3) @ torch.ones(3)
        trace.on_train_batch_end(None, None, None, None, 0)
    trace.on_train_end(None, None)
    assert len(list(tmp_path.iterdir())) == files
    if files:
        (line,) = [x for x in (tmp_path / "profile.txt").read_text().splitlines() if "::dot" in x]
        assert line.split()[-1] == "5"  # calls
        assert len(list(tmp_path.glob("*.pt.trace.json"))) == 1  # as TensorBoard looks for it


def test_the_bar_is_drawn_at_intervals_and_after_the_last_step(monkeypatch):
    clock, drawn = SimpleNamespace(now=0.0), []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(TQDMProgressBar, "total_train_batches", 10)
    monkeypatch.setattr(TQDMProgressBar, "get_metrics", lambda *_: {"val/acc": 0.5})
    monkeypatch.setattr(
        TQDMProgressBar,
        "on_train_batch_end",
        lambda bar, *words: drawn.append((words[-1], bar.get_metrics(None, None))),
    )
    bar = callbacks.Progress()
    assert bar.get_metrics(None, None) == {"val/acc": 0.5}  # before the first step
    for step in range(10):
        clock.now = 0.04 * step
        bar.on_train_batch_end(None, None, {"loss": torch.tensor(float(step))}, None, step)
    assert drawn == [(step, {"val/acc": 0.5, "loss": float(step)}) for step in (0, 3, 6, 9)]
