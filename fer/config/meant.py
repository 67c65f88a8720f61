"""What people type, and what they mean: the one table behind the hints of wrong commands.

`expand` reads what can mean one thing alone. Everything else is refused with the words to type.
"""

import difflib
import functools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.config.paths import conf_folder, options_of
from fer.config.schema import Trainer

# Keys by other names, and what to type for them. {} is the typed value. Letters alone count: Max-Epochs
# is maxepochs. A name of two parts is for that key alone.
KEYS = {
    "lr learningrate baselr maxlr initiallr lr0": "optim.lr={}",
    "epochs epoch nepochs numepochs numtrainepochs maxepoch ep": "trainer.max_epochs={}",
    "bs batch batchsize trainbatchsize perdevicetrainbatchsize": "data.batch_size={}",
    "wd l2 decay": "optim.weight_decay={}",
    "optimizer optimiser opt optimizername": "optim={}",
    "optimizer.lr optimiser.lr": "optim.lr={}",
    "scheduler lrscheduler sched lrschedule": "schedule={}",
    "criterion lossfn lossfunction objective": "loss={}",
    "dataset datasetname datamodule": "data={}",
    "augmentation augmentations aug transform transforms dataaugmentation": "augment={}",
    "network net arch architecture backbone modelname modeltype": "model={}",
    "exp recipe preset": "experiment={}",
    "randomseed manualseed rng randomstate": "seed={}",
    "drop droprate pdrop dropoutrate": "model.dropout={}",
    "smoothing labelsmooth": "loss.label_smoothing={}",
    "classweight weights.class balanced": "loss.class_weights=balanced",
    "focalgamma": "loss=focal loss.gamma={}",
    "gpus numgpus ngpu ngpus nprocpernode": "trainer=gpu trainer.devices={}",
    "trainer.gpus": "trainer=gpu trainer.devices={}",
    "device accelerator": "trainer={}",
    "cpu nocuda": "trainer=cpu",
    "cuda gpu usecuda usegpu": "trainer=gpu",
    "fp16 amp halfprecision mixedprecision": "trainer.precision=16-mixed",
    "bf16": "trainer.precision=bf16-mixed",
    "strategy": "trainer.strategy={}",
    "fastdevrun debug dryrun smoketest": "trainer=debug",
    "clip gradclip clipgradnorm maxgradnorm gradientclip": "trainer.gradient_clip_val={}",
    "accumulate accum gradaccum gradientaccumulationsteps accumulationsteps": (
        "trainer.accumulate_grad_batches={}"
    ),
    "progressbar progbar tqdm verbose": "trainer.enable_progress_bar={}",
    "earlystopping earlystop earlystoppingpatience": "patience={}",
    "metric monitormetric": "monitor=val/acc",
    "checkpoint ckpt resume resumefrom resumefromcheckpoint loadfrom checkpointpath": (
        "ckpt_path={}"
    ),
    "outputdir outdir out output savedir rundir logdir workdir resultsdir hydra.dir": (
        "hydra.run.dir={}"
    ),
    "datadir datapath dataroot datasetpath datasetdir root csv file input traindir data.dir": (
        "data.path={}"
    ),
    "imgsize imagesize inputsize resolution imsize res": "data.size={}",
    "valsize valsplit validationsplit validationshare valfraction valratio": "data.val_share={}",
    "kfold nsplits nfolds cv crossvalidation": "data.split=kfold data.folds={}",
    "balance oversample weightedsampler": "data.sampler=balanced",
    "planes inputchannels": "data.channels={}",
    "labelnames classnames": "data.names={}",
    "numclasses nclasses nclass": "data.classes=[NAME,NAME]",
    "person people subject subjects identity": "data.groups={}",
    "emadecay averaging swa": "ema=0.998",
    "torchcompile": "compile={}",
    "distill distillation teachers teachermodel": "teacher=[RUN]",
    "time maxtime timelimit timebudget": "budget={}",
    "testtimeaugmentation": "fer evaluate RUN tta=flip",
    "pretrained weights imagenet finetune": "ckpt_path=RUN or teacher=[RUN]",
    "shuffle": "data.sampler=shuffle",
    "epochlength limitbatches overfitbatches": "trainer.limit_train_batches={}",
    "steps maxsteps iterations numsteps": "trainer.max_steps={}",
    "loss.weights loss.weight": "loss.class_weights=balanced",
    "width widths filters nfilters hidden": "model.channels=[{}]",
    "inchannels grayscale greyscale rgb": "data.channels=[original]",
    "name runname expname experimentname": "hydra.run.dir=runs/{}",
    "evaluate eval doeval evalonly": "fer evaluate RUN",
    "predict infer": "fer predict PICTURE",
    "model.name model.type": "model={}",
    "data.name data.type data.dataset": "data={}",
    "augment.name augment.type": "augment={}",
    "optim.name optim.type optimizer.name": "optim={}",
    "schedule.name schedule.type scheduler.name": "schedule={}",
    "loss.name loss.type": "loss={}",
    "trainer.name trainer.type": "trainer={}",
}  # fmt: skip

