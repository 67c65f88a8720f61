"""What training loads, writes and removes is its own, however a run came about."""

import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fer.cli import evaluate

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")

SHORT = (
    "data=drawn data.count=1001 data.batch_size=32 trainer=cpu +trainer.limit_train_batches=2 "
    "trainer.precision=32-true model.channels=[4,4] model.repeats=[1,1]"
).split()
SLURM = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
SLURM |= {"SLURM_NODEID": "0", "SLURM_JOB_NAME": "faces"}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, train_here) -> Path:
    """A folder with a run of one epoch, `run`."""
    place = tmp_path_factory.mktemp("first")
    done = train_here(*SHORT, "trainer.max_epochs=1", "hydra.run.dir=run", cwd=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def copied(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_slurm_job_loads_what_is_named_alone(
    copied: Path, train_here, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert SLURMEnvironment.detect()
    before = signal.getsignal(signal.SIGUSR1)
    for folder in ("other", "measured"):
        (copied / folder).mkdir()
        (copied / folder / "hpc_ckpt_1.ckpt").write_bytes(b"no checkpoint")
    done = train_here(*SHORT, "trainer.max_epochs=1", "hydra.run.dir=other", cwd=copied)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(copied)
    assert evaluate.main(["run", "--out", "measured"]) == 0
    assert signal.getsignal(signal.SIGUSR1) == before
    one, two = (pd.read_csv(copied / name / "predictions.csv") for name in ("run", "measured"))
    assert (one["prediction"] == two["prediction"]).all()


def test_no_path_inside_a_checkpoint_is_written_or_removed(copied: Path, train_here) -> None:
    last, victim = copied / "run/checkpoints/last.ckpt", copied / "victim"
    victim.mkdir()
    (victim / "thesis.txt").write_text("years of work")
    content = torch.load(last, weights_only=True)
    # Lightning removes what is in its folder by name, as this is.
    path = str(last.parent / "../../victim")
    for name, state in content["callbacks"].items():
        if name.startswith("Best"):
            score = torch.tensor(-1.0)
            state |= {"best_model_path": path, "kth_best_model_path": path, "kth_value": score}
            state |= {"best_k_models": {path: score}, "best_model_score": score}
            state["dirpath"] = str(last.parent)
    torch.save(content, last)
    words = ["trainer.max_epochs=3", "ckpt_path=run/checkpoints/last.ckpt", "hydra.run.dir=run"]
    done = train_here(*SHORT, *words, cwd=copied)
    assert done.returncode == 0, done.stderr
    assert (victim / "thesis.txt").read_text() == "years of work"
    assert sorted(os.listdir(copied / "run/checkpoints")) == ["best.ckpt", "last.ckpt"]


def test_a_run_that_resumes_after_its_last_epoch_is_complete(first: Path, train_here) -> None:
    words = ["trainer.max_epochs=1", "ckpt_path=run/checkpoints/last.ckpt", "hydra.run.dir=again"]
    done = train_here(*SHORT, *words, cwd=first)
    assert done.returncode == 0, done.stderr
    run, again = first / "run", first / "again"
    names = [{str(file.relative_to(place)) for file in place.rglob("*")} for place in (run, again)]
    assert {name for name in names[0] - names[1] if "tfevents" not in name} == set()
    pd.testing.assert_frame_equal(*(pd.read_csv(p / "metrics.csv") for p in (run, again)))
    for place in (run, again):
        events = EventAccumulator(str(place / "tensorboard")).Reload()
        assert [event.step for event in events.Scalars("val/acc")] == [0]
