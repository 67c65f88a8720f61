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
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from fer.errors import InputError

# Composing a job costs 20-80 ms; more jobs than this are checked by `_covering` ones.
_MOST_JOBS = 100
# lightning.Trainer takes several types here; the default in the YAML shows only one of them.
_ANY_TYPE = {
    f"trainer.{key}"
    for key in ("devices", "deterministic", *(f"limit_{p}_batches" for p in ("train", "val", "test")))
}
_Scalar = str | int | float | bool
_TYPES = {bool: (bool,), int: (int,), float: (int, float), str: (str,), NoneType: (NoneType,)}
_ONE = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
_ONE |= {NoneType: "null", _Scalar: "a string"}
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

    Empty where Hydra answers by itself (--help, --cfg ...). A sweep of more than 100 jobs is
    represented by fewer, which hold each choice of groups and, with it, each value.
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
        if sweep or "hydra.mode=MULTIRUN" in lines:
            return [_sweep_job(lines, swept) for lines, swept in _sweep(lines)]
        _refuse_sweeps(lines)
        return [_job(lines)]


def check_targets(
    cfg: DictConfig, supplied: Mapping[str, Collection[str]] = MappingProxyType({})
) -> None:
    """Nothing, when every node that has a `_target_` fits its target's signature.

    supplied: node ("model") -> parameters that the program gives itself, so no config may.
    Raises InputError for a key, a missing key or a plainly annotated value that the target refuses.
    """
    _check_nodes(cfg, supplied, "")


def _refuse_arguments(message: str) -> NoReturn:
    raise InputError(f"{message}; options such as -m stand before all key=value arguments")


def _parse(lines: list[str]) -> list[Override]:
    loader = GlobalHydra.instance().config_loader()
    try:
        return OverridesParser.create(config_loader=loader).parse_overrides(lines)
    except OverrideParseException as error:
        told = [line for line in str(error).splitlines() if not line.startswith("Error parsing")]
        why = "" if told[0].startswith("Lexer") else f" ({told[0]})"
        raise InputError(
            f"{error.override}: not key=value{why}; a value with = , [ ] {{ }} or spaces wants "
            "quotes of its own: 'key=\"value\"'"
        ) from None


def _options(group: str) -> list[str]:
    return GlobalHydra.instance().config_loader().get_group_options(group) if group else []


def _refuse_sweeps(lines: list[str]) -> None:
    for override in _parse(lines):
        if override.is_sweep_override():
            line, key = override.input_line, override.key_or_group
            raise InputError(f"{line}: a sweep wants -m; a list is written {key}=[...]")


def _sweep(lines: list[str]) -> list[tuple[list[str], str]]:
    """(overrides of a job, those of them that are swept) of each job."""
    fixed = [o for o in _parse(lines) if not o.is_sweep_override()]
    # Hydra composes this too before it starts, and a sweeper's own search space stands there.
    params = _compose([o.input_line for o in fixed]).hydra.sweeper.get("params") or {}
    overrides = _parse([f"{key}={value}" for key, value in params.items()] + lines)
    swept = [o.is_sweep_override() for o in overrides]
    alternatives = [_alternatives(o, lines) for o in overrides]
    if math.prod(map(len, alternatives)) <= _MOST_JOBS:
        jobs = list(itertools.product(*alternatives))
    else:
        jobs = _covering(alternatives, [bool(_options(o.key_or_group)) for o in overrides])
    return [(list(job), " ".join(itertools.compress(job, swept))) for job in jobs]