# Keys that are not needed, and why.
NEEDLESS = {
    "numworkers workers nworkers pinmemory persistentworkers prefetchfactor": (
        "batches are cut from memory, no workers load them"
    ),
    "logger wandb usewandb mlflow tensorboard logging": (
        "every run writes metrics.csv and tensorboard/, docs/tracking.md has the others"
    ),
    "valcheckinterval checkvaleverynepoch numsanityvalsteps evalinterval": (
        "each epoch is validated once, at its end"
    ),
    "savetopk savebest savemodel checkpointing enablecheckpointing": "the best and the last epoch are always kept",
}

# Options of a group by other names, and what to type for them.
OPTIONS = {
    "model": {
        "resnet resnet18 resnet34 resnet50 vgg vgg16 vgg19 cnn": "model=r1 model.residual=true",
        "inception googlenet googlenetv1 inceptionv3": "model=r2",
        "mobilenet mobilenetv2 efficientnet vit transformer": "model=r1",
    },
    "data": {
        "fer fer13 fer2013csv kaggle icml icmlfacedata": "data=fer2013",
        "fer+ ferp": "data=ferplus",
        "rafdb raf affectnet ck ck+ ckplus ck48 jaffe kdef expw sfew mmi own custom": (
            "data=folder data.path=FOLDER; see docs/data.md, which has a line for each public set"
        ),
        "imagefolder images dir directory": "data=folder data.path=FOLDER",
        "zip tar webdataset archive": "data=folder data.path=FILE",
        "csv": "data.path=FILE.csv",
        "hf huggingface datasets hub arrow": "data=parquet data.path=FILE",
        "synthetic fake dummy toy": "data=drawn",
    },
    "augment": {
        "true yes on default basic weak": "augment=light",
        "false no off null 0": "augment=none",
        "heavy hard randaugment autoaugment mixup": "augment=strong",
    },
    "optim": {"rmsprop nadam radam lamb": "optim=adamw", "momentum nesterov": "optim=sgd"},
    "schedule": {
        "onecyclelr": "schedule=one_cycle",
        "cosineannealing cosineannealinglr cosinelr": "schedule=cosine",
        "reducelronplateau reduceonplateau": "schedule=plateau",
        "step steplr multistep exponential poly polynomial": "schedule=linear",
        "null false no off fixed": "schedule=constant",
    },
    "loss": {
        "ce crossentropyloss nll nllloss softmax": "loss=cross_entropy",
        "weighted weightedce balanced": "loss=cross_entropy loss.class_weights=balanced",
        "labelsmoothing smooth": "loss=cross_entropy loss.label_smoothing=0.1",
        "logitadjustment la": "loss=logit_adjusted",
    },
    "trainer": {
        "cuda gpu0 cuda0 onegpu": "trainer=gpu",
        "fastdevrun fast test smoke": "trainer=debug",
        "mps tpu default null": "trainer=auto",
        "multigpu dp distributed fsdp": "trainer=ddp",
    },
}  # fmt: skip

# Keys of fer evaluate and fer ensemble by other names.
MEASURING = {
    "split subset set": "part={}",
    "flip ttaflip testtimeaugmentation augment": "tta=flip",
    "device accelerator cuda gpu cpu": "trainer.accelerator={}",
    "run checkpoint ckpt ckptpath weights": "fer evaluate {}",
    "out outdir output outputdir savedir": "--out {}",
}

# Commands by other names.
COMMANDS = {
    "test eval measure validate score": "evaluate",
    "fit learn training sweep resume run": "train",
    "infer inference detect classify prediction webcam": "predict",
    "download get": "fetch",
    "export save": "pack",
    "rank leaderboard summary summarize": "compare",
    "eda analyze analyse inspect stats": "explore",
}

CONFIG_DIR = ("--config-dir", "-cd")
HOME = re.compile(r"""(?<=[=\[,"'])~[\w.-]*(?=/)""")  # as a shell reads ~ at the start of a word


def expand(words: Iterable[str]) -> list[str]:
    """The words of a command as Hydra reads them, where people write them otherwise:

    - `~/` is the home folder, in lists too
    - `+model=r2`, as for a group without a default, is `model=r2`
    - `+optim.lr=1`, as for a key without a value, is `++optim.lr=1`
    - `trainer.KEY` may be any key of Lightning's that the program knows, without a `+`
    - `ckpt_path=RUN` is the last checkpoint in a run's folder
    - `--config-dir DIR` adds a folder of own recipes

    Raises InputError for a DIR that is no folder.
    """
    return [_expand(word) for word in _own_recipes(words)]


