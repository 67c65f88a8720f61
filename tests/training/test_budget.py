"""budget=2min: a time becomes a number of epochs before training starts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from fer.cli.train import main as front_door
from fer.common.errors import InputError
from fer.config import compose
from fer.data.sources import build_data
from fer.training import budget
from fer.training.budget import LAPS, WARMUP, Pace, Stopwatch
from fer.training.build import build_module

SMALL = (
    "data=drawn data.count=700 data.batch_size=32 trainer=cpu model.channels=[4,8] model.repeats=[1,1] "
    "model.dropout=0.3 trainer.precision=32-true trainer.enable_progress_bar=false test=false "
    "resolutions=[32,48] ema=0.9 augment=strong"
).split()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2min", 120), ("2.5min", 150), ("1h", 3600), ("0.5h", 1800)]
)
def test_a_time_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert budget.parse_time(text) == seconds


@pytest.mark.parametrize("text", ["2", "min", "2 minutes", "-2min", "0s", "1h30min", "nan min", ""])
def test_any_other_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=rf"^budget: {text!r}, "):
        budget.parse_time(text)


@pytest.mark.parametrize(
    ("pace", "epochs"),
    [
        (Pace(8.1, 2.0), 14),
        (Pace(8.0, 0.0), 15),  # exactly
        (Pace(8.1, 0.0), 14),
        (Pace(100.0, 15.0), 1),
        (Pace(100.0, 25.0), 1),
        (Pace(500.0, 5.0), 1),
    ],
)
def test_the_most_epochs_are_chosen_that_end_in_time(pace: Pace, epochs: int) -> None:
    chosen = budget.choose("2min", pace)
    assert chosen.epochs == epochs
    assert chosen.lines[0].startswith(f"budget 2min: {epochs} epoch")
    assert f"{pace.epoch:.1f} s" in chosen.lines[0]
    assert bool(chosen.notes) == (pace.spent + pace.epoch > 120)


def stopwatch_of(steps: dict[int, list[float]], *, resolutions, batches: int, monkeypatch):
    """A stopwatch whose clock goes on by these seconds a step at each side, 0.5 s at an epoch's end."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(budget, "_now", lambda module: clock.now)
    module = SimpleNamespace(device=torch.device("cpu"), resolutions=resolutions)
    trainer = SimpleNamespace(
        num_training_batches=batches, accumulate_grad_batches=1, should_stop=False
    )
    watch = Stopwatch(resolutions)
    while not trainer.should_stop:
        watch.on_train_epoch_start(trainer, module)
        for index in range(batches):
            watch.on_train_batch_start(trainer, module, None, index)
            clock.now += steps[module.resolutions[0]].pop(0)
            watch.on_train_batch_end(trainer, module, None, None, index)
            if trainer.should_stop:
                break
        clock.now += 0.5
    watch.on_train_end(trainer, module)
    return watch


@pytest.mark.parametrize("batches", [100, 3])
def test_each_side_counts_by_its_share_and_first_steps_do_not(batches, monkeypatch) -> None:
    slow = [30.0] * WARMUP  # what the first steps also pay for
    steps = {
        32: slow + [1.0] * (LAPS - 1) + [9.0],  # and a step that others' work disturbed
        48: slow + [4.0] * LAPS,
    }
    watch = stopwatch_of(steps, resolutions=(32, 48, 48), batches=batches, monkeypatch=monkeypatch)
    assert steps == {32: [], 48: []}
    assert watch.tail == 0.5
    assert watch.epoch_seconds(10) == pytest.approx(10 * (1 + 4 + 4) / 3 + 0.5)


def test_measuring_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    cfg = compose.compose_config([*SMALL, "budget=1s"])
    data = build_data(cfg)
    torch.manual_seed(0)
    module = build_module(cfg, data, counts=[1] * 7)
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    before = torch.get_rng_state()
    pace = budget.measure_pace(cfg, module, data, tmp_path)
    assert pace.epoch > 0 and pace.spent > 0
    assert torch.equal(torch.get_rng_state(), before)
    assert module.resolutions == (32, 48) and list(tmp_path.iterdir()) == []
    after = module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in weights.items())


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["budget=2min", "trainer.max_epochs=3"], ["budget: 2min", "trainer.max_epochs"]),
        (["budget=2"], ["budget: 2", "2.5min"]),
        (["budget=2min", "+trainer.max_steps=20"], ["budget: 2min", "trainer.max_steps=20"]),
        (
            ["-m", "budget=1min,2min", "trainer.max_epochs=3"],
            ["budget: 1min", "trainer.max_epochs=3"],
        ),
    ],
)
def test_a_budget_that_cannot_be_is_one_line(words, parts, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert front_door([*SMALL, *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and [part for part in parts if part not in said] == []
    assert list(tmp_path.iterdir()) == []


def test_a_budget_replaces_a_recipes_number_of_epochs() -> None:
    cfg = compose.compose_config(["experiment=cpu_fast", "budget=3min"])
    assert cfg.budget == "3min"


def run(folder: str, *words: str) -> dict[str, Any]:
    """summary.json of a run in this process."""
    assert front_door([*SMALL, *words, f"hydra.run.dir={folder}"]) == 0
    return json.loads(Path(folder, "summary.json").read_text())


def test_a_run_with_a_budget_is_the_run_of_that_many_epochs(
    tmp_path, monkeypatch, blank_pictures
) -> None:
    def measured(*given: Any) -> Pace:
        real(*given)
        return Pace(epoch=2.0, spent=1.0)

    real = budget.measure_pace
    monkeypatch.setattr(budget, "measure_pace", measured)
    monkeypatch.chdir(tmp_path)
    given = run("given", "budget=7.5s", "trainer.deterministic=true")
    typed = run("typed", "trainer.max_epochs=3", "trainer.deterministic=true")
    assert (given["budget"], given["epochs"]) == ("7.5s", 3)
    assert (typed["budget"], typed["epochs"]) == (None, 3)
    numbers = [pd.read_csv(f"{name}/metrics.csv") for name in ("given", "typed")]
    pd.testing.assert_frame_equal(
        *(table.drop(columns="seconds") for table in numbers), check_exact=True
    )
    one, other = (
        torch.load(f"{name}/checkpoints/last.ckpt", weights_only=True)
        for name in ("given", "typed")
    )
    assert all(
        torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items()
    )
    assert one["fer"]["recipe"] | {"budget": None} == other["fer"]["recipe"]
    assert OmegaConf.load("given/.hydra/config.yaml").trainer.max_epochs == 3
    monkeypatch.setattr(budget, "measure_pace", None)  # a resumed run does not measure
    words = ["budget=7.5s", "ckpt_path=given/checkpoints/last.ckpt"]
    resumed = run("resumed", *words, "trainer.deterministic=true")
    assert resumed["epochs"] == 3 and not resumed["changed"]


@pytest.mark.slow
def test_two_processes_choose_the_same_epochs(tmp_path: Path) -> None:
    words = [*SMALL, "budget=4s", "trainer.devices=2", "trainer.strategy=ddp", "hydra.run.dir=run"]
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "train.py"), *words]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    last = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert summary["processes"] == 2
    assert summary["epochs"] == last["fer"]["recipe"]["trainer"]["max_epochs"]
    assert done.stdout.count(f"budget 4s: {summary['epochs']} epoch") == 1
