"""From a node of the config to the object that its `_target_` names. Light: networks of files use it."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fer.common.errors import InputError, refusal

if TYPE_CHECKING:
    from omegaconf import DictConfig


def build_node(cfg: "DictConfig", group: str, *first: Any, **supplied: Any) -> Any:
    """The object of a config group. Raises InputError for what annotations or constructor refuse."""
    from fer.config.schema import check_node

    return construct(group, check_node(group, cfg[group]), *first, **supplied)


def construct(group: str, node: Mapping[str, Any], *first: Any, **supplied: Any) -> Any:
    """What a node names, called with its values. Raises InputError for what that refuses.

    first, supplied: what the program adds
    """
    given = {key: value for key, value in node.items() if not key.startswith("_")}
    try:
        return named(node["_target_"])(*first, **given | supplied)
    except InputError:
        raise
    except Exception as fault:  # a constructor raises many things for a wrong value
        raise refusal(group, fault) from fault


def named(target: str) -> Any:
    """What a `_target_` names, `fer.models.R1`."""
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)