def _alternatives(override: Override, lines: list[str]) -> list[str]:
    """Overrides of single jobs that `override` stands for, as Hydra's BasicSweeper writes them."""
    line, key = override.input_line, override.get_key_element()
    if not override.is_sweep_override():
        return [line]
    if override.is_hydra_override():
        raise InputError(f"{line}: Hydra's own keys cannot be swept")
    if not override.is_discrete_sweep():
        if not any(other.startswith("hydra/sweeper=") for other in lines):
            raise InputError(f"{line}: an interval wants a sweeper such as hydra/sweeper=optuna")
        return [f"{key}={override.value().start}", f"{key}={override.value().end}"]
    try:
        values = list(override.sweep_string_iterator())
    except Exception as error:
        raise InputError(f"{line}: {error}") from None
    if not values:
        raise InputError(f"{line}: nothing to sweep over")
    return [f"{key}={value}" for value in values]


def _covering(alternatives: list[list[str]], is_group: list[bool]) -> list[tuple[str, ...]]:
    """Few jobs that hold each combination of groups and, with it, each value of the other keys.

    That is enough to find a wrong key or type: neither depends on the value of another key.
    """
    longest = max((len(a) for a, group in zip(alternatives, is_group) if not group), default=1)
    groups = itertools.product(*(a if g else [None] for a, g in zip(alternatives, is_group)))
    return [
        tuple(choice or a[n % len(a)] for choice, a in zip(choices, alternatives))
        for choices in groups
        for n in range(longest)
    ]


def _sweep_job(lines: list[str], swept: str) -> DictConfig:
    try:
        cfg = _job(lines)
        for key in ("devices", "num_nodes"):
            value = OmegaConf.select(cfg, f"trainer.{key}", default=1)
            # Each DDP process repeats the whole command, so it would start the sweep once more.
            if str(value) != "1" and not (OmegaConf.is_list(value) and len(value) == 1):
                raise InputError(f"trainer.{key}={_shown(value)}: a job of a sweep has one device")
    except InputError as error:
        raise InputError(f"{error} (job: {swept})" if swept else str(error)) from None
    return cfg


def _job(lines: list[str]) -> DictConfig:
    cfg = _compose(lines)
    # An experiment's values are not the defaults: `ema: 0.998` there must not forbid `ema=null`.
    fixed = [line for line in lines if line.startswith("hydra")]
    fixed += [
        f"{group}={option}"
        for group, option in cfg.hydra.runtime.choices.items()
        if option and group != "experiment" and not group.startswith("hydra/")
        if not any(line.startswith(f"+{group}=") for line in lines)
    ]
    defaults = _defaults(tuple(fixed))
    with open_dict(cfg):
        del cfg["hydra"]
    _check_types(defaults, cfg, "")
    return cfg


@functools.cache
def _defaults(lines: tuple[str, ...]) -> dict:
    return OmegaConf.to_container(_compose(list(lines)))


def _compose(lines: list[str]) -> DictConfig:
    """Config with its `hydra` node; InputError where Hydra, OmegaConf or YAML refuse."""
    overrides = _parse(lines)
    for o in overrides:
        options = _options(o.key_or_group)
        if options and not o.is_delete() and not isinstance(o.value(), (str, list, dict)):
            raise InputError(_no_option(o.key_or_group, _shown(o.value()), options))
    try:
        return compose("train", lines, return_hydra_config=True)
    except Exception as error:
        raise InputError(" ".join(_explain(error, lines).split())) from None


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


def _values(node: DictConfig, path: str) -> Iterator[tuple[str, str, Any]]:
    """(key, its dotted path, value: a DictConfig, a list or a scalar) of each key of `node`."""
    for key, raw in OmegaConf.to_container(node).items():
        where = f"{path}.{key}" if path else str(key)
        if not isinstance(raw, dict) and "${hydra:" in str(raw):
            continue  # known only once the run has begun
        try:
            value = node[key]
            is_list = OmegaConf.is_list(value)
            value = OmegaConf.to_container(value, resolve=True) if is_list else value
        except OmegaConfBaseException as error:
            why = "must be given" if raw == "???" else str(error).splitlines()[0]
            raise InputError(f"{where}={_shown(raw)}: {why}") from None
        yield key, where, value


