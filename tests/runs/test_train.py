"""A whole run through the front door, its folder, and its numbers against scikit-learn."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from fer.cli import evaluate
from fer.cli.train import main as front_door
from fer.data import writers
from fer.data.labels import EMOTIONS
from fer.evaluation import metrics

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")

ROOT = Path(__file__).parents[2]
REFERENCE = os.environ.get("FER_REFERENCE_DIR")
FILES = (
    ".hydra/config.yaml train.log checkpoints/best.ckpt checkpoints/last.ckpt metrics.csv summary.csv "
    "summary.json predictions.csv confusion_matrix.csv confusion_matrix.png calibration.png predictions.png "
    "curves.png report.html split.json tensorboard"
).split()


TINY = ["model.channels=[4,4]", "model.repeats=[1,1]"]
SMALL = ["model.channels=[4,4,4]", "model.repeats=[1,1,1]", "trainer=debug"]


BLANK = """
import sys
from matplotlib.figure import Figure
from fer.cli.train import main
Figure.draw = lambda figure, renderer: None  # half of a short run's time
sys.exit(main(sys.argv[1:]))
"""


def train(*arguments: str, cwd: Path, code: str = BLANK) -> subprocess.CompletedProcess[str]:
    """Run `code` with what a user types, in a process of its own."""
    (cwd / "program.py").write_text(code)  # a file: Lightning starts its other processes with it
    return started(str(cwd / "program.py"), *arguments, cwd=cwd)


def started(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    cwd = tmp_path_factory.mktemp("debug")
    small = ["data.count=1001", "data.batch_size=16", "model.branches=2", *SMALL]
    done = started(str(ROOT / "train.py"), "data=drawn", *small, "ema=0.9", cwd=cwd)
    assert done.returncode == 0, done.stderr
    (folder,) = (cwd / "runs").glob("*/*")
    return folder


def test_a_debug_run_leaves_a_complete_folder(run_folder: Path) -> None:
    assert [name for name in FILES if not (run_folder / name).exists()] == []
    assert list(run_folder.rglob("*.tmp")) == []


def test_a_part_that_is_measured_in_part_is_said_to_be(run_folder: Path) -> None:
    summary = json.loads((run_folder / "summary.json").read_text())
    said = f"only {summary['test/rows']} of 100 test rows are measured (trainer.limit_test_batches)"
    assert summary["test/rows"] < 100 and said in summary["notes"]
    assert "each epoch had 2 of val's batches (trainer.limit_val_batches)" in summary["notes"]
    assert f"note: {said}" in (run_folder / "train.log").read_text()


@pytest.mark.slow
def test_many_cores_bring_no_advice_on_workers(tmp_path: Path) -> None:
    """Lightning gives it where it sees three or more."""
    patch = (
        "import sys; from lightning.pytorch.trainer.connectors import data_connector as found; "
        "assert found.suggested_max_num_workers; found.suggested_max_num_workers = lambda devices: 16; "
        "from fer.cli.train import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["data=drawn", "data.count=1001", "trainer=debug", "hydra.run.dir=run", *TINY]
    done = train(*words, cwd=tmp_path, code=patch)
    assert done.returncode == 0 and "worker" not in done.stderr, done.stderr


def test_metrics_csv_has_a_whole_row_an_epoch(run_folder: Path) -> None:
    history = pd.read_csv(run_folder / "metrics.csv")
    names = "epoch,train/loss,train/acc,val/loss,val/acc,val/mean_acc,lr,seconds".split(",")
    assert list(history.columns) == names
    assert len(history) == 1 and history.notna().all(axis=None)
    summary = json.loads((run_folder / "summary.json").read_text())
    assert history.at[summary["best_epoch"], "val/loss"] == pytest.approx(summary["val/loss"])


def test_scikit_learn_finds_the_same_numbers(run_folder: Path) -> None:
    predictions = pd.read_csv(run_folder / "predictions.csv")
    summary = json.loads((run_folder / "summary.json").read_text())
    assert list(predictions.columns) == [
        "row", "label", "prediction", *(f"p_{name}" for name in EMOTIONS)
    ]  # fmt: skip
    assert predictions["row"].is_monotonic_increasing
    true, found = predictions["label"], predictions["prediction"]
    assert (predictions.filter(like="p_").to_numpy().argmax(1) == found).all()
    assert summary["test/acc"] == pytest.approx(accuracy_score(true, found))
    assert summary["test/mean_acc"] == pytest.approx(balanced_accuracy_score(true, found))
    assert summary["test/macro_f1"] == pytest.approx(f1_score(true, found, average="macro"))
    matrix = pd.read_csv(run_folder / "confusion_matrix.csv", index_col="true").to_numpy()
    assert (matrix == confusion_matrix(true, found, labels=range(7))).all()
    table = pd.read_csv(run_folder / "summary.csv")
    assert table["emotions"].tolist() == list(EMOTIONS)
    assert (table["true_preds"] == matrix.diagonal()).all()
    assert (table["true_preds"] + table["false_preds"] == matrix.sum(1)).all()


def test_the_checkpoint_holds_tensors_and_plain_values_only(run_folder: Path) -> None:
    checkpoint = torch.load(run_folder / "checkpoints/best.ckpt", weights_only=True)
    assert checkpoint["fer"]["recipe"]["ema"] == 0.9
    assert "preprocess.mean" in checkpoint["state_dict"]


def test_tensorboard_has_the_names_of_the_csv(run_folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    wanted = {"train/loss", "train/acc", "val/loss", "val/acc", "val/mean_acc", "lr", "seconds"}
    wanted |= {"hp/val/acc"}
    summary = json.loads((run_folder / "summary.json").read_text())
    wanted |= {name for name, value in summary.items() if isinstance(value, (int, float))}
    assert wanted <= set(tags["scalars"])
    (last,) = events.Scalars("test/acc")
    assert last.value == pytest.approx(summary["test/acc"])
    assert len(events.Scalars("val/acc")) == summary["epochs"]
    assert {"val/confusion_matrix", "test/mistakes"} <= set(tags["images"])
    assert tags["graph"]


@pytest.mark.slow
def test_a_profiled_run_leaves_a_trace_beside_tensorboards_events(tmp_path: Path) -> None:
    small = ["data.count=1001", "data.batch_size=32", "model.channels=[4]", "model.repeats=[1]"]
    words = [*small, "trainer.max_epochs=1", "test=false", "profiler=torch", "hydra.run.dir=run"]
    done = train("data=drawn", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "run/tensorboard").glob("*.pt.trace.json"))) == 1
    assert "convolution_backward" in (tmp_path / "run/tensorboard/profile.txt").read_text()


def test_a_test_part_of_which_an_eighth_is_trained_on_is_refused(
    tmp_path: Path, train_here, monkeypatch, capsys
) -> None:
    writers.write_drawn(tmp_path / "faces.csv", count=1001, seed=0)
    rows = (tmp_path / "faces.csv").read_text()
    copies = [
        row.replace("PrivateTest", "Training") for row in rows.splitlines() if "Private" in row
    ]
    (tmp_path / "copied.csv").write_text(rows + "\n".join(copies[:13]) + "\n")
    small = ["data.path=copied.csv", "trainer=debug", *TINY]
    done = train_here(*small, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 1 and "accuracy" not in done.stdout
    assert done.stderr.startswith(
        "fer: copied.csv: 13 of 100 test rows are pixel-identical to images of train or val, more than 12.5%; "
    )
    assert done.stderr.count("\n") == 1
    done = train_here(*small, "test=false", "hydra.run.dir=untested", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "untested/report.html").read_text()
    assert "Result on the validation rows" in report and "test face" not in report
    monkeypatch.chdir(tmp_path)
    assert evaluate.main(["untested", "--out", "measured"]) == 1 and not Path("measured").exists()
    line = "fer: copied.csv: 13 of 100 test rows are pixel-identical to images that untested/checkpoints/"
    assert capsys.readouterr().err.startswith(line)


def test_a_run_stopped_by_hand_says_how_it_goes_on(tmp_path: Path) -> None:
    words = ["data=drawn", "data.count=1001", "trainer.max_epochs=500", "hydra.run.dir=run"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *words, "model.channels=[4]", "model.repeats=[1]"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored under `make &`
    )
    while process.poll() is None and not (tmp_path / "run/checkpoints/last.ckpt").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=300)  # where it went on, it would for 500 epochs
    finally:
        process.kill()
    assert process.returncode == 130
    run = tmp_path / "run"
    line = f"fer: stopped; resume with ckpt_path={run}/checkpoints/last.ckpt (log: {run}/train.log)"
    assert error.splitlines()[-1].endswith(line)


def test_a_sweep_stopped_between_its_jobs_says_so(monkeypatch, capsys) -> None:
    def stopped(*_, **__) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fer.cli.train._run_hydra", stopped)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which the command sets and leaves
    assert front_door(["data=drawn"]) == 130
    assert capsys.readouterr().err == "\nfer: stopped\n"


def test_a_failed_run_gets_one_line_and_a_log(tmp_path: Path, train_here) -> None:
    csv = tmp_path / "cut.csv"
    csv.write_text("emotion,pixels,Usage\n0," + " ".join(["7"] * 100))
    done = train_here(f"data.path={csv}", cwd=tmp_path)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("fer: ") and "line 2" in said
    (log,) = tmp_path.glob("runs/*/*/train.log")
    assert "Traceback" in log.read_text()


def test_a_sweep_leaves_a_complete_folder_a_job_and_goes_on_when_one_fails(
    tmp_path: Path, train_here
) -> None:
    writers.write_drawn(tmp_path / "fine.csv", count=500, seed=0)
    (tmp_path / "cut.csv").write_bytes((tmp_path / "fine.csv").read_bytes()[:-100_000])
    words = ["model=r1,r2", "data.path=cut.csv,fine.csv", "trainer=debug", *TINY]
    done = train_here("-m", *words, cwd=tmp_path)
    assert done.returncode == 1
    folders = sorted(tmp_path.glob("runs/*/*_sweep/*_r?"))
    assert [folder.name for folder in folders] == ["0_r1", "1_r1", "2_r2", "3_r2"]
    for failed, fine in (folders[:2], folders[2:]):
        assert "Traceback" in (failed / "train.log").read_text()
        assert not (failed / "summary.json").exists()
        assert [name for name in FILES if not (fine / name).exists()] == []
    assert done.stderr.count("fer: cut.csv line ") == 2 and "Traceback" not in done.stderr


SHORT = (
    "data=drawn data.count=1001 data.batch_size=32 trainer=cpu +trainer.limit_train_batches=2 "
    "trainer.precision=32-true trainer.enable_progress_bar=false schedule=constant ema=0.9"
).split()


LISTING = """
import atexit, contextlib, pathlib
def list_threads():
    names = []
    for thread in pathlib.Path("/proc/self/task").glob("*/comm"):  # of Linux alone
        with contextlib.suppress(FileNotFoundError):  # it ends meanwhile
            names.append(thread.read_text().strip())
    print("still there:", [name for name in names if "gloo" in name])
