"""Runs found, grouped over seeds, ranked by validation: hand-made folders, scipy, the command itself."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from scipy import stats

from fer.cli import compare as command
from fer.data.labels import EMOTIONS
from fer.runs.compare.table import (
    differing,
    interval,
    mixed,
    other_faces,
    ranked,
    repetitions,
    telling,
)
from fer.runs.finished import find

ROOT = Path(__file__).parents[2]
FER = "import sys; from fer.cli.main import main; sys.exit(main())"
CONFIG = {
    "model": {"_target_": "fer.models.r1.R1", "channels": [32, 64], "dropout": 0.2},
    "data": {"_target_": "fer.data.module.FER2013", "seed": 0, "split": "official"},
    "optim": {"_target_": "fer.training.optimizers.adamw", "lr": 0.003, "betas": [0.9, 0.999]},
    "seed": 0,
    "ema": None,
}
CHOICES = {"hydra/launcher": "basic", "experiment": None, "model": "r1", "optim": "adamw"}


def make(
    folder: Path, *, val: float, test: float | None = None, typed=(), choices=(), **keys
) -> Path:
    """A run's folder: CONFIG with dotted keys (`optim__lr`) set, accuracy `val` and `test`."""
    config = json.loads(json.dumps(CONFIG))
    for name, value in keys.items():
        *groups, key = name.split("__")
        node = config[groups[0]] if groups else config
        node[key] = value
    numbers = {"val/acc": val, "val/mean_acc": 1 - val, "val/ece": val / 10}
    numbers["val/clean_ece"] = numbers["val/ece"]
    if test is not None:
        numbers |= {"test/acc": test, "test/clean_acc": test, "test/mean_acc": test, "gap": 0.1}
        numbers |= {f"test/recall_{name}": test / 2 for name in EMOTIONS}
    numbers |= {"parameters": 717_895, "gflop": 0.13, "training_seconds": 500.0}
    hydra = {"hydra": {"runtime": {"choices": CHOICES | dict(choices)}, "dir": "${run_folder:r1}"}}
    (folder / ".hydra").mkdir(parents=True)
    for file, content in (("config", config), ("hydra", hydra), ("overrides", list(typed))):
        (folder / ".hydra" / f"{file}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "summary.json").write_text(json.dumps(numbers))
    return folder


def lines(*places: Path, by: str = "val/acc") -> list[dict]:
    rows, _ = repetitions(find(places)[0])
    return ranked(rows, by=by)


def test_the_interval_is_students() -> None:
    numbers = [0.62, 0.66, 0.64, 0.70]
    mean, half = interval(numbers)
    assert mean == pytest.approx(0.655)
    low, high = stats.t.interval(0.95, 3, loc=mean, scale=stats.sem(numbers))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    # By hand, from a table of t: 12.706 at one degree of freedom, deviation sqrt(2), over sqrt(2).
    assert interval([1.0, 3.0]) == pytest.approx((2.0, 12.706), abs=1e-3)
    assert interval([0.5]) == (0.5, None)


def test_runs_that_differ_in_seeds_alone_are_one_row(tmp_path: Path) -> None:
    make(tmp_path / "a", val=0.60, test=0.58, seed=0)
    make(tmp_path / "b", val=0.62, test=0.60, seed=1)
    make(tmp_path / "c", val=0.64, test=0.62, seed=1, data__seed=7)
    make(tmp_path / "d", val=0.66, test=0.64, seed=1, data__seed=7, data__fold=2)
    make(tmp_path / "e", val=0.61, test=0.70, optim__lr=0.01)
    first, second = lines(tmp_path)
    assert (first["rank"], first["optim.lr"], first["n"]) == (1, "0.003", 4)
    assert first["val/acc"] == pytest.approx(0.63) and first["test/acc"] == pytest.approx(0.61)
    half = 3.182446 * math.sqrt(0.002 / 3) / 2  # t at 3 degrees of freedom; deviations 3, 1, 1, 3
    assert first["val/acc_ci95"] == pytest.approx(half, rel=1e-5)
    assert first["test/recall_disgust"] == pytest.approx(0.305)
    assert first["runs"] == " ".join(str(tmp_path / name) for name in "abcd")
    assert (second["rank"], second["optim.lr"], second["n"]) == (2, "0.01", 1)
    assert second["val/acc_ci95"] is None and str(first["parameters"]) == "717895"


def test_a_run_that_went_on_is_a_repetition_all_the_same(tmp_path: Path) -> None:
    make(tmp_path / "a", val=0.60, seed=0)
    words = {"ckpt_path": "a/checkpoints/last.ckpt", "trainer": {"enable_progress_bar": False}}
    make(tmp_path / "b", val=0.62, seed=1, **words)
    (line,) = lines(tmp_path)
    assert line["n"] == 2 and not {"ckpt_path", "trainer.enable_progress_bar"} & set(line)


def noted(folder: Path, **facts) -> Path:
    """A folder of `make` with facts of its summary.json set."""
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
    return folder


def test_one_that_went_on_by_other_words_repeats_none(tmp_path: Path, caplog) -> None:
    make(tmp_path / "a", val=0.60, seed=0)
    noted(make(tmp_path / "b", val=0.70, seed=1, ckpt_path="c/last.ckpt"), changed=True)
    noted(make(tmp_path / "c", val=0.64, seed=2, ckpt_path="c/last.ckpt"), changed=False)
    assert [line["n"] for line in lines(tmp_path)] == [1, 2]
    caplog.set_level("INFO")
    assert command.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert f"note: {tmp_path}/b resumed with other options" in caplog.text


def test_the_seed_of_a_split_that_is_not_drawn_repeats_nothing(tmp_path: Path) -> None:
    for seed in (0, 1):
        noted(make(tmp_path / f"official{seed}", val=0.6, data__seed=seed), split_seed=None)
        drawn = make(tmp_path / f"random{seed}", val=0.6, data__split="random", data__seed=seed)
        noted(drawn, split_seed=seed)
    rows, repeated = repetitions(find([tmp_path])[0])
    assert [len(row) for row in rows] == [1, 2]
    assert [run.folder.name for run in repeated] == ["official0"]


def test_rows_of_other_faces_or_of_a_part_cut_short_are_told(tmp_path: Path) -> None:
    noted(make(tmp_path / "a", val=0.60), fingerprint="f")
    noted(make(tmp_path / "b", val=0.62, optim__lr=0.1), fingerprint="f")
    make(tmp_path / "e", val=0.62, optim__lr=0.3, data__seed=7)
    noted(tmp_path / "e", fingerprint="f", split_seed=None)  # it draws nothing
    for name in "ab":
        noted(tmp_path / name, split_seed=None)
    assert other_faces(repetitions(find([tmp_path])[0])[0]) == []
    noted(make(tmp_path / "c", val=0.62, optim__lr=0.2), fingerprint="g", split_seed=None)
    noted(make(tmp_path / "d", val=0.62, trainer={"limit_test_batches": 2}), split_seed=None)
    assert other_faces(repetitions(find([tmp_path])[0])[0]) == [
        "trainer.limit_test_batches",
        "fingerprint (summary.json)",
    ]


def test_every_number_of_the_test_has_its_mean_and_interval(tmp_path: Path) -> None:
    for seed in (0, 1):
        folder = make(tmp_path / str(seed), val=0.6, test=0.5 + seed / 10, seed=seed)
        summary = json.loads((folder / "summary.json").read_text())
        more = {"test/clean_ece": 0.1 + seed / 10, "test/clean_rows": 90}
        (folder / "summary.json").write_text(json.dumps(summary | more))
    (line,) = lines(tmp_path)
    assert line["test/clean_ece"] == pytest.approx(0.15) and line["test/clean_ece_ci95"] > 0
    assert "test/clean_rows" not in line


def test_a_row_of_other_faces_or_other_code_is_noted(tmp_path: Path) -> None:
    for seed, git in enumerate(("abc", "abc", "def")):
        make(tmp_path / str(seed), val=0.6, seed=seed)
        summary = json.loads((tmp_path / str(seed) / "summary.json").read_text())
        facts = {"git": git, "fingerprint": "f"}
        (tmp_path / str(seed) / "summary.json").write_text(json.dumps(summary | facts))
    runs, _ = find([tmp_path])
    assert mixed([runs]) == ["git"]
    assert mixed([runs[:2], runs[2:]]) == []


def test_ranks_follow_validation_and_what_is_asked_of_it(tmp_path: Path) -> None:
    make(tmp_path / "a", val=0.60, test=0.90, optim__lr=1.0)
    make(tmp_path / "b", val=0.70, test=0.10, optim__lr=2.0)
    for by, order in (
        ("val/acc", "ba"),
        ("val/mean_acc", "ab"),
        ("val/ece", "ab"),
        ("val/clean_ece", "ab"),
    ):
        found = lines(tmp_path, by=by)
        assert [Path(line["runs"]).name for line in found] == list(order), by
        assert [line["rank"] for line in found] == [1, 2]


def test_a_run_done_again_counts_once_the_later_one(tmp_path: Path) -> None:
    make(tmp_path / "09-00-00_r1", val=0.6)
    make(tmp_path / "10-00-00_r1", val=0.7)
    rows, repeated = repetitions(find([tmp_path])[0])
    (line,) = ranked(rows, by="val/acc")
    assert line["n"] == 1 and line["val/acc"] == 0.7
    assert [run.folder.name for run in repeated] == ["09-00-00_r1"]


def test_what_differs_and_what_of_it_is_news(tmp_path: Path) -> None:
    sgd = {"_target_": "fer.training.optimizers.sgd", "lr": 0.05, "momentum": 0.9}
    make(tmp_path / "a", val=0.60, model__dropout=0.3, seed=3)
    make(tmp_path / "b", val=0.61, optim=sgd, choices={"optim": "sgd"}, ema=0.998)
    runs, _ = find([tmp_path])
    follows = ["optim._target_", "optim.lr", "optim.betas", "optim.momentum"]
    assert set(differing(runs)) == {"optim", "model.dropout", "ema", *follows}
    assert telling(runs) == ["optim", "model.dropout", "ema"]  # the option says the rest
    typed = ["optim=sgd", "+optim.momentum=0.9"]
    make(tmp_path / "c", val=0.62, optim=sgd | {"lr": 0.1}, choices={"optim": "sgd"}, typed=typed)
    runs, _ = find([tmp_path])
    assert set(telling(runs)) == {"optim", "model.dropout", "ema", "optim.lr", "optim.momentum"}
    (line,) = [line for line in lines(tmp_path) if line["ema"] == "0.998"]
    assert (line["optim"], line["model.dropout"], line["optim.betas"]) == ("sgd", "0.2", "")


def test_runs_are_found_once_and_unfinished_ones_named(tmp_path: Path) -> None:
    first = make(tmp_path / "2026-11-24/09-00-00_sweep/0_r1", val=0.6)
    make(tmp_path / "2026-11-24/09-00-00_sweep/1_r1", val=0.7, optim__lr=0.1)
    dead = make(tmp_path / "2026-11-24/10-00-00_r1", val=0.7)
    (dead / "summary.json").unlink()
    runs, unfinished = find([tmp_path, first, tmp_path / "2026-11-24"])
    assert [run.folder.name for run in runs] == ["0_r1", "1_r1"]
    assert [folder.name for folder in unfinished] == ["10-00-00_r1"]


def test_without_a_test_part_its_columns_are_left_out(tmp_path: Path) -> None:
    make(tmp_path / "a", val=0.6)
    make(tmp_path / "b", val=0.7, optim__lr=0.1)
    assert not [name for name in lines(tmp_path)[0] if name.startswith("test/") or name == "gap"]
    make(tmp_path / "c", val=0.7, test=0.65, optim__lr=0.1, seed=1)
    first, second = lines(tmp_path)
    assert first["n"] == 2 and first["test/acc"] is None  # of one run alone it would mislead
    assert second["test/acc"] is None


def called(capsys, *arguments: object) -> tuple[int, str, str]:
    status = command.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def widest(printed: str) -> int:
    table = printed[printed.index(" runs in ") : printed.index("first:")]
    return max(map(len, table.splitlines()))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--by", "test/acc"], "--by test/acc: runs are ranked by validation alone: val/acc, "),
        (["--by", "val/f1"], "--by val/f1: no such number in "),
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "empty: no finished run in it, 0 unfinished"),
        (["damaged"], "summary.json: not as a run writes it (JSONDecodeError("),
        (["list"], "summary.json: not as a run writes it ("),
        (["config"], "hydra.yaml: not as a run writes it ("),
    ],
)
def test_a_wrong_command_gets_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch, capsys, arguments: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("good/run"), val=0.6)
    Path("empty").mkdir()
    (make(Path("damaged/run"), val=0.6) / "summary.json").write_text('{"val/acc": 0.6')
    (make(Path("list/run"), val=0.6) / "summary.json").write_text("[0.6]")
    (make(Path("config/run"), val=0.6) / ".hydra/hydra.yaml").write_text("hydra: {}\n")
    before = sorted(Path().rglob("*"))
    status, _, said = called(capsys, "good", *arguments)
    assert status == 2 and said.count("\n") == 1 and said.startswith("fer: ") and line in said
    assert sorted(Path().rglob("*")) == before


