"""What people type: the right thing where it can mean one alone, else the words that lead there."""

import importlib
import shlex
from pathlib import Path

import pytest

from fer.cli.main import COMMANDS
from fer.common.errors import InputError
from fer.config import compose, meant, schema
from fer.config.paths import conf_folder, options_of


def refused(line: str) -> str:
    """The message that a command gets."""
    with pytest.raises(InputError) as fault:
        schema.check_config(compose.compose_config(meant.expand(shlex.split(line))))
    assert "\n" not in str(fault.value)
    return str(fault.value)


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("batch_size=64", "data.batch_size=64"),
        ("data.batchSize=64", "data.batch_size=64"),
        ("train.batch-size=64", "data.batch_size=64"),
        ("max_epochs=3", "trainer.max_epochs=3"),
        ("epochs=3", "trainer.max_epochs=3"),
        ("training.num_epochs=3", "trainer.max_epochs=3"),
        ("lr=0.1", "optim.lr=0.1"),
        ("model.learning_rate=0.1", "optim.lr=0.1"),
        ("optimizer=sgd", "optim=sgd"),
        ("optimizer.lr=0.1", "optim.lr=0.1"),
        ("dropout=0.3", "model.dropout=0.3"),
        ("precision=16", "trainer.precision=16"),
        ("gpus=2", "trainer=gpu trainer.devices=2"),
        ("+trainer.gpus=2", "trainer=gpu trainer.devices=2"),
        ("fast_dev_run=true", "trainer=debug"),
        ("trainer.fast_dev_run=true", "trainer=debug"),
        ("resume=runs/x", "ckpt_path=runs/x"),
        ("img_size=64", "data.size=64"),
        ("early_stopping=5", "patience=5"),
        ("momentum=0.9", "optim=sgd optim.momentum=0.9"),
        ("model.incep_mult=3", "model=r2 model.incep_mult=3"),
        ("data.labels=x.csv", "data=folder data.labels=x.csv"),
        ("channels=[1]", "model.channels=[1]"),
        ("num_workers=4", "leave it out"),
        ("model=resnet", "model=r1 model.residual=true"),
        ("model=R2", "model=r2"),
        ("optim=AdamW", "optim=adamw"),
        ("schedule=CosineAnnealingLR", "schedule=cosine"),
        ("loss=ce", "loss=cross_entropy"),
        ("augment=false", "augment=none"),
        ("augment=null", "augment=none"),
        ("data=rafdb", "data=folder data.path=FOLDER"),
        ("data=a/b.csv", "data.path=a/b.csv"),
        ("data=train.parquet", "data=parquet data.path=train.parquet"),
        ("experiment=my/own.yaml", "--config-dir DIR"),
        ("lr = 0.1", "without blanks"),
        ("optim.lr 0.1", "optim.lr=0.1"),
        ("optim.lr: 0.1", "optim.lr=0.1"),
        ("model.channels=(32,64)", "model.channels=[32,64]"),
        ("model.channels=[32, 64]", "quote"),
        ("model.repeats=1", "[1]"),
        ("teacher=runs/x", "[runs/x]"),
        ("patience=None", "null"),
        ("loss.class_weights=[1,2]", "'balanced'"),
        ("optimizer=AdamW", "optim=adamw?"),
        ("optim.name=sgd", "optim=sgd"),
        ("device=cuda:0", "trainer=gpu"),
        ("gamma=2", "loss=focal loss.gamma=2"),
        ("trainer.val_check_interval=0.5", "leave it out"),
        ("wandb.project=x", "leave it out"),
        ("run_name=x", "hydra.run.dir=runs/x"),
        ("lr 0.1", "optim.lr=0.1"),
        ("dropout 0.3", "model.dropout=0.3"),
        ("~augment", "none"),
        ("augment.rotate=10", "list of 2"),
        ("test=no", "true or false"),
    ],
)
def test_a_refusal_names_the_words_to_type(line: str, typed: str) -> None:
    assert typed in refused(line).partition(": ")[2]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (["--lr", "0.1"], "optim.lr=0.1"),
        (["--epochs=3"], "trainer.max_epochs=3"),
        (["--batch-size", "64"], "data.batch_size=64"),
        (["--data.path=x.csv"], "data.path=x.csv"),
        (["--config-name", "mine"], "--config-dir DIR experiment=NAME"),
    ],
)
def test_an_option_is_refused_with_its_key(words: list[str], typed: str) -> None:
    assert typed in meant.no_override(*words)


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("data.path=~/x.csv", "data.path={home}/x.csv"),
        ("teacher=[~/a,~/b]", "teacher=[{home}/a,{home}/b]"),
        ('data.path="~/my photos"', 'data.path="{home}/my photos"'),
        ("data.path=a~/b", "data.path=a~/b"),
        ("+model=r2", "model=r2"),
        ("+experiment=cpu_fast", "experiment=cpu_fast"),
        ("+optim.lr=3", "++optim.lr=3"),
        ("+seed=3", "++seed=3"),
        ("trainer.limit_train_batches=0.1", "++trainer.limit_train_batches=0.1"),
        ("trainer.max_epochs=3", "trainer.max_epochs=3"),
        ("ckpt_path=run", "ckpt_path=run/checkpoints/last.ckpt"),
        ('ckpt_path="run"', 'ckpt_path="run/checkpoints/last.ckpt"'),
        ("ckpt_path=run/checkpoints", "ckpt_path=run/checkpoints/last.ckpt"),
        ("ckpt_path=", "ckpt_path="),
        ("ckpt_path=other", "ckpt_path=other"),
    ],
)
def test_what_can_mean_one_thing_alone_is_read(word, read, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/last.ckpt").touch()
    (expanded,) = meant.expand([word])
    assert expanded == read.format(home=tmp_path)
    assert meant.expand([expanded]) == [expanded]


def test_null_is_named_only_where_it_is_allowed() -> None:
    assert "null" not in refused("model.norm=None") + refused("seed=None")
    assert "null" in refused("resolutions=none")


def test_own_recipes_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "my own/experiment").mkdir(parents=True)
    (tmp_path / "my own/experiment/mine.yaml").write_text("# @package _global_\nseed: 7\n")
    words = meant.expand(["--config-dir", f"{tmp_path}/my own", "experiment=mine"])
    assert compose.compose_config(words).seed == 7
    assert "cpu_fast, " in refused("experiment=mine")
    for words in ["--config-dir", f"--config-dir={tmp_path}/none experiment=mine"]:
        assert words.startswith(refused(words).partition(":")[0])


def test_each_entry_leads_to_what_exists() -> None:
    """The table is held against the YAML: a renamed key or option is found here."""
    options = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    top = meant.keys_in(conf_folder() / "train.yaml")
    for typed in [
        *meant.KEYS.values(),
        *(v for each in meant.OPTIONS.values() for v in each.values()),
    ]:
        for word in typed.partition(";")[0].split():
            key, equals, value = word.lstrip("+").partition("=")
            group, _, name = key.partition(".")
            if not equals or group in ("hydra", "tta"):
                continue
            if name:
                known = {each for one in options_of(group) for each in meant.keys_of(group, one)}
                assert name in known | set(schema.Trainer.__annotations__), word
            else:
                assert group in options | top, word
            if group in options and not name and value != "{}":
                assert value in options_of(group), word
    assert set(meant.COMMANDS.values()) <= set(COMMANDS)


@pytest.mark.parametrize("word", ["test", "eval", "fit", "infer", "download"])
def test_a_command_by_another_name_is_named(word: str) -> None:
    command = meant.command(word, COMMANDS)
    assert command is not None and importlib.import_module(f"fer.cli.{command}")