def _own_recipes(words: Iterable[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        option, equals, folder = word.partition("=")
        if option in CONFIG_DIR:
            folder = folder if equals else next(rest, "")
            place = Path(folder).expanduser().absolute()
            if not (folder and place.is_dir()):
                raise InputError(
                    f"{option}: {folder!r} is no folder; expected one that holds experiment/NAME.yaml"
                )
            yield f'hydra.searchpath=["file://{place}"]'
        else:
            yield word


def _expand(word: str) -> str:
    word = HOME.sub(lambda found: os.path.expanduser(found[0]), word)
    key, equals, value = word.partition("=")
    group, _, name = key.partition(".")
    if key.startswith("+") and (conf_folder() / key.lstrip("+")).is_dir():
        key = key.lstrip("+")
    elif re.match(r"\+\w", key) and _is_known(key[1:]):
        key = f"+{key}"
    elif group == "trainer" and name in Trainer.__annotations__.keys() - keys_of("trainer", "auto"):
        key = f"++{key}"
    elif key == "ckpt_path":
        run = Path(place := value.strip("\"'"))
        last = next((f for f in (RunFolder(run).last, run / "last.ckpt") if f.is_file()), place)
        value = value.replace(place, str(last)) if place else value
    return key + equals + value


def _is_known(key: str) -> bool:
    """Whether the YAML of some option has a key."""
    group, _, name = key.partition(".")
    if not name:
        return key in keys_in(conf_folder() / "train.yaml")
    return any(name in keys_of(group, option) for option in options_of(group))


def may_be_added(parts: Sequence[str]) -> bool:
    """Whether `+KEY` may add a key to a node. Constructors refuse the wrong ones, Lightning's alone not."""
    return parts[0] != "trainer" or parts[1] in Trainer.__annotations__


def unknown(
    place: str, key: str, value: str | None, cfg: Mapping[str, Any], near: Iterable[str]
) -> str:
    """The line for a key that does not exist: what to type for it.

    place: the key, as far as it was looked up; key, value: as typed
    cfg: a config with its groups; near: names that stand where this one was looked for
    """
    leaf = place.rpartition(".")[2]
    names = sorted(name for name in near if not name.startswith("_"))
    close = difflib.get_close_matches(leaf, names, n=1)
    why = _of(NEEDLESS, _letters(key.rpartition(".")[2])) or _of(NEEDLESS, _letters(leaf))
    if why:
        hint = f"leave it out: {why}"
    elif typed := _key(key, value, cfg):
        hint = f"did you mean {typed}?"
    elif close:
        hint = f"did you mean {close[0]!r}?"
    else:
        hint = f"there are {', '.join(names)}"
    return f"{place}: no such key; {hint}"


def _key(path: str, value: str | None, cfg: Mapping[str, Any]) -> str | None:
    """What to type for a key of another group, another spelling, another option or another name."""
    shown = "VALUE" if value is None else value
    leaf = _letters(path.rpartition(".")[2])
    keys = [f"{group}.{name}" for group, node in cfg.items() if _is_node(node) for name in node] + [
        str(key) for key, node in cfg.items() if not _is_node(node)
    ]
    others = [each for each in _in_other_options(leaf, cfg) if each[1] not in keys]
    elsewhere = [f"{option} {key}={shown}" for option, key in others]
    if found := [key for key in keys if _letters(key.rpartition(".")[2]) == leaf]:
        more = [] if "." in path else elsewhere
        return " or ".join([f"{key}={shown}" for key in found] + more)
    for name in (path, path.rpartition(".")[2]):
        if meant := _of(KEYS, _letters(name)):
            return _with_option(meant, shown)
    return " or ".join(elsewhere) or None


def _with_option(meant: str, value: str) -> str:
    """An entry of KEYS with its value, which an option of a group is named by: `optim=adamw`."""
    group = meant.removesuffix("={}")
    known = options_of(group) if (conf_folder() / group).is_dir() else []
    return (_option(group, value, known) if known else None) or meant.format(value)


def _is_node(node: Any) -> bool:
    return isinstance(node, Mapping)


def _in_other_options(leaf: str, cfg: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`model=r2` and `model.incep_mult` for each option of a group that has a key."""
    return [
        (f"{group}={option}", f"{group}.{key}")
        for group in map(str, cfg)
        for option in options_of(group)
        for key in keys_of(group, option)
        if _letters(key) == leaf
    ]


@functools.cache
def keys_of(group: str, option: str) -> frozenset[str]:
    """The keys of an option, with those of the files that its defaults name."""
    path = conf_folder() / group / f"{option}.yaml"
    named = yaml.safe_load(path.read_text()).get("defaults", ())
    others = [keys_of(group, name) for name in named if isinstance(name, str) and name != "_self_"]
    return keys_in(path).union(*others)


def keys_in(path: Path) -> frozenset[str]:
    """The keys in a YAML file."""
    return frozenset(yaml.safe_load(path.read_text()) or ()) - {"defaults", "hydra"}


def no_option(group: str, value: str, known: Sequence[str]) -> str:
    """The line for an option that a group does not have."""
    listed = f"hoose from {', '.join(known)}"
    if not value:
        return f"~{group}: a run needs one; c{listed}"
    typed, _, more = (_option(group, value, known) or "").partition("; ")
    if not typed:
        return f"{group}={value}: no such option; c{listed}"
    more = f"{more[0].upper()}{more[1:]}. " if more else ""
    return f"{group}={value}: no such option; did you mean {typed}? {more}C{listed}"


def _option(group: str, value: str, known: Sequence[str]) -> str | None:
    """What to type for an option by another spelling or name, or for the path of a file."""
    same = [name for name in known if _letters(name) == _letters(value.removesuffix(".yaml"))]
    close = difflib.get_close_matches(value, known, n=1)
    typed = _of(OPTIONS.get(group, {}), _letters(value)) or _path(group, value)
    if same or not typed:
        return next((f"{group}={name}" for name in (*same, *close)), None)
    return typed


def _path(group: str, value: str) -> str | None:
    """What to type for the path of a file instead of an option."""
    path = Path(value)
    if group == "experiment" and path.suffix in (".yaml", ".yml"):
        return f"experiment={path.stem} --config-dir DIR, with the file in DIR/experiment/"
    if group != "data" or not ("/" in value or path.suffix or path.exists()):
        return None
    if path.suffix == ".parquet":
        return f"data=parquet data.path={value}"
    return f"{'data=folder ' if path.is_dir() else ''}data.path={value}"


def no_override(word: str, following: str = "VALUE") -> str:
    """The line for a word that is no key=value, such as an option. following: the next word."""
    if word.startswith("=") or following.startswith("="):
        return f"{word} {following}: expected key=value, without blanks around ="
    if word in ("help", "-help", "-?"):
        return f"{word}: expected key=value; did you mean --help?"
    key, equals, value = word.lstrip("-").rstrip(":").partition("=")
    option, shown = word.startswith("-"), value if equals else following
    kind = "no such option" if option else "expected key=value"
    if key in ("config-name", "config-path", "cn", "cp"):
        return f"{word}: {kind}; own recipes are --config-dir DIR experiment=NAME"
    if not option and (following == "VALUE" or "=" in following):
        return f"{word}: {kind}"
    return f"{word}: {kind}; did you mean {_override(key, shown)}?"


def _override(key: str, value: str) -> str:
    """What to type for a key, with its group."""
    groups = [path.name for path in conf_folder().iterdir() if path.is_dir()]
    if "." in key or key in groups or _is_known(key):
        return f"{key}={value}"
    if meant := _of(KEYS, _letters(key)):
        return _with_option(meant, value)
    others = _in_other_options(_letters(key), dict.fromkeys(groups))
    return " or ".join(sorted({f"{named}={value}" for _, named in others})) or f"{key}={value}"


def unreadable(word: str) -> str:
    """The line for a value that Hydra cannot read."""
    key, _, value = word.partition("=")
    if value.startswith("(") and value.endswith(")"):
        return f"{word}: a list is written in brackets: {key}=[{value[1:-1]}]"
    if value.startswith("[") and not value.endswith("]"):
        return (
            f"{word}: no end of the list; write it without blanks, or quote the word for the shell"
        )
    quoted = f"'{key}=\"{value}\"'"
    return f"{word}: Hydra cannot read the value; quote it twice: {quoted}"


def measuring(key: str, value: str) -> str | None:
    """What to type for a key that means something else to fer evaluate, or None."""
    typed = _of(MEASURING, _letters(key))
    return typed and typed.format(value)


def command(word: str, known: Iterable[str]) -> str | None:
    """The command that a word means, or None."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return _of(COMMANDS, _letters(word)) or (close[0] if close else None)


def _of(table: Mapping[str, str], name: str) -> str | None:
    return next(
        (meant for names, meant in table.items() if name in map(_letters, names.split())), None
    )


def _letters(name: str) -> str:
    """A name without capitals, hyphens, underscores and colons."""
    return re.sub(r"[_\-:\s]", "", name).lower()