def test_the_command_prints_the_table_and_writes_it(tmp_path: Path, caplog, capsys) -> None:
    caplog.set_level("INFO")
    for seed in (0, 1):
        make(tmp_path / f"runs/plain{seed}", val=0.6 + seed / 100, test=0.6, seed=seed)
        make(tmp_path / f"runs/high{seed}", val=0.5, test=0.7, seed=seed, optim__lr=0.1)
    (make(tmp_path / "runs/dead", val=0.9) / "summary.json").unlink()
    status, _, said = called(capsys, tmp_path / "runs", "--out", tmp_path / "out")
    assert (status, said) == (0, "")
    printed = caplog.text
    assert f"left out, no summary.json yet: {tmp_path / 'runs/dead'}" in printed
    assert "4 runs in 2 rows, ranked by val/acc" in printed
    assert "60.50 ±6.35" in printed and "717,895" in printed  # t 12.706 times 0.5 points
    first = next(line for line in printed.splitlines() if line.startswith("1 "))
    assert first.split()[:5] == ["1", "0.003", "2", "60.50", "±6.35"]
    assert widest(printed) <= 120
    with open(tmp_path / "out/compare.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["optim.lr"] for row in rows] == ["0.003", "0.1"]
    assert float(rows[0]["val/acc"]) == pytest.approx(0.605) and rows[0]["n"] == "2"


def test_rows_of_other_faces_are_told(tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    for seed in (78, 79):  # repetitions over splits, one row
        make(tmp_path / f"one/{seed}", val=0.6, data__split="random", data__seed=seed)
    make(tmp_path / "planes/a", val=0.6, data__channels=["original", "sobel"])
    make(tmp_path / "planes/b", val=0.6, data__channels=["original"])
    make(tmp_path / "split/a", val=0.6, data__split="random", data__seed=78)
    make(tmp_path / "split/b", val=0.6)
    make(tmp_path / "debug/a", val=0.6, trainer={"limit_val_batches": 2})
    make(tmp_path / "debug/b", val=0.6)
    split, debug = "data.seed, data.split", "trainer.limit_val_batches"
    for folder, told in (("one", None), ("planes", None), ("split", split), ("debug", debug)):
        caplog.clear()
        assert command.main([str(tmp_path / folder), "--out", str(tmp_path / f"{folder}-out")]) == 0
        line = f"note: rows differ in {told}, so each has a validation part of its own"
        assert (line in caplog.text) == ("note: rows differ" in caplog.text) == (told is not None)


def test_many_differences_stand_above_the_numbers(tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    for name, long in (("a", 1), ("b", 2)):
        keys = {f"data__key_number_{number}": f"value {long} of {number}" for number in range(9)}
        make(tmp_path / name, val=long / 3, test=0.5, **keys)
    assert command.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert widest(caplog.text) <= 120
    assert "1: data.key_number_0=value 2 of 0, data.key_number_1=value 2 of 1" in caplog.text


@pytest.mark.slow
def test_real_runs_through_the_front_door(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def call(*words: str) -> str:
        command = [sys.executable, *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    small = "data=drawn data.count=1001 data.batch_size=32 data.sampler=balanced trainer=debug"
    choices = "loss=logit_adjusted,focal seed=0,1 test=false trainer.enable_progress_bar=false"
    call(str(ROOT / "train.py"), "-m", *small.split(), *choices.split())
    said = call("-c", FER, "compare", "runs", "--out", "out")
    with open(tmp_path / "out/compare.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["loss"] for row in rows} == {"focal", "logit_adjusted"}
    for row in rows:
        folders = [tmp_path / folder for folder in row["runs"].split()]
        found = [json.loads((folder / "summary.json").read_text())["val/acc"] for folder in folders]
        assert len(found) == 2 and float(row["val/acc"]) == pytest.approx(sum(found) / 2)
    assert said.splitlines()[2].split()[:3] == ["#", "loss", "n"]