atexit.register(list_threads)  # the last to be called
"""


def test_two_processes_give_the_table_of_one_and_leave_their_group(
    tmp_path: Path, train_here
) -> None:
    # A rate of 0 and no batch statistics: both measure the same weights.
    still = [*SHORT, *TINY, "model.norm=none", "optim.lr=0", "trainer.max_epochs=1"]
    done = train_here(*still, "hydra.run.dir=one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    two = ["trainer.devices=2", "trainer.strategy=ddp", "hydra.run.dir=two"]
    done = train(*still, *two, cwd=tmp_path, code=LISTING + BLANK)
    assert done.returncode == 0, done.stderr
    for file in ("summary.csv", "confusion_matrix.csv"):
        assert (tmp_path / "one" / file).read_text() == (tmp_path / "two" / file).read_text()
    rows = [pd.read_csv(tmp_path / name / "predictions.csv")["row"] for name in ("one", "two")]
    assert rows[0].is_unique and (rows[0] == rows[1]).all()
    assert "MEMBER: 1/2" in done.stderr
    said = [line for line in done.stdout.splitlines() if "still there" in line]
    assert said == ["still there: []"] * 2  # before Python ends, in each


COMPILED = """
import sys, torch
plain = torch.nn.Module.compile
torch.nn.Module.compile = lambda network: plain(network, backend="eager")  # a real one takes a minute
from fer.cli.train import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_compiled_run_ends_as_any_other(tmp_path: Path) -> None:
    words = ["data=drawn", "trainer=debug", "compile=true", "hydra.run.dir=run", *TINY]
    done = train(*words, cwd=tmp_path, code=COMPILED)
    assert done.returncode == 0, done.stderr
    assert [name for name in FILES if not (tmp_path / "run" / name).exists()] == []


