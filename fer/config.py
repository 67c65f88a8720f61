"""The command line and the config, checked before anything slow or lasting happens.

`compose_jobs` needs Hydra alone, so it answers before torch is imported; `check_targets` holds each
node against the signature of what it builds. Both raise `InputError` with one line.
"""

import difflib
import functools
import inspect
import itertools
import json
import math
import os
import pydoc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from fer.errors import InputError

_MOST_JOBS = 100  # composing one takes 20-80 ms; of a larger sweep `_covering` chooses
# lightning.Trainer takes several types here; the default in the YAML shows only one of them.
_ANY_TYPE = {"trainer.devices", "trainer.deterministic"}
_ANY_TYPE |= {f"trainer.limit_{part}_batches" for part in ("train", "val", "test")}
_Scalar = str | int | float | bool
_TYPES = {bool: (bool,), int: (int,), float: (int, float), str: (str,), NoneType: (NoneType,)}
_ONE = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
_ONE |= {NoneType: "null", _Scalar: "a string", dict: "a mapping", list: "a list"}
_MANY = {int: "integers", float: "numbers", str: "strings", _Scalar: "strings"}


def conf_folder() -> Path:
    """Folder of train.yaml: inside the installed package, else beside it in the checkout."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "conf"


def register_resolvers() -> None:
    """Makes `${run_folder:NAME}` known to OmegaConf; its value is one new folder a config."""
    OmegaConf.register_new_resolver("run_folder", _claim_folder, use_cache=True, replace=True)


def _claim_folder(name: str) -> str:
    stem = datetime.now().strftime(f"runs/%Y-%m-%d/%H-%M-%S_{name}")
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    for folder in itertools.chain([stem], (f"{stem}_{n}" for n in itertools.count(2))):
        try:
            os.mkdir(folder)  # atomic: of two runs in the same second one gets it
            return folder
        except FileExistsError:
            continue


def compose_jobs(argv: Sequence[str]) -> list[DictConfig]:
    """Config of each job that `argv` (without the program's name) asks for, in Hydra's order.

    Empty where Hydra answers by itself (--help, --cfg ...). For a sweep of more than 100 jobs fewer
    stand in: each combination of groups and, with it, each value of the other keys.
    Raises InputError for a key, option, type or grammar that cannot be.
    """
    parser = get_args_parser()
    parser.error = _refuse_arguments
    if "--version" in argv:
        return []
    args = vars(parser.parse_args(list(argv)))
    lines, run, sweep = (args.pop(name) for name in ("overrides", "run", "multirun"))
    if any(args.values()):
        return []
    if run and sweep:
        raise InputError("--run --multirun: one run or a sweep, not both")
    with initialize_config_dir(str(conf_folder()), job_name="train", version_base="1.3"):
        if not sweep and "hydra.mode=MULTIRUN" not in lines:
            return [_job([line for o in _parse(lines) for line in _unswept(o)])]
        return [_sweep_job(job, swept) for job, swept in _sweep(lines)]


def check_targets(
    cfg: DictConfig, supplied: Mapping[str, Collection[str]] = MappingProxyType({})
) -> None:
    """Nothing, when every node that has a `_target_` fits its target's signature.

    supplied: node ("model") -> parameters that the program gives itself, so no config may.
    Raises InputError for a key, a missing key or a plainly annotated value that the target refuses.
    """
    values = _flat(cfg)
    for path, node in values.items():
        if not isinstance(node, DictConfig) or "_target_" not in node:
            continue
        own, name = supplied.get(path, ()), node["_target_"].rpartition(".")[2]
        params, takes_any = _parameters(node["_target_"], path)
        for key in node:
            where = f"{path}.{key}"
            if key in own:
                raise InputError(f"{where}: comes from the data or the program; leave it out")
            if key in params and where in values:
                _check_value(where, values[where], params[key].annotation)
            elif key not in params and not takes_any and not key.startswith("_"):
                hint = _hint(key, [p for p in params if p not in own])
                raise InputError(f"{where}: {name} has no such parameter{hint}")
        for key, param in params.items():
            if param.default is param.empty and key not in node and key not in own:
                raise InputError(f"{path}.{key}: missing; {name} needs it")


def _parameters(target: str, path: str) -> tuple[dict[str, inspect.Parameter], bool]:
    """Parameters of `target` that a keyword can set, and whether it takes any other keyword."""
    try:
        call = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        raise _refusal(f"{path}._target_={target}: {error}") from None
    if not callable(call):
        raise InputError(f"{path}._target_={target}: no such class or function")
    params = inspect.signature(call, eval_str=True).parameters.values()
    named = {p.name: p for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if target.startswith("lightning."):  # annotations narrower than what its Trainer takes
        named = {name: p.replace(annotation=Any) for name, p in named.items()}
    return named, any(p.kind == p.VAR_KEYWORD for p in params)


def _refusal(text: str) -> InputError:
    return InputError(" ".join(text.split()))


def _refuse_arguments(message: str) -> NoReturn:
    raise _refusal(f"{message}; options such as -m stand before all key=value arguments")


def _parse(lines: list[str]) -> list[Override]:
    loader = GlobalHydra.instance().config_loader()
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides(lines)
    except OverrideParseException as error:
        told = [line for line in str(error).splitlines() if not line.startswith("Error parsing")]
        why = "" if told[0].startswith("Lexer") else f" ({told[0]})"
        hint = "a value with = , [ ] { } or spaces wants quotes of its own: 'key=\"value\"'"
        raise _refusal(f"{error.override}: not key=value{why}; {hint}") from None


def _options(group: str) -> list[str]:
    return GlobalHydra.instance().config_loader().get_group_options(group) if group else []


def _unswept(override: Override) -> list[str]:
    line, key = override.input_line, override.key_or_group
    if override.is_sweep_override():
        raise _refusal(f"{line}: a sweep wants -m; a list is written {key}=[...]")
    return [line]


def _sweep(lines: list[str]) -> list[tuple[list[str], str]]:
    """(overrides of a job, those of them that are swept) of each job."""
    fixed = [o.input_line for o in _parse(lines) if not o.is_sweep_override()]
    with _about("the defaults of what is swept"):
        sweeper = _compose(fixed).hydra.sweeper  # Hydra composes this too, before the jobs
    space = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    overrides = _parse(space + lines)
    alternatives = [_alternatives(o, sweeper["_target_"]) for o in overrides]
    if math.prod(map(len, alternatives)) <= _MOST_JOBS:
        jobs = list(itertools.product(*alternatives))
    else:
        jobs = _covering(alternatives, [bool(_options(o.key_or_group)) for o in overrides])
    swept = [o.is_sweep_override() for o in overrides]
    return [(list(job), " ".join(itertools.compress(job, swept))) for job in jobs]


def _alternatives(override: Override, sweeper: str) -> list[str]:
    """Overrides of single jobs that `override` stands for, as Hydra's BasicSweeper writes them."""
    line, key = override.input_line, override.get_key_element()
    if not override.is_sweep_override():
        return [line]
    if override.is_hydra_override():
        raise _refusal(f"{line}: Hydra's own keys cannot be swept")
    if override.value_type is ValueType.INTERVAL_SWEEP:
        if sweeper.endswith(".BasicSweeper"):
            raise _refusal(f"{line}: an interval wants a sweeper such as hydra/sweeper=optuna")
        return [f"{key}={override.value().start}", f"{key}={override.value().end}"]
    try:
        values = list(override.sweep_string_iterator())
    except Exception as error:  # a range's step of 0
        raise _refusal(f"{line}: {error}") from None
    if not values:
        raise _refusal(f"{line}: nothing to sweep over")
    return [f"{key}={value}" for value in values]


def _covering(alternatives: list[list[str]], is_group: list[bool]) -> list[tuple[str, ...]]:
    """Few jobs that hold each combination of groups and, with it, each value of the other keys.

    That is enough to find a wrong key or type: neither depends on the value of another key.
    """
    groups = [a if group else [""] for a, group in zip(alternatives, is_group)]
    longest = max(
        len(a) for a, group in zip([*alternatives, [""]], [*is_group, False]) if not group
    )
    return [
        tuple(choice or a[n % len(a)] for choice, a in zip(choices, alternatives))
        for choices in itertools.product(*groups)
        for n in range(longest)
    ]


@contextmanager
def _about(job: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{error} (job: {job})" if job else str(error)) from None


def _sweep_job(lines: list[str], swept: str) -> DictConfig:
    with _about(swept):
        cfg = _job(lines)
        for key in ("devices", "num_nodes"):
            value = OmegaConf.select(cfg, f"trainer.{key}", default=1)
            # Each DDP process repeats the whole command, so it would start the sweep once more.
            if str(value) != "1" and not (OmegaConf.is_list(value) and len(value) == 1):
                raise InputError(f"trainer.{key}={_shown(value)}: a job of a sweep has one device")
    return cfg


def _job(lines: list[str]) -> DictConfig:
    cfg = _compose(lines)
    # An experiment's values are not the defaults: `ema: 0.998` there must not forbid `ema=null`.
    plain = [line for line in lines if line.startswith("hydra")]
    plain += [
        f"{group}={option}"
        for group, option in cfg.hydra.runtime.choices.items()
        if option and group != "experiment" and not group.startswith("hydra/")
        if not any(line.startswith(f"+{group}=") for line in lines)
    ]
    defaults = _compose_once(tuple(plain))
    with open_dict(cfg):
        del cfg["hydra"]
    for where, value in _flat(cfg).items():
        default = OmegaConf.select(defaults, where, throw_on_resolution_failure=False)
        if where not in _ANY_TYPE:
            _check_value(where, value, _kind(default))
    return cfg


def _compose(lines: list[str]) -> DictConfig:
    """Config with its `hydra` node; InputError where Hydra, OmegaConf or YAML refuse."""
    for o in _parse(lines):
        options = _options(o.key_or_group)
        if options and not o.is_delete() and not isinstance(o.value(), (str, list, dict)):
            raise _refusal(_no_option(o.key_or_group, _shown(o.value()), options))
    try:
        return compose("train", lines, return_hydra_config=True)
    except Exception as error:
        raise _refusal(_explain(error, lines)) from None


@functools.cache
def _compose_once(lines: tuple[str, ...]) -> DictConfig:
    return _compose(list(lines))


def _explain(error: Exception, lines: list[str]) -> str:
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        return _no_option(group, option, error.options)
    if isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        return f"{cause.full_key}: no such key{_hint(str(cause.key), cause.parent_node)}"
    told = [str(e).splitlines()[0] for e in (error, cause) if str(e or "")]
    named = any(line.lstrip("+~").partition("=")[0] in " ".join(told) for line in lines)
    return ": ".join(told if named else [" ".join(lines), *told])


def _no_option(group: str, option: str, options: Sequence[str]) -> str:
    return f"{group}={option}: no such option; choose from {', '.join(options)}"


def _hint(name: str, names: Collection[str]) -> str:
    names = [str(n) for n in names if not str(n).startswith("_")]
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean '{close[0]}'?"
    return f"; choose from {', '.join(names)}" if names else ""


def _flat(node: DictConfig, path: str = "") -> dict[str, Any]:
    """Dotted path -> value (a DictConfig, a list or a scalar) of every key at every depth."""
    values = {}
    for key, raw in OmegaConf.to_container(node).items():
        where = f"{path}.{key}" if path else str(key)
        if not isinstance(raw, dict) and "${hydra:" in str(raw):
            continue  # known only once the run has begun
        try:
            value = node[key]
            is_list = OmegaConf.is_list(value)
            values[where] = OmegaConf.to_container(value, resolve=True) if is_list else value
        except OmegaConfBaseException as error:
            why = "must be given" if raw == "???" else str(error).splitlines()[0]
            raise _refusal(f"{where}={_shown(raw)}: {why}") from None
        if isinstance(value, DictConfig):
            values |= _flat(value, where)
    return values


def _kind(default: Any) -> Any:
    """Annotation of what may stand where the YAML has `default`."""
    if OmegaConf.is_list(default):
        kinds = {_kind(item) for item in default}
        return list[kinds.pop()] if len(kinds) == 1 else list
    if isinstance(default, str):
        return _Scalar
    return {NoneType: Any, DictConfig: dict}.get(type(default), type(default))


def _check_value(where: str, value: Any, kind: Any) -> None:
    if not _fits(value, kind):
        raise _refusal(f"{where}={_shown(value)}: expected {_words(kind)}")


def _fits(value: Any, kind: Any) -> bool:
    """Whether `value` may stand for `kind`; an annotation that is not plain takes anything."""
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if origin not in (list, tuple, Sequence):
        return type(value) in _TYPES[kind] if kind in _TYPES else True
    if origin is tuple and Ellipsis not in args and isinstance(value, list):
        return len(value) == len(args) and all(map(_fits, value, args))
    return isinstance(value, list) and all(_fits(item, arg) for item in value for arg in args[:1])


def _words(kind: Any) -> str:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if kind in _ONE:
        return _ONE[kind]
    if origin is Literal:
        return f"one of {', '.join(map(_shown, args))}"
    if origin in (Union, UnionType):
        return " or ".join(map(_words, args))
    if origin in (list, tuple, Sequence) and args:
        count = f"{len(args)} " if origin is tuple and Ellipsis not in args else ""
        many = _MANY.get(args[0])
        return f"a list of {count}{many}" if many else f"a list, each {_words(args[0])}"
    return _ONE[dict] if origin in (dict, Mapping) else _ONE[list]


def _shown(value: Any) -> str:
    """`value` as one writes it in a config or an override."""
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.replace('"', "").replace(", ", ",")
