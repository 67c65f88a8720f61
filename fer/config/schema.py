"""Configs held against the annotations of what they build: types, ranges, choices, keys."""

import difflib
import functools
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import InitVar
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from annotated_types import Ge, Gt, Interval
from omegaconf import DictConfig, OmegaConf
from typing_extensions import NotRequired, TypedDict  # pydantic wants this one below Python 3.12

from fer.common.errors import InputError
from fer.config.instantiate import named

if TYPE_CHECKING:  # a tenth of a second, only where something is checked
    from pydantic import TypeAdapter

MONITORS = ("val/acc", "val/mean_acc", "val/macro_f1", "val/loss", "val/ece")

Count = Annotated[int, Ge(1)]
Limit = Count | Annotated[float, Interval(gt=0, le=1)] | None  # batches, or a fraction of them


class Settings(TypedDict):
    """The keys at the top of a config, other than its groups."""

    seed: Annotated[int, Interval(ge=0, lt=2**32)]
    budget: str | float | None  # a time: fer.training.budget reads it
    monitor: Literal[MONITORS]
    patience: Count | None
    ckpt_path: str | None
    test: bool
    compile: bool
    channels_last: bool
    teacher: list[str]
    teacher_weight: Annotated[float, Interval(gt=0, le=1)]
    teacher_temperature: Annotated[float, Gt(0)]
    resolutions: list[Count] | None
    ema: Annotated[float, Interval(gt=0, lt=1)] | None
    profiler: Literal["torch"] | None


class Trainer(TypedDict, total=False):
    """The parameters of lightning.Trainer that a config may set.

    Each epoch is validated once, at its end: what would change that is not among them.
    """

    accelerator: str
    devices: int | str | list[int]
    num_nodes: Count
    strategy: str
    precision: Literal["auto", 32, "32", "32-true", "bf16", "bf16-mixed", 16, "16", "16-mixed"]
    max_epochs: Count | None
    max_steps: Literal[-1] | Count
    max_time: str | None
    min_epochs: int | None
    min_steps: int | None
    limit_train_batches: Limit
    limit_val_batches: Limit
    limit_test_batches: Limit
    accumulate_grad_batches: Count
    gradient_clip_val: Annotated[float, Ge(0)] | None
    gradient_clip_algorithm: Literal["norm", "value"] | None
    deterministic: bool | Literal["warn"] | None
    benchmark: bool | None
    detect_anomaly: bool
    inference_mode: bool
    sync_batchnorm: bool
    log_every_n_steps: Count
    enable_progress_bar: bool


# Parameters that the program supplies to what a group builds; no config sets them.
SUPPLIED = {
    "model": frozenset({"in_channels", "classes", "size"}),
    "data": frozenset({"order_seed"}),
    "optim": frozenset({"network"}),
    "schedule": frozenset({"optimizer", "total_steps", "higher"}),
    "loss": frozenset({"counts"}),
}


def higher_is_better(number: str) -> bool:
    """Whether more of a number such as `val/acc` or `val/clean_ece` is better."""
    return number.rpartition("/")[2].removeprefix("clean_") not in ("loss", "ece")


def check_config(cfg: DictConfig) -> None:
    """Raises InputError where a key is missing, unknown, of another type or out of range."""
    values = OmegaConf.to_container(cfg, resolve=True)
    top = {key: value for key, value in values.items() if not isinstance(value, dict)}
    check("", top, Settings)
    check_nodes(cfg)


def check_nodes(cfg: DictConfig) -> None:
    """Raises InputError where a node has other keys or values than its constructor takes."""
    for group, node in cfg.items():
        if isinstance(node, DictConfig):
            check_node(str(group), node)


def check_node(group: str, node: DictConfig) -> dict[str, Any]:
    """The values of a node. Raises InputError where its constructor takes other keys or values."""
    if "_target_" not in node:
        raise InputError(f"{group}._target_: missing; it names what {group} builds")
    values: dict[str, Any] = OmegaConf.to_container(node, resolve=True)
    try:
        keys = _keys(values["_target_"], SUPPLIED.get(group, frozenset()))
    except Exception:  # importing a module may raise anything
        raise InputError(f"{group}._target_: there is no {node._target_}") from None
    own = {key: value for key, value in values.items() if not key.startswith("_")}
    check(f"{group}.", own, keys)
    return values