def _check_types(defaults: dict, node: DictConfig, path: str) -> None:
    for key, where, value in _values(node, path):
        default = defaults.get(key)  # a key that was added has none, and anything goes
        if isinstance(value, DictConfig):
            _check_types(default if isinstance(default, dict) else {}, value, where)
        if where not in _ANY_TYPE:
            _check_value(where, value, _kind(default))


def _kind(default: Any) -> Any:
    """Annotation of what may stand where the YAML has `default`."""
    if isinstance(default, list):
        kinds = {_kind(item) for item in default}
        return list[kinds.pop()] if len(kinds) == 1 else list
    if isinstance(default, str):
        return Any if default == "???" or "${" in default else _Scalar
    return Any if default is None else type(default)


def _check_value(where: str, value: Any, kind: Any) -> None:
    if not _fits(value, kind):
        raise InputError(f"{where}={_shown(value)}: expected {_words(kind)}")


def _fits(value: Any, kind: Any) -> bool:
    """Whether `value` may stand for `kind`; an annotation that is not plain takes anything."""
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if origin in (list, tuple, Sequence):
        if origin is tuple and args and args[-1] is not Ellipsis:
            return isinstance(value, list) and len(value) == len(args) == sum(map(_fits, value, args))
        return isinstance(value, list) and all(_fits(item, a) for item in value for a in args[:1])
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return type(value) in _TYPES[kind] if kind in _TYPES else True


def _words(kind: Any) -> str:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if kind in _ONE:
        return _ONE[kind]
    if origin is Literal:
        return f"one of {', '.join(map(_shown, args))}"
    if origin in (list, tuple, Sequence):
        if not args:
            return "a list"
        count = f"{len(args)} " if origin is tuple and args[-1] is not Ellipsis else ""
        many = _MANY.get(args[0])
        return f"a list of {count}{many}" if many else f"a list, each {_words(args[0])}"
    if origin in (Union, UnionType):
        return " or ".join(map(_words, args))
    return "a mapping" if origin in (dict, Mapping) else str(kind)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).replace('"', "")


def _check_nodes(node: DictConfig, supplied: Mapping[str, Collection[str]], path: str) -> None:
    for _, where, value in _values(node, path):
        if isinstance(value, DictConfig):
            if "_target_" in value:
                _check_call(value, supplied.get(where, ()), where)
            _check_nodes(value, supplied, where)


def _check_call(node: DictConfig, supplied: Collection[str], path: str) -> None:
    name = node["_target_"].rpartition(".")[2]
    params, takes_any = _parameters(node["_target_"], path)
    for key, where, value in _values(node, path):
        if key in supplied:
            raise InputError(f"{where}: comes from the data or the program; leave it out")
        if key in params:
            _check_value(where, value, params[key].annotation)
        elif not takes_any and not key.startswith("_"):
            hint = _hint(key, set(params) - set(supplied))
            raise InputError(f"{where}: {name} has no such parameter{hint}")
    for key, param in params.items():
        if param.default is param.empty and key not in node and key not in supplied:
            raise InputError(f"{path}.{key}: missing; {name} needs it")


def _parameters(target: str, path: str) -> tuple[dict[str, inspect.Parameter], bool]:
    """Parameters of `target` that a keyword can set, and whether it takes any other keyword."""
    try:
        call = pydoc.locate(target)
    except pydoc.ErrorDuringImport as error:
        raise InputError(f"{path}._target_={target}: {' '.join(str(error).split())}") from None
    if not callable(call):
        raise InputError(f"{path}._target_={target}: no such class or function")
    params = inspect.signature(call, eval_str=True).parameters.values()
    named = {p.name: p for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if target.startswith("lightning."):  # annotations narrower than what its Trainer takes
        named = {name: p.replace(annotation=Any) for name, p in named.items()}
    return named, any(p.kind == p.VAR_KEYWORD for p in params)