def test_a_plateau_has_seen_every_epoch_that_its_checkpoint_has(tmp_path: Path, train_here) -> None:
    words = ["data=drawn", "data.count=1001", "schedule=plateau", "trainer.max_epochs=2", *TINY]
    done = train_here(*words, "test=false", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    last = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    (state,) = last["lr_schedulers"]
    best = pd.read_csv(tmp_path / "run/metrics.csv")["val/acc"].max()
    assert state["last_epoch"] == 2 and float(state["best"]) == pytest.approx(best)


def test_steps_that_end_inside_an_epoch_are_refused(tmp_path: Path, train_here) -> None:
    words = ["data=drawn", "data.count=1001", "data.batch_size=100", *TINY]  # eight steps an epoch
    done = train_here(*words, "+trainer.max_steps=10", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    line = "fer: trainer.max_steps: 10 end inside an epoch of 8 steps, which would not be validated"
    assert done.stderr.startswith(line)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, train_here) -> None:
    short = [*SHORT, *TINY, "model.dropout=0.3"]
    runs = {
        "whole": ["trainer.max_epochs=2"],
        "first": ["trainer.max_epochs=1"],
        "rest": ["trainer.max_epochs=2", "ckpt_path=first/checkpoints/last.ckpt"],
    }
    for name, more in runs.items():
        fixed = [*short, *more, "trainer.deterministic=true", f"hydra.run.dir={name}"]
        call = train if name == "rest" else train_here  # a process that knows nothing of the first
        done = call(*fixed, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    whole, rest = (
        pd.read_csv(tmp_path / name / "metrics.csv").drop(columns="seconds")
        for name in ("whole", "rest")
    )
    assert len(rest) == 2
    said = (tmp_path / "rest/train.log").read_text()
    assert "note: not as first/checkpoints/last.ckpt began: trainer.max_epochs=2 (was 1)\n" in said
    pd.testing.assert_frame_equal(whole, rest, check_exact=True)
    whole, rest = (
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("whole", "rest")
    )
    assert (whole["best_epoch"], whole["monitored"]) == (rest["best_epoch"], rest["monitored"])
    assert (whole["changed"], rest["changed"]) == (False, True)
    # In its own folder, by its own words, and still not as it began.
    own = ["trainer.max_epochs=3", "ckpt_path=rest/checkpoints/last.ckpt", "hydra.run.dir=rest"]
    assert train_here(*short, *own, cwd=tmp_path).returncode == 0
    rest = json.loads((tmp_path / "rest/summary.json").read_text())
    assert rest["epochs"] == 3 and len(rest["notes"]) >= 2 and rest["changed"]
    done = train_here(*short, *runs["rest"], "trainer.max_epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = "note: first/checkpoints/last.ckpt has had all its epochs, none was added (trainer.max_epochs)"
    assert line in done.stdout
    done = train_here(*short, *runs["rest"], "monitor=val/macro_f1", cwd=tmp_path)
    assert done.returncode == 2
    line = "fer: ckpt_path: first/checkpoints/last.ckpt chose its best epoch by monitor=val/acc; resume it by"
    assert line in done.stderr
    os.remove(tmp_path / "first/checkpoints/best.ckpt")
    done = train_here(*short, *runs["rest"], cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "fer: ckpt_path: no first/checkpoints/best.ckpt, the best epoch so far; keep it"
        in done.stderr
    )


def test_the_best_epoch_is_that_of_the_weights_by_any_monitor(tmp_path: Path, train_here) -> None:
    words = [*SHORT, *TINY, "trainer.max_epochs=2", "monitor=val/macro_f1", "hydra.run.dir=run"]
    assert train_here(*words, cwd=tmp_path).returncode == 0
    kept = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["best_epoch"] == kept["epoch"]


@pytest.mark.skipif(REFERENCE is None, reason="needs FER_REFERENCE_DIR, the lab's outputs")
def test_the_labs_predictions_give_the_labs_numbers() -> None:
    rows = pd.read_csv(Path(str(REFERENCE)) / "r1_y_pred_real.csv", sep=";", index_col=0)
    labels = torch.tensor(rows["y_test_list"].to_numpy(copy=True))
    hits = torch.nn.functional.one_hot(torch.tensor(rows["y_pred_list"].to_numpy(copy=True)), 7)
    numbers = metrics.scores(hits.float(), labels, EMOTIONS)
    assert round(numbers["acc"], 5) == 0.60914
    assert round(numbers["mean_acc"], 5) == 0.57944
    matrix = metrics.confusion_matrix(hits.float(), labels)
    table = pd.DataFrame(metrics.class_recalls(matrix, EMOTIONS))
    lab = pd.read_csv(Path(str(REFERENCE)) / "r1_analysis.csv", sep=";", index_col=0)
    assert (table["right"] == lab["true_preds"]).all()
    assert (table["missed"] == lab["false_preds"]).all()
    assert np.allclose(table["recall"], lab["accuracy"])
