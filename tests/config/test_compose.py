"""Wrong command lines get one line; right ones compose. Stage 2 is seen in test_run.py as well."""

import subprocess
import sys
from pathlib import Path

import pytest

from fer.common.errors import InputError
from fer.config import compose, schema
from fer.config.paths import claim_folder, conf_folder
from fer.config.schema import SUPPLIED
from fer.runs.preflight import check


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("model=r2 model.incep_mul=3", "model.incep_mul: no such key; did you mean 'incep_mult'?"),
        ("model=r3", "model=r3: no such option; choose from r1, r2"),
        ("model=null", "model=null: no such option; choose from r1, r2"),
        ("modle=r1", "modle: no such key; did you mean 'model'?"),
        ("model=r2 model.incep_mult=abc", "model.incep_mult: 'abc', expected a whole number"),
        ("trainer.max_epochs=1.5", "trainer.max_epochs: 1.5, expected a whole number"),
        ("test=3", "test: 3, expected true or false"),
        ("monitor=[a]", "monitor: ['a'], expected a word"),
        ("model.channels=64", "model.channels: 64, expected a list such as [32, 64, 128, 256]"),
        ("model=r1,r2", "model=r1,r2: several values; a sweep wants -m"),
        ("drawn", "drawn: expected key=value"),
        ("+patiense=3", "patiense: no such key; did you mean 'patience'?"),
        ("+model.channels.foo=3", "model.channels.foo: model.channels has no keys of its own"),
        ("++trainer.max_epochs=abc", "trainer.max_epochs: 'abc', expected a whole number"),
        ("++modle.dropout=0.1", "modle: no such key; did you mean 'model'?"),
        ("--config-name=mine", "--config-name=mine: no such option; there are key=value, -m and --help"),
        ("data.path=übung/x.csv", "data.path=übung/x.csv: no value that Hydra can read; meant as a "
         "word, it is quoted twice: 'data.path=\"übung/x.csv\"'"),
        ("-m hydra.sweeper.params={seed:1}", "hydra.sweeper.params={seed:1}: name the "
         "values as in optim.lr=1e-3,3e-3"),
        ("-m model=glob(*)", "model=glob(*): name the values, as in model=a,b"),
        ("hydra.run.dri=x", "Key 'dri' not in 'RunDir'"),
        ("-m hydra/launcher=nowhere", "In 'hydra/config': Could not find 'hydra/launcher/nowhere'"),
        ("-m trainer.devices=2", "trainer: a sweep (-m) wants devices=1 and num_nodes=1; each "
         "process of several would start the sweep again"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_said_in_one(arguments: str, line: str) -> None:
    with pytest.raises(InputError) as fault:
        compose.compose_jobs(arguments.split())
    assert str(fault.value) == line


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
        assert len(compose.compose_jobs(words)) == 1
    for words, folder in (
        (["hydra.run.dir=run"], "run"),
        (["hydra.run.dir=run", "ckpt_path=sweep/1_r1/checkpoints/last.ckpt"], "run"),
        (["-m", "hydra.sweep.dir=sweep", "seed=0,1"], "sweep/1_r1"),
        (["-m", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=1_r1"], "sweep/1_r1"),
    ):
        with pytest.raises(InputError, match=f"dir: {folder} holds a finished run; choose another"):
            compose.compose_jobs(words)


def test_a_sweep_is_refused_whole_and_the_line_names_the_job() -> None:
    with pytest.raises(InputError, match=r"in the job model=r1 model.incep_mult=2"):
        compose.compose_jobs(["-m", "model=r1,r2", "model.incep_mult=2,3"])


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        ("", 1),
        ("-m model=r1,r2 optim.lr=1e-4,5e-5", 4),
        ("experiment=cpu_hour data.split=random data.seed=78", 1),
        ("-m data.split=kfold data.fold=0,1,2,3,4", 5),
        ("experiment=lab_r1 trainer.devices=[0,1]", 1),
        ("trainer.devices=auto", 1),
        ("experiment=cpu_fast resolutions=null", 1),
        ("experiment=gpu_r1 ema=null", 1),
        ("-m experiment=cpu_fast seed=0,1 loss=cross_entropy,focal,logit_adjusted", 6),
        ("-m experiment=cpu_fast loss.class_weights=balanced data.sampler=balanced,shuffle", 2),
        ("data=drawn +trainer.limit_train_batches=2", 1),
        ('data.path="übung_(1),b/x.csv"', 1),
        ("hydra.run.dir=here", 1),
        ("--help", 0),
    ],
)
def test_right_lines_give_their_jobs(arguments: str, jobs: int) -> None:
    composed = compose.compose_jobs(arguments.split())
    assert len(composed) == jobs
    for job in composed:
        schema.check_targets(job, SUPPLIED)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("+model.chanels=[1]", "model.chanels: R1 has no such parameter; did you mean 'channels'?"),
        ("+model.classes=8", "model.classes: comes from the program, no config sets it"),
        ("~model.channels", "model.channels: missing, and R1 cannot do without"),
        ("+data.split_file=3", "data.split_file: 3, expected a word or null"),
        ("model.norm=layer", "model.norm: 'layer', expected none or batch"),
        ("~model._target_", "model._target_: missing, and nothing else says what model is"),
        ("optim._target_=fer.optim.nope", "optim._target_: there is no fer.optim.nope"),
    ],
)
def test_the_constructors_are_the_schema(arguments: str, line: str) -> None:
    (job,) = compose.compose_jobs([arguments])
    with pytest.raises(InputError) as fault:
        schema.check_targets(job, SUPPLIED)
    assert str(fault.value) == line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("ema=abc", "ema: 'abc', expected a number or null"),
        ("ema=1.0", "ema: 1.0, expected a decay between 0 and 1, or null"),
        ("profiler=abc", "profiler: 'abc', expected torch or null"),
        ("patience=abc", "patience: 'abc', expected a whole number or null"),
        ("patience=0", "patience: 0, expected 1 epoch or more, or null"),
        ("seed=5000000000", "seed: 5000000000, expected 0 to 4294967295"),
        ("resolutions=48", "resolutions: 48, expected a list in brackets or null"),
        ("resolutions=[32.5]", "resolutions[0]: 32.5, expected a whole number"),
        ("resolutions=[64]", "resolutions: 64, expected 1 to the faces' 48 pixels"),
        ("ckpt_path=1", "ckpt_path: 1, expected a word or null"),
        ("teacher=[1]", "teacher[0]: 1, expected a word"),
        ("teacher_weight=0.8", "teacher_weight: 0.8, but no teacher; name finished runs, teacher=[RUN,RUN]"),
        ("~seed", "seed: missing; train.yaml has it, only its value can be changed"),
        ("trainer.max_epochs=0", "trainer.max_epochs: 0, and nothing would be trained or measured"),
        ("trainer.gradient_clip_val=abc", "trainer.gradient_clip_val: 'abc', expected 0 or more"),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches: 0, expected 1 or more"),
        ("+trainer.max_time=00:00:10:00 trainer.max_epochs=null", "trainer.max_epochs: null, and by trainer.max_time "
         "alone no schedule knows where it is; name epochs, which the time may cut short"),
        ("+trainer.plugins=[]", "trainer.plugins: comes from the program, no config sets it"),
        ("trainer.precision=bf16-true", "trainer.precision: bf16-true, expected auto, 32-true, bf16-mixed or 16-mixed"),
        ("trainer.max_epochs=-1", "trainer.max_epochs: -1, expected 1 or more"),
        ("+trainer.limit_test_batches=0", "trainer.limit_test_batches: 0, and nothing would be trained or "
         "measured"),
        ("+trainer.val_check_interval=1", "trainer.val_check_interval: 1; each epoch is validated, at its "
         "end"),
        ("+trainer.overfit_batches=1", "trainer.overfit_batches: 1; +trainer.limit_train_batches takes a part "
         "of an epoch"),
        ("optim.betas=[0.9]", "optim or schedule: betas: [0.9], expected two numbers"),
        ("+trainer.check_val_every_n_epoch=2", "trainer.check_val_every_n_epoch: 2; each epoch is "
         "validated, at its end"),
    ],
)  # fmt: skip
def test_settings_are_checked_before_a_run_starts(arguments: str, line: str) -> None:
    (job,) = compose.compose_jobs(["data=drawn", *arguments.split()])
    with pytest.raises(InputError) as fault:
        schema.check_targets(job, SUPPLIED)
        check(job)
    assert str(fault.value) == line


def test_every_option_of_every_group_composes_and_fits_its_constructor() -> None:
    options = sorted(conf_folder().glob("*/*.yaml"))
    assert len(options) > 15
    for path in options:
        (job,) = compose.compose_jobs([f"{path.parent.name}={path.stem}"])
        schema.check_targets(job, SUPPLIED)


def test_a_taken_run_folder_gets_a_suffix(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {claim_folder("r1") for _ in range(3)}
    assert len(folders) == 3 and all(Path(folder).is_dir() for folder in folders)


def test_the_first_stage_does_not_load_torch() -> None:
    code = (
        "import sys; from fer.config import compose; compose.compose_jobs(['data=drawn']); "
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(compose.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