@functools.cache
def _keys(target: str, supplied: frozenset[str]) -> type:
    """The keys of a node: the parameters of its target without those that are supplied."""
    if target == "lightning.Trainer":
        return Trainer
    made = named(target)
    keys = _parameters(made)
    return TypedDict(made.__name__, {name: keys[name] for name in keys if name not in supplied})


def _parameters(made: Any) -> dict[str, Any]:
    """The annotation of each parameter; `**others` of a constructor are those of its base class."""
    call = made.__init__ if inspect.isclass(made) else made
    hints = get_type_hints(call, include_extras=True)
    own, passes_on = {}, False
    for name, parameter in inspect.signature(made).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            passes_on = True
            continue
        hint = hints.get(name, Any)
        hint = hint.type if isinstance(hint, InitVar) else hint
        own[name] = hint if parameter.default is parameter.empty else NotRequired[hint]
    return _parameters(made.__base__) | own if passes_on else own


def check(prefix: str, values: Mapping[str, Any], keys: type) -> None:
    """Raises InputError, one line, where values are not as the TypedDict `keys` annotates them.

    They are validated as strict JSON: a list fits every kind of sequence, a whole number fits a
    float, and "1" or true does not fit an int.
    """
    from pydantic import ValidationError

    try:
        _adapter(keys).validate_json(json.dumps(values))
    except ValidationError as fault:
        raise InputError(prefix + _line(fault.errors(), keys)) from None


@functools.cache
def _adapter(keys: type) -> "TypeAdapter":
    from pydantic import TypeAdapter, with_config

    strict = with_config(strict=True, extra="forbid", allow_inf_nan=False)
    return TypeAdapter(strict(keys))


def _line(errors: list[Any], keys: type) -> str:
    """The most telling error: a mistyped key is missing under its own name as well."""
    order = {"extra_forbidden": 0, "missing": 2}
    worst = min(errors, key=lambda error: order.get(error["type"], 1))
    place = _place(worst)
    if worst["type"] == "extra_forbidden":
        return unknown(place, place, keys.__annotations__)
    if worst["type"] == "missing":
        return f"{place}: missing; {keys.__name__} needs it"
    expected = dict.fromkeys(_expected(error) for error in errors if _place(error) == place)
    line = f"{place}: {_shown(worst['input'])}, expected {' or '.join(expected)}"
    return line + _how_written(worst, keys)


def _how_written(error: Mapping[str, Any], keys: type) -> str:
    """How to write what was meant: null for none, true for yes, and one value as a list."""
    hint = get_type_hints(keys).get(str(error["loc"][0]))
    if str(error["input"]).lower() == "none" and type(None) in get_args(hint):
        return "; write null"
    written = {
        "bool_type": "; write true or false",
        "list_type": f"; a list is written [{error['input']}]",
        "tuple_type": f"; write a list of {len(get_args(hint))}, such as [0.5,{error['input']}]",
    }
    return written.get(error["type"], "")


def _place(error: Mapping[str, Any]) -> str:
    """`betas[1]`; the other words of `loc` name members of a union."""
    key, *inner = error["loc"]
    return str(key) + "".join(f"[{part}]" for part in inner if isinstance(part, int))


def _expected(error: Mapping[str, Any]) -> str:
    """What pydantic expected: `Input should be less than 1` is `less than 1`."""
    words = error["msg"].rpartition(" should ")[2].partition(" after validation")[0]
    return words.removeprefix("be ").removeprefix("have ")


def _shown(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def unknown(path: str, name: str, known: Iterable[str]) -> str:
    """The line for a key that does not exist, with the nearest one that does."""
    names = sorted(name for name in known if not name.startswith("_"))
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    return f"{path}: no such key; {hint}"
