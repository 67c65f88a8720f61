"""The queue of GPU runs, with two debug runs on drawn faces in place of long ones."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from fer.models import checkpoint

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks/gpu_queue.py"
SMALL = "data=drawn data.count=1001 model.channels=[8,16] model.repeats=[1,1] trainer=debug".split()


@pytest.fixture(scope="module")
def gpu_queue():
    spec = importlib.util.spec_from_file_location("gpu_queue", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_queue"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


BLANK = """
import sys
from matplotlib.figure import Figure
from fer.cli.train import main
Figure.draw = lambda figure, renderer: None  # half of a short run's time
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def cwd(gpu_queue, tmp_path_factory, blank_pictures_of_module) -> Path:
    """A folder where a queue of two short runs and one too long has ended."""
    cwd = tmp_path_factory.mktemp("queue")
    rows = ["name,minutes,ensemble,words", "a,1,both,seed=0", "long,99,,seed=2", "b,1,both,seed=1"]
    (cwd / "list.csv").write_text("\n".join(rows))
    (cwd / "train.py").write_text(BLANK)
    words = ["--list", "list.csv", "--out", "out", "--minutes", "60", *SMALL]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setattr(gpu_queue, "TRAIN", cwd / "train.py")
        patch.setattr(sys, "argv", ["gpu_queue.py", *words])
        gpu_queue.main()
    return cwd


def test_a_row_a_run_and_a_measuring(cwd: Path) -> None:
    table = pd.read_csv(cwd / "out/results.csv", index_col="name")
    assert table["state"].to_dict() == {
        "a": "done", "long": "waits", "b": "done", "a_flip": "done", "b_flip": "done",
        "ensemble_both_2_flip": "done", "ensemble_both_2_none": "done",
    }  # fmt: skip
    for name in ("a", "b_flip"):
        own = json.loads((cwd / "out" / name / "summary.json").read_text())
        assert table.loc[name, "test/acc"] == own["test/acc"]
    assert table.loc["a", "epochs"] == 1 and not (cwd / "out/long").exists()


def test_what_is_kept_is_small_and_can_be_measured(cwd: Path) -> None:
    small = cwd / "out/small"
    for file in ("results.csv", "a/summary.json", "a/metrics.csv", "b/curves.png", "b_flip/summary.json"):  # fmt: skip
        assert (small / file).read_bytes() == (cwd / "out" / file).read_bytes()
    light, own = checkpoint.read(small / "packed/a"), checkpoint.read(cwd / "out/a")
    assert light.seen == own.seen and light.recipe == own.recipe
    for name, value in own.weights.items():
        torch.testing.assert_close(light.weights[name].to(value.dtype), value, rtol=1e-3, atol=1e-4)
    assert not list(small.rglob("*.ckpt"))


def test_called_again_it_repeats_nothing(gpu_queue, cwd: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(cwd)
    items = gpu_queue.read_list(Path("list.csv"), Path("out"), SMALL)
    gpu_queue.plan(items, 9.0)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:12].split() for line in lines[:3]] == [
        ["done", "a"], ["no", "time", "lon"], ["done", "b"]
    ]  # fmt: skip
    before = {path: path.stat().st_mtime_ns for path in cwd.glob("out/*/summary.json")}
    gpu_queue.run(items, Path("out"), gpu_queue.time.monotonic() + 9, cut=False)
    assert before == {path: path.stat().st_mtime_ns for path in cwd.glob("out/*/summary.json")}


def test_an_ensemble_of_others_than_the_best_is_measured_anew(
    gpu_queue, cwd: Path, tmp_path: Path, monkeypatch
) -> None:
    shutil.copytree(cwd, tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    items = gpu_queue.read_list(Path("list.csv"), Path("out"), SMALL)
    file = Path("out/ensemble_both_2_none/summary.json")
    own = json.loads(file.read_text())
    file.write_text(json.dumps(own | {"checkpoints": own["checkpoints"][:1] * 2}))
    gpu_queue.ensembles(items, Path("out"))
    again = json.loads(file.read_text())
    assert again["checkpoints"] == own["checkpoints"] and again["test/acc"] == own["test/acc"]


def test_the_time_a_run_needs(gpu_queue, tmp_path: Path) -> None:
    def item(name: str, words: str):
        return gpu_queue.Item(tmp_path / name, 7.0, "", tuple(words.split()))

    new, other, begun, ended = (
        item(name, f"experiment={recipe}")
        for name, recipe in (("new", "x"), ("other", "y"), ("begun", "y"), ("ended", "x"))
    )
    items = [new, other, begun, ended]
    assert gpu_queue.needed(new, items) == 7  # the list's
    (ended.folder).mkdir()
    (ended.folder / "summary.json").write_text('{"training_seconds": 120, "seconds": 180}')
    assert gpu_queue.needed(new, items) == 3  # as its like took
    assert gpu_queue.needed(other, items) == 7
    (begun.folder / ".hydra").mkdir(parents=True)
    (begun.folder / ".hydra/config.yaml").write_text("trainer: {max_epochs: 13}")
    (begun.folder / "metrics.csv").write_text("epoch,seconds\n0,90\n1,30\n2,30\n")
    assert gpu_queue.needed(begun, items) == 5 + gpu_queue.START  # ten more epochs of half a minute
    pace = [36, 36, 90]  # by the queue's clock
    assert gpu_queue.needed(begun, items, pace) == 6 + gpu_queue.START


def test_what_turns_out_too_long_is_stopped_and_can_go_on(gpu_queue, tmp_path: Path) -> None:
    words = (*SMALL, "trainer=auto", "trainer.max_epochs=100000", "+trainer.limit_train_batches=2")
    words = tuple(word for word in words if word != "trainer=debug")
    item = gpu_queue.Item(tmp_path / "slow", 1.0, "", words)
    deadline = gpu_queue.time.monotonic() + 900  # hours too few, be the machine ever so busy
    assert gpu_queue.train(item, [item], deadline, cut=False) == "stopped"
    assert len(gpu_queue.seconds(item.folder)) >= gpu_queue.EPOCHS
    assert (item.folder / "checkpoints/last.ckpt").is_file() and not item.done


def test_the_list_names_runs_that_the_front_door_takes(gpu_queue, tmp_path: Path) -> None:
    from fer.config import compose, schema

    items = gpu_queue.read_list(SCRIPT.with_suffix(".csv"), tmp_path, [])
    assert len({item.name for item in items}) == len(items)
    for item in items:
        job = compose.compose_config(item.words)
        schema.check_nodes(job)
