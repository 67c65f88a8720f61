"""`python train.py`: wrong commands, the state of a run, sweepers of others, and --help."""

import copy
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from fer.cli import train
from fer.common.errors import InputError
from fer.config import compose
from fer.runs.status import config_hash

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")
SMALL = "data=drawn data.count=500 trainer=debug model.channels=[4] model.repeats=[1]".split()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("model=r2 model.incep_mul=3", ["model.incep_mul: ", "'incep_mult'"]),
        ("model=r3", ["model=r3: ", "r1, r2"]),
        ("+model.x=1", ["model.x: "]),
        ("model=r2 model.incep_mult=abc", ["model.incep_mult: 'abc'"]),
        ("model=r2 model.incep_mult=0", ["model.incep_mult: 0"]),
        ("model.repeats=[1,1]", ["model.repeats: "]),
        ("model.channels=[2,2,2,2,2,2,2] model.repeats=[1,1,1,1,1,1,1]", ["model", "48"]),
        ("trainer=gpu", ["trainer.accelerator: ", "trainer=cpu"]),
        ("data=fer2013 data.path=/nowhere.csv", ["/nowhere.csv"]),
        ("monitor=test/acc", ["monitor: 'test/acc'"]),
        ("data.channels=[original,edges]", ["data.channels", "'edges'"]),
        ("model=r1,r2", ["model=r1,r2: ", "-m"]),
        ("--config-name=mine", ["--config-name=mine: ", "--config-dir"]),
        ("--lr 0.1", ["--lr: ", "optim.lr=0.1"]),
        ("-m optim.lr=interval(1e-4,1e-2)", ["optim.lr=interval(1e-4,1e-2): "]),
    ],
)
def test_a_wrong_command_is_one_line_and_leaves_no_folder(
    arguments: str, parts: list[str], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    data = [] if "data=" in arguments else ["data=drawn"]
    assert train.main([*data, *arguments.split()]) == 2
    printed = capsys.readouterr()
    assert [part for part in parts if part not in printed.err] == []
    assert printed.err.count("\n") == 1 and printed.out == "" and not any(tmp_path.iterdir())


FACES = {
    "cut": ("0,7 7 7,Training", "line 2"),
    "pixel": ("0," + " ".join(["300"] * 2304) + ",Training", "300"),
    "emotion": ("9," + " ".join(["7"] * 2304) + ",Training", "9"),
    "empty": ("", "empty.csv"),
}


@pytest.mark.parametrize("name", FACES)
def test_a_wrong_csv_is_one_line_and_a_failed_state(
    name: str, tmp_path: Path, monkeypatch, capfd
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    row, part = FACES[name]
    Path(f"{name}.csv").write_text(f"emotion,pixels,Usage\n{row}" if row else "")
    words = [f"data.path={name}.csv", "trainer=debug", "hydra.run.dir=run", "hydra.job.chdir=true"]
    assert train.main(words) == 1
    printed = capfd.readouterr().err
    assert printed.count("\n") == 1 and f"{name}.csv" in printed and part in printed
    status = json.loads(Path("run/status.json").read_text())
    assert status["state"] == "failed" and f"{name}.csv" in status["error"]
    assert not list(Path("cache").rglob("*.npy"))


def test_a_process_that_fails_next_to_the_first_ends_by_1(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    Path("empty.csv").touch()
    assert train.main(["data.path=empty.csv", "trainer=debug", "hydra.run.dir=run"]) == 1
    assert not Path("run/status.json").exists()


def test_a_budget_makes_another_experiment() -> None:
    words = ([], ["budget=1min"], ["budget=2min"])
    hashes = {config_hash(compose.compose_config(["data=drawn", *each])) for each in words}
    assert len(hashes) == 3


@pytest.mark.parametrize("budget", ["budget=2min", "budget=null,2min", "budget=2min,null"])
def test_a_budget_and_epochs_are_not_typed_together(budget: str) -> None:
    with pytest.raises(InputError, match=r"^budget: 2min .* trainer\.max_epochs=3$"):
        compose.compose_sweep(["data=drawn", budget, "trainer.max_epochs=3"])


def test_the_state_of_a_run_is_in_its_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert train.main([*SMALL, "seed=0", "hydra.run.dir=run"]) == 0
    status = json.loads(Path("run/status.json").read_text())
    keys = "overrides state pid host started seconds metrics error config_hash"
    assert list(status) == keys.split()
    assert status["state"] == "done" and status["error"] is None and status["pid"] == os.getpid()
    assert status["overrides"] == [*SMALL, "seed=0"] and status["seconds"] > 0
    summary = json.loads(Path("run/summary.json").read_text())
    assert status["metrics"] == {"val/acc": summary["monitored"]}
    own, other = (config_hash(compose.compose_config([*SMALL, f"seed={seed}"])) for seed in (0, 1))
    assert status["config_hash"] == own != other


def test_a_job_that_its_own_check_refuses_fails_alone(tmp_path: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["-m", *SMALL[:-1], "model.repeats=[1],[1,1]", "hydra.sweep.dir=sweep"]
    assert train.main(words) == 1
    states = [
        json.loads(Path(f"sweep/{number}_r1/status.json").read_text())["state"] for number in (0, 1)
    ]
    assert states == ["done", "failed"]
    assert "model.repeats: " in capfd.readouterr().err


class Listing(Sweeper):
    """Writes what it was given into a file."""

    def __init__(self, params: dict) -> None:
        self.params = params

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def sweep(self, arguments: list[str]) -> None:
        Path("given.json").write_text(json.dumps([list(arguments), dict(self.params)]))


def test_intervals_and_params_reach_a_sweeper_that_knows_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    store, plugins = ConfigStore.instance(), Plugins.instance()
    monkeypatch.setattr(store, "repo", copy.deepcopy(store.repo))
    package, module = ModuleType("hydra_plugins"), ModuleType("hydra_plugins.listing")
    package.listing, module.Listing = module, Listing
    for each in (package, module):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    node = {"_target_": "hydra_plugins.listing.Listing", "params": {}}
    store.store(group="hydra/sweeper", name="listing", node=node, provider="test")
    monkeypatch.setitem(plugins.class_name_to_class, node["_target_"], Listing)
    drawn = ["optim.lr=interval(0.0001,0.01)", "model=glob(*)", "model.dropout=choice(0.1,0.2)"]
    params = "+hydra.sweeper.params={seed:'range(0,3)'}"
    more = ["hydra/sweeper=listing", "hydra.sweep.dir=sweep"]
    assert train.main(["-m", "data=drawn", *drawn, params, *more]) == 0
    arguments, given = json.loads(Path("given.json").read_text())
    assert arguments == ["data=drawn", *drawn] and list(given) == ["seed"]


def test_help_shows_what_each_key_means(capsys) -> None:
    assert train.main(["model=r2", "data=ferplus", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    columns = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines if line.strip()}
    assert columns["model"][0] == "r2" and "r1" in columns["model"][1]
    assert columns["seed"][0] == "0" and "seeds" in columns["seed"][1]
    assert columns["model.incep_mult"][0] == "1" and "width" in columns["model.incep_mult"][1]
    assert columns["data.votes"][0] == "null"
    assert columns["data.batch_size"][0] == "128" and columns["data.batch_size"][1:]  # a parent's


def test_help_of_a_wrong_command_is_its_line(capsys) -> None:
    assert train.main(["model=r3", "--help"]) == 2
    assert "model=r3: " in capsys.readouterr().err
