"""Finished runs measured again through the front door, and every way to flatter them refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from fer.cli import ensemble, evaluate, pack, subcommand
from fer.common.errors import InputError
from fer.data import writers
from fer.data.sources import build_data
from fer.evaluation import protocol
from fer.evaluation.measure import Measuring
from fer.models import checkpoint
from fer.models.classifier import restore
from fer.runs import preflight
from fer.runs.evaluate import evaluate as measure
from fer.runs.members import assemble, data_from_here

ROOT = Path(__file__).parents[2]
DATA = ["data=drawn", "data.count=1001"]
FILES = {
    "predictions.csv", "summary.csv", "summary.json", "confusion_matrix.csv", "confusion_matrix.png",
    "calibration.png", "predictions.png", "report.html",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")
SMALL = ["model.channels=[8,16]", "model.repeats=[1,1]", "trainer.precision=32-true"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, train_here, blank_pictures_of_module) -> Path:
    """`fair`; `packed`, the same; `swapped`, trained with other planes on what `fair` tests and more."""
    cwd = tmp_path_factory.mktemp("runs")

    def train(name: str, *words: str) -> None:
        fixed = [*DATA, "trainer=debug", *SMALL, f"hydra.run.dir={name}"]
        done = train_here(*fixed, *words, cwd=cwd)
        assert done.returncode == 0, done.stderr

    train("fair")
    split = json.loads((cwd / "fair/split.json").read_text())
    assert pack.main([str(cwd / "fair"), "--out", str(cwd / "packed")]) == 0
    train_rows, more = split["train"][:100], split["train"][100:]
    parts = {"train": split["test"] + more, "val": split["val"], "test": train_rows}
    (cwd / "swap.json").write_text(json.dumps(parts))
    words = ["data.split=file", "data.split_file=swap.json", "data.channels=[original,sobel]"]
    train("swapped", *words)
    return cwd


@pytest.fixture
def shipped(runs: Path, monkeypatch) -> None:
    """`packed` is the network that comes with the package."""
    monkeypatch.setattr(checkpoint, "WEIGHTS", runs / "packed")


@pytest.fixture
def called(runs: Path, monkeypatch, tmp_path: Path, capsys, caplog):
    """Calls a command in the folder of runs: its status, its folder, what it says in log and error."""
    monkeypatch.chdir(runs)
    caplog.set_level("INFO")

    def call(main, *words: str) -> tuple[int, Path, str, str]:
        caplog.clear()
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        status = main([*map(str, words), "--out", str(out)])
        return status, out, caplog.text, capsys.readouterr().err

    return call


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "predictions.csv")


def numbers(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def test_a_run_measured_again_gives_its_own_test(runs: Path) -> None:
    blank = "from matplotlib.figure import Figure; Figure.draw = lambda figure, renderer: None; "
    program = f"import sys; {blank}from fer.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "evaluate", "fair"],
        cwd=runs,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = runs.glob("runs/*/*_evaluate")
    assert {path.name for path in folder.iterdir()} == FILES
    for file in (file for file in FILES if file.endswith(".csv")):
        assert (folder / file).read_bytes() == (runs / "fair" / file).read_bytes()
    own, again = numbers(runs / "fair"), numbers(folder)
    tested = {key for key in own if key.startswith("test/")}
    assert tested and tested == {key for key in again if key.startswith("test/")}
    assert {key: own[key] for key in tested} == {key: again[key] for key in tested}
    assert (again["tta"], again["part"], again["split"]) == ("none", "test", "official")
    best = (runs / "fair/checkpoints/best.ckpt").read_bytes()
    assert again["sha256"] == [hashlib.sha256(best).hexdigest()]
    assert "mean recall" in done.stdout and "test, all 100 rows, all of them clean" in done.stdout


def test_a_packed_run_is_the_run_in_half_precision_and_calibrated(
    runs: Path, called, shipped
) -> None:
    own, summary = predictions(runs / "fair"), numbers(runs / "fair")
    facts = json.loads((runs / "packed/network.json").read_text())
    powers = own.filter(like="p_") ** (1 / facts["temperature"])
    calibrated = powers.div(powers.sum(axis=1), axis=0)
    assert facts["calibration"]["rows"] == 100 and facts["temperature"] != 1
    for place in ("packed", "shipped"):
        status, folder, said, error = called(evaluate.main, place)
        assert (status, error) == (0, "") and "packed/network.safetensors" in said
        found = predictions(folder)
        assert (found[["row", "label"]] == own[["row", "label"]]).all(axis=None)
        assert np.allclose(found.filter(like="p_"), calibrated, atol=4e-3)
        assert numbers(folder)["temperature"] == [facts["temperature"]]
        assert numbers(folder)["test/clean_rows"] == summary["test/clean_rows"]
    assert facts["results"] == summary


def test_only_a_finished_runs_best_epoch_brings_its_results(runs: Path, called) -> None:
    status, folder, said, _ = called(pack.main, "fair/checkpoints/last.ckpt")
    assert status == 0 and "packed without results, fair/" in said
    assert json.loads((folder / "network.json").read_text())["results"] is None
    read = checkpoint.read(folder), checkpoint.read(runs / "fair")
    assert read[0].seen == read[1].seen and read[0].recipe == read[1].recipe


def test_no_training_goes_on_from_a_packed_network(runs: Path) -> None:
    cfg = subcommand.config_of([*DATA, f"ckpt_path={runs / 'packed/network.safetensors'}"])
    with pytest.raises(
        InputError, match="^ckpt_path: .*network.safetensors is a packed or exported network"
    ):
        preflight.check(cfg)


def test_flip_is_the_mean_of_the_face_and_its_mirror(runs: Path, called) -> None:
    status, folder, _, error = called(evaluate.main, "fair/checkpoints/last.ckpt", "tta=flip")
    assert (status, error) == (0, "")
    kept = checkpoint.read(runs / "fair")
    cfg = OmegaConf.create(kept.recipe)
    classifier = restore(kept)
    data = build_data(cfg)
    faces = data.faces.images[data.parts.test][:, None]
    views = [torch.from_numpy(view.copy()) for view in (faces, np.flip(faces, 3))]
    with torch.no_grad():
        face, mirror = map(classifier, views)
    found = predictions(folder).filter(like="p_")
    assert np.allclose(found, (face + mirror) / 2, atol=1e-5)
    assert not np.allclose(found, face, atol=1e-5)
    assert numbers(folder)["tta"] == "flip"


def test_validation_is_never_called_test(called) -> None:
    status, folder, said, _ = called(evaluate.main, "fair", "part=val", "tta=shift")
    assert status == 0 and "validation, all 100 rows" in said
    named = {key.split("/")[0] for key in numbers(folder) if "/" in key}
    assert named == {"val"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["swapped", "data.split=official", "data.split_file=null"],
         "100 of 100 test rows are among the train rows of swapped/checkpoints/best.ckpt; choose "
         "part=test of the split it was trained with: data.split=file data.split_file=swap.json"),
        (["fair", "data.split=random", "data.seed=3"], "of 150 test rows are among the train rows of"),
        (["packed", "data.split=random", "data.seed=3"],
         "of 150 test rows are among the train rows of packed/network.safetensors"),
        (["shipped", "data.split=file", "data.split_file=chosen.json"],
         "100 of 100 test rows are among the val rows of packed/network.safetensors"),
        (["fair", "part=all"], "801 of 1001 test rows are among the train rows of fair"),
        (["fair", "data.split=file", "data.split_file=chosen.json"],
         "100 of 100 test rows are among the val rows of fair"),
        (["fair", "part=val", "data.split=file", "data.split_file=trained.json"],
         "100 of 100 val rows are among the train rows of fair"),
    ],
)  # fmt: skip
def test_what_it_was_trained_or_chosen_on_is_refused(
    runs: Path, called, shipped, words: list[str], line: str
) -> None:
    split = json.loads((runs / "fair/split.json").read_text())
    chosen = {"train": split["train"], "val": split["test"], "test": split["val"]}
    (runs / "chosen.json").write_text(json.dumps(chosen))
    trained = {"train": split["train"][100:], "val": split["train"][:100], "test": split["test"]}
    (runs / "trained.json").write_text(json.dumps(trained))
    status, folder, said, error = called(evaluate.main, *words)
    assert status == 1 and not folder.exists() and "accuracy" not in said
    assert line in error and error.count("\n") == 1


def test_a_run_that_has_not_ended_is_no_finished_one(runs: Path, called) -> None:
    shutil.copytree(runs / "fair/checkpoints", runs / "begun/checkpoints")
    status, folder, _, error = called(evaluate.main, "begun")
    assert status == 2 and not folder.exists() and error.count("\n") == 1
    assert error.startswith(
        "fer: begun: has no summary.json, so this run has not ended; resume it with"
    )
    assert called(evaluate.main, "begun/checkpoints/best.ckpt")[0] == 0


def test_predictions_are_gathered_before_the_trainer_ends(runs: Path, monkeypatch) -> None:
    # Afterwards Lightning takes the module to the CPU, and processes on GPUs can gather no more.
    monkeypatch.chdir(runs)
    met = []
    monkeypatch.setattr(Measuring, "teardown", lambda module, stage: met.append(module.gathered))
    members = assemble([checkpoint.read(Path("fair"))], [])
    measured = measure(members, part="test", tta="none")
    assert [len(rows) for rows, _, _ in met] == [len(measured.rows)] == [100]


@pytest.mark.parametrize("network", ["fair", "packed"])
def test_in_another_set_faces_it_has_seen_give_no_number(runs: Path, called, network: str) -> None:
    # One row less makes another set of it: now only pixels tell what was seen.
    writers.write_drawn(runs / "whole.csv", count=1001, seed=0)
    lines = (runs / "whole.csv").read_text().splitlines(keepends=True)
    (runs / "other.csv").write_text("".join([*lines[:10], *lines[11:]]))
    status, folder, said, error = called(
        evaluate.main, network, "data=fer2013", "data.path=other.csv", "part=all"
    )
    assert (status, error) == (0, "")
    table, summary = predictions(folder), numbers(folder)
    split = json.loads((runs / "fair/split.json").read_text())
    test = np.sort(split["test"])
    rows = np.delete(np.arange(1001), 9)  # each row's number in the whole set
    assert (table["seen"] == ~np.isin(rows, test)).all()
    assert summary["test/seen_rows"] == table["seen"].sum()
    assert summary["test/clean_rows"] == (table["seen"] == 0).sum()
    assert not {"test/acc", "test/rows", "test/ece"} & set(summary)
    clean = table[table["seen"] == 0]
    accuracy = (clean["label"] == clean["prediction"]).mean()
    assert summary["test/clean_acc"] == pytest.approx(accuracy)
    counted = pd.read_csv(folder / "confusion_matrix.csv", index_col="true").to_numpy()
    assert counted.sum() == len(clean)
    right_and_wrong = pd.read_csv(folder / "summary.csv")[["true_preds", "false_preds"]]
    assert right_and_wrong.sum().sum() == len(clean)
    assert "all 1,000 rows" not in said and "are not counted" in said


def test_a_set_of_nothing_but_copies_is_refused(runs: Path, called) -> None:
    writers.write_drawn(runs / "whole.csv", count=1001, seed=0)
    head, *rows = (runs / "whole.csv").read_text().splitlines(keepends=True)
    copies = [row for row in rows if row.rstrip().endswith("Training")][:20]
    (runs / "copies.csv").write_text("".join([head, *copies]))
    other = ["data=fer2013", "data.path=copies.csv", "part=all"]
    for main, networks in ((evaluate.main, ["packed"]), (ensemble.main, ["fair", "swapped"])):
        status, folder, said, error = called(main, *networks, *other)
        assert status == 1 and not folder.exists() and "accuracy" not in said
        assert "copies.csv: all 20 test rows are pixel-identical to images that " in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("first", ["fair", "shipped"])
def test_an_ensemble_is_the_mean_of_its_members(called, shipped, first: str) -> None:
    other = ["data=drawn", "data.count=500", "data.draw_seed=7"]
    alone = [called(evaluate.main, name, *other)[1] for name in (first, "swapped")]
    status, folder, said, error = called(ensemble.main, first, "swapped", *other)
    assert (status, error) == (0, "") and "mean of " in said
    expected = sum(predictions(each).filter(like="p_") for each in alone) / 2
    assert np.allclose(predictions(folder).filter(like="p_"), expected, atol=1e-6)
    assert {path.name for path in folder.iterdir()} == FILES
    assert len(numbers(folder)["checkpoints"]) == 2


def test_an_ensemble_has_seen_what_any_member_has(called) -> None:
    status, folder, _, error = called(ensemble.main, "fair", "swapped")
    assert status == 1 and not folder.exists()
    assert error.startswith("fer: 100 of 100 test rows are among the train rows of swapped/")


@pytest.mark.parametrize(
    ("main", "words", "line"),
    [
        (ensemble.main, ["fair"], "fer ensemble: 1 runs, expected two or more; "),
        (evaluate.main, ["fair", "swapped"], "swapped: expected key=value"),
        (evaluate.main, ["nowhere"], "nowhere: no such file; expected a run's folder, a checkpoint, "),
        (evaluate.main, ["fair/split.json"], "fair/split.json is no checkpoint of this project, or a "),
        (evaluate.main, ["shipped"], "shipped: no network in "),
        (pack.main, ["nowhere"], "nowhere: no such file; expected a run's folder, a checkpoint, a pac"),
        (evaluate.main, ["fair", "tta=rotate"], "tta=rotate: expected one of none, flip, shift"),
        (evaluate.main, ["fair", "part=train"], "part=train: expected one of test, val, all"),
        (evaluate.main, ["fair", "model.dropout=0"], "model.dropout: comes from the checkpoint; "),
        (evaluate.main, ["fair", "data.channels=[sobel]"], "data.channels: comes from the checkpoint"),
        (evaluate.main, ["fair", "trainer.devices=2"], "trainer.devices: comes from the checkpoint"),
        (evaluate.main, ["fair", "device=cpu"], "device=cpu: no such key here; did you mean trainer.acc"),
        (evaluate.main, ["fair", "split=val"], "split=val: no such key here; did you mean part=val?"),
        (evaluate.main, ["fair", "batch_size=9"], "batch_size: no such key; did you mean data.batch_size"),
        (evaluate.main, ["fair", "--tta=flip"], "fer evaluate: --tta=flip: no such option; did you mean tta=flip?"),
        (evaluate.main, ["fair", "--uot", "x"], "fer evaluate: --uot: no such option; did you mean --out?"),
        (evaluate.main, ["fair", "data.cuont=7"], "data.cuont: no such key; did you mean 'count'?"),
        (evaluate.main, ["fair", "data.count=few"], "data.count: 'few', expected "),
        (evaluate.main, ["fair", "data=photos"], "data=photos: no such option; choose from "),
        (evaluate.main, ["fair", "data=fer2013", "data.path=no.csv"], "data.path: no file "),
        (evaluate.main, ["fair", "data.seed=1,2"], "data.seed=1,2: expected key=value, one value"),
    ],
)  # fmt: skip
def test_a_wrong_command_gets_one_line(
    called, monkeypatch, main, words: list[str], line: str
) -> None:
    monkeypatch.setattr(checkpoint, "WEIGHTS", Path("none"))
    status, folder, _, error = called(main, *words)
    assert status == 2 and not folder.exists()
    assert error.startswith(f"fer: {line}") and error.count("\n") == 1


def test_a_runs_own_folder_is_not_written_over(runs: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(runs)
    for main in (evaluate.main, pack.main):
        assert main(["fair", "--out", "fair"]) == 2
        assert "--out: fair is a run's own folder; choose another" in capsys.readouterr().err
        for out in ("fair/metrics.csv", "fair/metrics.csv/new"):
            assert main(["fair", "--out", out]) == 2
            assert f"--out: {out} is no folder, or lies in a file" in capsys.readouterr().err


@pytest.mark.parametrize("main", [evaluate.main, pack.main])
def test_a_place_that_cannot_be_written_is_found_before_measuring(
    main, runs: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for words in ([], ["--out", "new"]):
        assert main(["fair", *words]) == 2
        assert "cannot be written; choose another folder with --out" in capsys.readouterr().err


def test_data_of_a_recipe_are_found_from_elsewhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("start/faces.csv", "start/runs/day/run/checkpoints/best.ckpt", "other/here.csv"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    monkeypatch.chdir("other")
    best = Path("../start/runs/day/run/checkpoints/best.ckpt")
    typed = {"path": "faces.csv", "votes": "here.csv", "split_file": None}
    found = SimpleNamespace(path=best, recipe={"data": typed})
    data = data_from_here(found)
    assert data == typed | {"path": str(tmp_path / "start/faces.csv")}
    Path("../run/checkpoints").mkdir(parents=True)
    Path("../run/.hydra").mkdir()
    Path("../run/.hydra/hydra.yaml").write_text(
        "hydra:\n  runtime:\n    cwd: " + f"{tmp_path}/start\n"
    )
    moved = SimpleNamespace(path=Path("../run/checkpoints/best.ckpt"), recipe={"data": typed})
    assert data_from_here(moved) == data


def test_a_run_goes_on_with_its_own_rows_only(runs: Path) -> None:
    last = f"ckpt_path={runs / 'fair/checkpoints/last.ckpt'}"
    same = subcommand.config_of([*DATA, last])
    assert len(protocol.record_of_run(same, build_data(same))) == 1
    other = subcommand.config_of([*DATA, last, "data.split=random"])
    with pytest.raises(InputError, match="ckpt_path: .*last.ckpt was trained on other rows than"):
        protocol.record_of_run(other, build_data(other))


def test_a_run_does_not_go_on_beside_the_best_epoch_of_other_rows(
    runs: Path, tmp_path: Path
) -> None:
    for name, origin in (("last", "fair"), ("best", "swapped")):
        shutil.copy(runs / origin / f"checkpoints/{name}.ckpt", tmp_path)
    cfg = subcommand.config_of([*DATA, f"ckpt_path={tmp_path / 'last.ckpt'}"])
    with pytest.raises(InputError, match="ckpt_path: .*best.ckpt was trained on other rows than"):
        protocol.record_of_run(cfg, build_data(cfg))
