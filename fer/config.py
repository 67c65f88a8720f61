"""The command line and the config, checked before anything starts: one line where they are wrong.

Stage 1, `compose_jobs`, only composes and does not load torch. Stage 2, `check_targets`, compares
every node with the constructor it names: the annotated constructor is the schema.
"""

import datetime
import difflib
import inspect
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer.common.errors import InputError

HYDRAS_OWN = (
    "--help -h --hydra-help --version --cfg -c --info -i --resolve --shell-completion -sc"
).split()
SWEEP = ("-m", "--multirun")
# What makes no other experiment of a run: where it goes on from, and what is seen of it meanwhile.
HANDLING = ("ckpt_path", "profiler", "trainer.enable_progress_bar")


def conf_folder() -> Path:
    """The folder of configs: inside the package where it was installed, else the checkout's conf/."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def register_resolvers() -> None:
    """Makes `${run_folder:NAME}` claim runs/<date>/<time>_NAME, with a suffix where that exists."""
    OmegaConf.register_new_resolver("run_folder", claim_folder, use_cache=True, replace=True)


def claim_folder(name: str) -> str:
    """A new runs/<date>/<time>_NAME, made; with a suffix where that exists."""
    now = datetime.datetime.now()
    day = Path("runs") / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for suffix in itertools.chain([""], (f"_{number}" for number in itertools.count(2))):
        folder = day / f"{now:%H-%M-%S}_{name}{suffix}"
        try:
            os.mkdir(folder)  # atomic: of two runs in one second one goes on to the next suffix
        except FileExistsError:
            continue
        return str(folder)
    raise AssertionError("the suffixes never end")


def compose_jobs(arguments: Sequence[str]) -> list[DictConfig]:
    """Every job's config, checked; none where the arguments ask Hydra itself something.

    Raises InputError in one line for an unknown key or option, a value of another type than the
    YAML's, a line that is no override, or a sweep without -m.
    """
    if any(word.split("=")[0] in HYDRAS_OWN for word in arguments):
        return []
    for word in arguments:  # --config-name and the like would run another config than is checked
        if word.startswith("-") and word not in SWEEP:
            raise InputError(f"{word}: no such option; there are key=value, -m and --help")
    sweeping = any(word in SWEEP for word in arguments)
    words = [word for word in arguments if not word.startswith("-")]
    overrides = _parsed(words)
    own = [one for one in overrides if not _is_hydras(one)]
    for override in overrides:  # jobs that no check would see
        if override.key_or_group.startswith("hydra.sweeper.params"):
            raise InputError(f"{override.input_line}: name the values as in optim.lr=1e-3,3e-3")
    _check_folder(overrides, sweeping=sweeping)
    if not sweeping:
        for override in own:
            if override.is_sweep_override():
                raise InputError(f"{override.input_line}: several values; a sweep wants -m")
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        if hydras := [one for one in overrides if _is_hydras(one)]:
            _compose(hydras, "")
        return [_job(list(lines), sweeping=sweeping) for lines in _product(own)]


def _check_folder(overrides: Iterable[Override], *, sweeping: bool) -> None:
    """Raises InputError for a folder, named as it is, in which another run has ended: that stays as it was.

    A run may go on in its own.
    """
    words = {one.key_or_group: str(one.value()) for one in overrides}
    key = "hydra.sweep.dir" if sweeping else "hydra.run.dir"
    if key not in words:
        return
    folders = [Path(words[key])]
    if sweeping and "hydra.sweep.subdir" in words:
        folders = [folders[0] / words["hydra.sweep.subdir"]]
    elif sweeping:
        folders = sorted(folders[0].glob("*"))
    ended = [folder for folder in folders if (folder / "summary.json").is_file()]
    if "ckpt_path" in words:
        own = Path(words["ckpt_path"]).resolve().parent.parent
        ended = [folder for folder in ended if folder.resolve() != own]
    if ended:
        raise InputError(f"{key}: {ended[0]} holds a finished run; choose another folder")


def flat(node: Mapping[str, Any], joint: str = ".") -> dict[str, Any]:
    """The values of nested dicts by all their keys: of a config as they are typed, `model.dropout`."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= {f"{key}{joint}{name}": inner for name, inner in flat(value, joint).items()}
        else:
            found[key] = value
    return found


def higher_is_better(number: str) -> bool:
    """Whether more of a number such as `val/acc` or `val/clean_ece` is better."""
    return number.rpartition("/")[2].removeprefix("clean_") not in ("loss", "ece")


def revise(recipe: Mapping[str, Any], words: Sequence[str]) -> DictConfig:
    """The config of a finished run, out of a file, with changes such as `data=folder`, `data.seed=1`.

    A group that is chosen anew starts from its YAML. Raises InputError in one line as `compose_jobs`
    does, and for a recipe that would build what no YAML names: it may come from a stranger.
    """
    check_recipe(recipe)
    overrides = _parsed(words)
    chosen = {one.key_or_group: one for one in overrides if _is_group(one)}
    (fresh,) = compose_jobs([str(one.input_line) for one in chosen.values()])
    cfg = OmegaConf.create(dict(recipe) | {group: fresh[group] for group in chosen})
    for override in overrides:
        if override.is_sweep_override() or override.is_delete():
            raise InputError(f"{override.input_line}: expected key=value, one value")
        if not _is_group(override):
            _check_key(cfg, override, "")
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=True)
    return cfg


