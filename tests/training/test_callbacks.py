"""The progress bar shows the last loss without asking after every step; traces are of chosen steps."""

from pathlib import Path
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch.optim.swa_utils import AveragedModel

from fer.training import checkpointing, ema, patches, pause, trace


@pytest.mark.parametrize(("steps", "files"), [(14, 2), (5, 0)])
def test_a_trace_is_of_five_steps_after_the_first_six(steps: int, files: int, tmp_path: Path):
    tracing = trace.Trace(tmp_path)
    tracing.on_train_start(None, SimpleNamespace(device=torch.device("cpu")))
    for _ in range(steps):
        torch.ones(3) @ torch.ones(3)
        tracing.on_train_batch_end(None, None, None, None, 0)
    tracing.on_train_end(None, None)
    assert len(list(tmp_path.iterdir())) == files
    if files:
        (line,) = [x for x in (tmp_path / "profile.txt").read_text().splitlines() if "::dot" in x]
        assert line.split()[-1] == "5"  # calls
        assert len(list(tmp_path.glob("*.pt.trace.json"))) == 1  # as TensorBoard looks for it


def test_the_average_lies_where_the_network_is_and_is_torchs():
    network = L.LightningModule()
    network.layers = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    device = torch.device("meta")
    elsewhere = patches.DeviceAveraging(ema.average(0.9))
    elsewhere.setup(SimpleNamespace(strategy=SimpleNamespace(root_device=device)), network, "fit")
    assert {each.device for each in elsewhere._average_model.state_dict().values()} == {device}

    torch.manual_seed(0)
    move = ema.average(0.9)
    own, trainer = patches.DeviceAveraging(move), SimpleNamespace(global_step=0)
    trainer.strategy = SimpleNamespace(root_device=torch.device("cpu"))
    own.setup(trainer, network, "fit")
    torchs = AveragedModel(
        network, multi_avg_fn=lambda a, b, n: move(a, b, int(n)), use_buffers=True
    )
    for step in range(1, 6):
        network.layers(torch.randn(8, 3)).sum().backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        trainer.global_step = step
        for _ in range(2):  # a batch without a step of the optimizer changes nothing
            own.on_train_batch_end(trainer, network, None, None, 0)
        torchs.update_parameters(network)
    found, expected = own._average_model.state_dict(), torchs.state_dict()
    assert found["n_averaged"] == expected["n_averaged"] == 5
    assert found.pop("module.layers.1.num_batches_tracked") == 5
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])


def test_last_is_kept_at_intervals_and_never_older_than_best(monkeypatch, tmp_path):
    clock, kept = SimpleNamespace(now=0.0), []
    monkeypatch.setattr(pause.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(
        ModelCheckpoint,
        "on_train_epoch_end",
        lambda _, trainer, __: kept.append(trainer.current_epoch),
    )
    best = SimpleNamespace(best_model_score=None)
    last = checkpointing.Last(best=best, resumed=None, dirpath=tmp_path)
    for epoch in range(20):
        clock.now = 4.0 * epoch  # the pause of 30 seconds ends in epochs 8 and 16
        best.best_model_score = 0.5 if epoch < 10 else 0.6
        trainer = SimpleNamespace(current_epoch=epoch, max_epochs=20, should_stop=False)
        trainer.global_step, trainer.max_steps = 10 * epoch + 10, -1
        trainer.strategy = SimpleNamespace(broadcast=lambda decision: decision)
        last.on_train_epoch_end(trainer, None)
    assert kept == [0, 8, 10, 16, 19]


def test_the_bar_is_drawn_at_intervals_and_after_the_last_step(monkeypatch):
    clock, drawn = SimpleNamespace(now=0.0), []
    monkeypatch.setattr(patches.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(TQDMProgressBar, "total_train_batches", 10)
    monkeypatch.setattr(TQDMProgressBar, "get_metrics", lambda *_: {"val/acc": 0.5})
    monkeypatch.setattr(
        TQDMProgressBar,
        "on_train_batch_end",
        lambda bar, *words: drawn.append((words[-1], bar.get_metrics(None, None))),
    )
    bar = patches.ProgressBar()
    assert bar.get_metrics(None, None) == {"val/acc": 0.5}  # before the first step
    for step in range(10):
        clock.now = 0.04 * step
        bar.on_train_batch_end(None, None, {"loss": torch.tensor(float(step))}, None, step)
    assert drawn == [(step, {"val/acc": 0.5, "loss": float(step)}) for step in (0, 3, 6, 9)]
