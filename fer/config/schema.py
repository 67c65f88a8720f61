"""What a config may hold: the annotated constructors are the schema."""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hydra.core.override_parser.types import Override
from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig, OmegaConf

from fer.common.errors import InputError
from fer.config.paths import conf_folder

MONITORS = ("val/acc", "val/mean_acc", "val/macro_f1", "val/loss", "val/ece")


def higher_is_better(number: str) -> bool:
    """Whether more of a number such as `val/acc` or `val/clean_ece` is better."""
    return number.rpartition("/")[2].removeprefix("clean_") not in ("loss", "ece")


# Types of the top-level keys: those whose default is null or an empty list do not show theirs.
SETTINGS = {
    "seed": int,
    "monitor": Literal[MONITORS],
    "patience": int | None,
    "ckpt_path": str | None,
    "test": bool,
    "compile": bool,
    "channels_last": bool,
    "teacher": list[str],
    "teacher_weight": float,
    "teacher_temperature": float,
    "resolutions": list[int] | None,
    "ema": float | None,
    "profiler": Literal["torch"] | None,
}

# Parameters of constructors that the program supplies, by node of the config.
SUPPLIED = {
    "model": frozenset({"in_channels", "classes", "size"}),
    "data": frozenset({"order_seed"}),
    "optim": frozenset({"network"}),
    "schedule": frozenset({"optimizer", "total_steps", "higher"}),
    "loss": frozenset({"counts"}),
    "trainer": frozenset(
        {"callbacks", "logger", "default_root_dir", "use_distributed_sampler"}
        | {"num_sanity_val_steps", "enable_model_summary", "enable_checkpointing", "plugins"}
    ),
}


def check_key(base: DictConfig, override: Override, where: str) -> None:
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