def check_recipe(recipe: Mapping[str, Any]) -> None:
    """Raises InputError for a finished run's config that would build what no YAML names.

    It is looked at in OmegaConf's own form, where no tuple hides a node; an interpolation, which could
    become any node once it is read, does not occur in what a run keeps.
    """
    words = list(_words(OmegaConf.to_container(OmegaConf.create(dict(recipe)), resolve=False)))
    for key, word in words:
        if "${" in word:
            raise InputError(f"{key}: {word!r}; a finished recipe holds values alone")
    unknown = {word for key, word in words if key == "_target_"} - _known_targets()
    if unknown:
        raise InputError(
            f"{min(unknown)}: no config in {conf_folder()} builds it, but this recipe would"
        )


def _words(node: Any, key: str = "") -> Iterable[tuple[str, str]]:
    """Every value that is a word, at any depth, with its key; what is to be built always is one."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _words(inner, str(name))
    elif isinstance(node, list):
        for inner in node:
            yield from _words(inner, key)
    elif key == "_target_" or isinstance(node, str):
        yield key, str(node)


def _known_targets() -> set[str]:
    options = map(OmegaConf.load, conf_folder().glob("*/*.yaml"))
    return {str(option["_target_"]) for option in options if "_target_" in option}


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _parsed(words: Iterable[str]) -> list[Override]:
    """The words as Hydra reads them; InputError names the one that it cannot, and how to quote it."""
    overrides = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
        except HydraException:
            key, equals, value = word.partition("=")
            if not equals:
                raise InputError(f"{word}: expected key=value") from None
            raise InputError(
                f"{word}: no value that Hydra can read; meant as a word, it is quoted twice: "
                f"'{key}=\"{value}\"'"
            ) from None
    return overrides


def _first_line(fault: BaseException) -> str:
    return str(fault).strip().splitlines()[0]


def _product(overrides: Iterable[Override]) -> Iterable[tuple[str, ...]]:
    """The override lines of each job, as Hydra's basic sweeper makes them."""
    choices = []
    for override in overrides:
        if override.is_sweep_override():
            key = override.get_key_element()
            try:
                values = list(override.sweep_string_iterator())
            except HydraException:  # intervals and globs: what they stand for, a sweeper says later
                raise InputError(
                    f"{override.input_line}: name the values, as in {key}=a,b"
                ) from None
            choices.append([f"{key}={value}" for value in values])
        else:
            choices.append([str(override.input_line)])
    return itertools.product(*choices)


def _job(lines: list[str], *, sweeping: bool) -> DictConfig:
    where = f" (in the job {' '.join(lines)})" if sweeping else ""
    overrides = OverridesParser.create().parse_overrides(lines)
    groups = [one for one in overrides if _is_group(one)]
    base = _compose(groups, where)
    for override in overrides:
        if _is_group(override) or override.is_delete():
            continue
        _check_key(base, override, where)
    cfg = _compose(overrides, where)
    trainer = cfg.get("trainer") or {}
    if sweeping and any(_number(trainer.get(key, 1)) != 1 for key in ("devices", "num_nodes")):
        raise InputError(
            "trainer: a sweep (-m) wants devices=1 and num_nodes=1; each process of several would "
            "start the sweep again"
        )
    return cfg


def _number(devices: Any) -> int:
    """How many a Trainer's `devices` or `num_nodes` names; 0 where the machine decides (auto, -1)."""
    if isinstance(devices, ListConfig):
        return len(devices)
    return max(0, devices) if isinstance(devices, int) else 0


def _is_group(override: Override) -> bool:
    return (conf_folder() / override.key_or_group.split("@")[0]).is_dir()


def _compose(overrides: Sequence[Override], where: str) -> DictConfig:
    for override in overrides:
        group = override.key_or_group.split("@")[0]
        folder = conf_folder() / group
        value = override.value()
        options = sorted(path.stem for path in folder.glob("*.yaml"))
        optional = group == "experiment"
        if _is_group(override) and value not in options and not (optional and value is None):
            known = ", ".join(options)
            raise InputError(f"{override.input_line}: no such option; choose from {known}{where}")
    try:
        cfg = compose("train", [str(one.input_line) for one in overrides])
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        return cfg
    except (HydraException, OmegaConfBaseException) as fault:
        raise InputError(_first_line(fault.__cause__ or fault) + where) from None


