"""Wrong commands get one line, right ones compose."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.common.run_folder import claim_folder
from fer.config import compose, schema
from fer.config.paths import conf_folder
from fer.runs.preflight import check


def composed(arguments: str | list[str]) -> list[DictConfig]:
    """The checked configs of a command, one for each choice of groups where it opens with -m."""
    overrides = arguments.split() if isinstance(arguments, str) else list(arguments)
    if "-m" not in overrides:
        each = [[compose.compose_config(overrides)]]
    else:
        each = compose.compose_sweep([word for word in overrides if word != "-m"])
    for cfg in itertools.chain(*each):
        schema.check_config(cfg)
    return [first for first, *_ in each]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("model=r2 model.incep_mul=3", ["model.incep_mul: ", "'incep_mult'"]),
        ("model=r3", ["model=r3: ", "r1, r2"]),
        ("model=null", ["model=null: ", "r1, r2"]),
        ("modle=r1", ["modle: ", "'model'"]),
        ("++modle.dropout=0.1", ["modle: ", "model.dropout=0.1"]),
        ("+patiense=3", ["patiense: ", "'patience'"]),
        ("+model.channels.foo=3", ["model.channels.foo: ", "model.channels has no keys"]),
        ("model=r2 model.incep_mult=abc", ["model.incep_mult: 'abc'", "integer"]),
        ("model.channels=64", ["model.channels: 64", "array"]),
        ("trainer.max_epochs=1.5", ["trainer.max_epochs: 1.5", "integer"]),
        ("trainer.max_epochs=0", ["trainer.max_epochs: 0", "equal to 1"]),
        ("trainer.devices=[a]", ["trainer.devices: ['a']", "integer"]),
        ("trainer.precision=bf16-true", ["trainer.precision: 'bf16-true'", "'bf16-mixed'"]),
        ("+trainer.limit_test_batches=0", ["trainer.limit_test_batches: 0"]),
        ("+trainer.overfit_batches=1", ["trainer.overfit_batches: ", "no such key"]),
        ("+trainer.plugins=[]", ["trainer.plugins: ", "no such key"]),
        ("test=3", ["test: 3", "boolean"]),
        ("seed=5000000000", ["seed: 5000000000", "4294967296"]),
        ("ema=1.0", ["ema: 1.0", "less than 1"]),
        ("profiler=abc", ["profiler: 'abc'", "'torch'"]),
        ("resolutions=[32.5]", ["resolutions[0]: 32.5", "integer"]),
        ("teacher=[1]", ["teacher[0]: 1", "string"]),
        ("model=r1,r2", ["model=r1,r2: ", "-m"]),
        ("drawn", ["drawn: ", "key=value"]),
        ("data.path=übung/x.csv", ["data.path=übung/x.csv: ", "'data.path=\"übung/x.csv\"'"]),
        ("-m optim.lr=interval(1e-4,1e-2)", ["optim.lr=interval(1e-4,1e-2): ", "basic"]),
        ("-m optim.rate=interval(1,2) hydra/sweeper=x", ["optim.rate: "]),
        ("-m optim.lr=interval(1,2) hydra/sweeper=x", ["hydra/sweeper/x"]),
        ("-m hydra.sweeper.params={seed:1}", ["hydra.sweeper.params={seed:1}: ", "basic"]),
        ("-m model=glob(x*)", ["model=glob(x*): ", "r1, r2"]),
        ("-m model.dropout=0.1,abc", ["model.dropout: 'abc'", "number"]),
        ("-m seed=0,1.5", ["seed: 1.5", "integer"]),
        ("-m trainer.max_epochs=1,0", ["trainer.max_epochs: 0"]),
        ("-m model=r1,r2 model.incep_mult=2,3", ["model.incep_mult: ", "(in model=r1)"]),
        ("hydra.run.dri=x", ["'dri'"]),
        ("-m hydra/launcher=nowhere", ["hydra/launcher/nowhere"]),
        ("-m trainer.devices=2", ["trainer.devices: 2", "-m"]),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_line(arguments: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as fault:
        composed(arguments)
    line = str(fault.value)
    assert line.startswith(parts[0]) or len(parts) == 1, line
    assert [part for part in parts if part not in line] == [] and "\n" not in line


def test_a_folder_in_which_a_run_has_ended_is_not_written_again(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("run", "sweep/0_r1", "sweep/1_r1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sweep/2_r1").mkdir()
    for folder in ("run", "sweep/1_r1"):
        (tmp_path / folder / "summary.json").touch()
    others = [["hydra.run.dir=sweep/0_r1"], ["hydra.run.dir=new"], ["-m", "hydra.sweep.dir=new"]]
    others += [["-m", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=0_r1"]]
    others += [["-m", "hydra.run.dir=run"], ["hydra.sweep.dir=sweep"]]  # not of this mode
    own = ["hydra.run.dir=run", f"ckpt_path={tmp_path}/run/checkpoints/last.ckpt"]
    for words in (*others, own):
        assert len(composed(words)) == 1
    for words, folder in (
        (["hydra.run.dir=run"], "run"),
        (["hydra.run.dir=run", "ckpt_path=sweep/1_r1/checkpoints/last.ckpt"], "run"),
        (["-m", "hydra.sweep.dir=sweep", "seed=0,1"], "sweep/1_r1"),
        (["-m", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=1_r1"], "sweep/1_r1"),
    ):
        with pytest.raises(InputError, match=f"dir: {folder} holds a finished run; choose another"):
            composed(words)


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
def test_training_alone_needs_a_place_and_names_the_key_that_moves_it(
    key: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").touch()
    assert len(composed([])) == 1
    compose.check_place([f"{key}=here"], key)
    for words in ([], [f"{key}=runs/x"]):
        with pytest.raises(InputError, match=f"^{key}: .*runs is no folder; .* with {key}=DIR$"):
            compose.check_place(words, key)


@pytest.mark.parametrize(
    ("arguments", "configs"),
    [
        ("", 1),
        ("experiment=lab_r1 trainer.devices=[0,1]", 1),
        ("trainer.devices=auto", 1),
        ("experiment=cpu_fast resolutions=null", 1),
        ("data=drawn +trainer.limit_train_batches=2", 1),
        ('data.path="übung_(1),b/x.csv"', 1),
        ("-m model=r1,r2 optim.lr=1e-4,5e-5", 2),  # one for each choice of groups
        ("-m model=glob(*) seed=range(0,5)", 2),
        ("-m seed=choice(0,1) data.fold=shuffle(range(0,3))", 1),
    ],
)
def test_right_commands_compose(arguments: str, configs: int) -> None:
    assert len(composed(arguments)) == configs


def test_a_sweep_has_the_first_of_its_values() -> None:
    first, second = composed("-m model=r1,r2 seed=3,4 'data.path=a,b'".replace("'", ""))
    assert (first.seed, first.data.path, second.seed) == (3, "a", 3)
    assert "incep_mult" in second.model and "incep_mult" not in first.model


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("model.norm=layer", ["model.norm: 'layer'", "'batch'"]),
        ("+data.split_file=3", ["data.split_file: 3", "string"]),
        ("optim._target_=fer.optim.nope", ["optim._target_: ", "fer.optim.nope"]),
        ("resolutions=[64]", ["resolutions: 64", "48"]),
        ("teacher_weight=0.8", ["teacher_weight: 0.8", "teacher="]),
        ("+trainer.max_time=00:00:10:00 trainer.max_epochs=null", ["trainer.max_epochs: null"]),
        ("optim.betas=[0.9]", ["betas"]),
        ("~seed", ["seed: missing"]),
    ],
)
def test_the_second_stage_is_one_line_before_a_run_starts(arguments: str, parts: list[str]) -> None:
    job = compose.compose_config(["data=drawn", *arguments.split()])
    with pytest.raises(InputError) as fault:
        check(job)
    assert [part for part in parts if part not in str(fault.value)] == []


OPTIONS = sorted(path for path in conf_folder().glob("*/[!_]*.yaml"))


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_option_fits_its_constructor(path: Path) -> None:
    schema.check_nodes(compose.compose_config([f"{path.parent.name}={path.stem}"]))


def test_a_taken_run_folder_gets_a_suffix(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {claim_folder("r1") for _ in range(3)}
    assert len(folders) == 3 and all(Path(folder).is_dir() for folder in folders)


def test_the_first_stage_does_not_load_torch() -> None:
    code = (
        "import sys; from fer.config import compose; compose.compose_config(['data=drawn']); "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(compose.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