def _check_key(base: DictConfig, override: Override, where: str) -> None:
    """Raises InputError where the key is unknown or the value of another kind than the YAML's.

    What is added (`+trainer.limit_train_batches=10`) may be new below the top, where its group reads it.
    """
    key, adds = override.key_or_group, override.is_add() or override.is_force_add()
    node: Any = base
    for depth, part in enumerate(key.split(".")):
        if not isinstance(node, DictConfig):
            inside = ".".join(key.split(".")[:depth])
            raise InputError(f"{key}: {inside} has no keys of its own{where}")
        if part not in node:
            if adds and depth:
                return
            path = ".".join(key.split(".")[: depth + 1])
            raise InputError(f"{path}: no such key; {_hint(part, map(str, node))}{where}")
        node = node[part]
    value = override.value()
    if value is None and key in _null_keys():
        return  # what only a recipe sets can be taken back
    kind = _kind_wanted(node)
    lightnings = key == "trainer.devices" and (value == "auto" or isinstance(value, list))
    if kind and not lightnings and not _fits(node, value):
        raise InputError(f"{key}: {_shown(value)}, expected {kind}{where}")


def _null_keys() -> set[str]:
    """The top-level keys that are null unless a recipe or a command line sets them."""
    own = OmegaConf.load(conf_folder() / "train.yaml")
    return {str(key) for key in own if own[key] is None}


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(name for name in known if not name.startswith("_"))
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _kind_wanted(default: Any) -> str | None:
    if isinstance(default, bool):
        return "true or false"
    names = {int: "a whole number", float: "a number", str: "a word", ListConfig: "a list such as"}
    name = names.get(type(default))
    return f"{name} {list(default)}" if isinstance(default, ListConfig) else name


def _fits(default: Any, value: Any) -> bool:
    """Whether a value is of the kind of its YAML's: whole numbers pass as numbers."""
    if value is None:
        return not isinstance(default, ListConfig)
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, ListConfig):
        if not isinstance(value, list):
            return False
        return not default or all(_fits(default[0], element) for element in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, int):
        return type(value) is int
    return not isinstance(value, list | dict)


def check_settings(cfg: DictConfig, hints: Mapping[str, Any]) -> None:
    """Raises InputError where a top-level key is missing or not of the type that `hints` has for it."""
    for key, hint in hints.items():
        if key not in cfg:
            raise InputError(f"{key}: missing; train.yaml has it, only its value can be changed")
        _check_hint(key, cfg[key], hint)


def check_targets(cfg: DictConfig, supplied: Mapping[str, frozenset[str]]) -> None:
    """Raises InputError where a node has a key or a value that its target's constructor refuses.

    supplied: parameters of each group that the program gives, and no config may.
    """
    for group, node in cfg.items():
        if not isinstance(node, DictConfig):
            continue
        if "_target_" not in node:
            raise InputError(f"{group}._target_: missing, and nothing else says what {group} is")
        name = str(node._target_).rpartition(".")[2]
        try:
            target = get_object(str(node._target_))
        except Exception:
            raise InputError(f"{group}._target_: there is no {node._target_}") from None
        parameters = inspect.signature(target).parameters
        given = supplied.get(str(group), frozenset())
        hints = {} if name == "Trainer" else _hints(target)
        for key, value in node.items():
            if str(key).startswith("_"):  # Hydra's own: _target_, _convert_ ...
                continue
            if key in given:
                raise InputError(f"{group}.{key}: comes from the program, no config sets it")
            if key not in parameters:
                known = _hint(str(key), set(parameters) - given)
                raise InputError(f"{group}.{key}: {name} has no such parameter; {known}")
            _check_hint(f"{group}.{key}", value, hints.get(str(key)))
        for key, parameter in parameters.items():
            if parameter.default is parameter.empty and key not in node and key not in given:
                raise InputError(f"{group}.{key}: missing, and {name} cannot do without")


def _hints(target: Any) -> dict[str, Any]:
    return get_type_hints(target.__init__ if inspect.isclass(target) else target)


def _check_hint(path: str, value: Any, hint: Any, otherwise: str = "") -> None:
    """Literals, plain values and lists of such; any other hint is the constructor's own business."""
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        (inner,) = set(get_args(hint)) - {NoneType}
        if value is not None:
            _check_hint(path, value, inner, " or null")
        return
    if get_origin(hint) is Literal and value not in get_args(hint):
        known = " or ".join(map(str, get_args(hint)))
        raise InputError(f"{path}: {_shown(value)}, expected {known}{otherwise}")
    if get_origin(hint) is list:
        (inner,) = get_args(hint)
        if not isinstance(value, ListConfig):
            raise InputError(f"{path}: {_shown(value)}, expected a list in brackets{otherwise}")
        for place, element in enumerate(value):
            _check_hint(f"{path}[{place}]", element, inner)
    plain = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}.get(hint)
    wrong_bool = isinstance(value, bool) and hint is not bool
    if plain is not None and (not isinstance(value, plain) or wrong_bool):
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
        raise InputError(f"{path}: {_shown(value)}, expected {kinds[hint]}{otherwise}")
