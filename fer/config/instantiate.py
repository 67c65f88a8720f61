"""From a node of the config to the object that its `_target_` names."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError, refusal
from fer.config.schema import check_node, named


def build_node(cfg: DictConfig, group: str, *first: Any, **supplied: Any) -> Any:
    """The object of a config group. Raises InputError for what annotations or constructor refuse."""
    check_node(group, cfg[group])
    return construct(group, OmegaConf.to_container(cfg[group], resolve=True), *first, **supplied)


def construct(group: str, node: Mapping[str, Any], *first: Any, **supplied: Any) -> Any:
    """What a node names, called with its values. Raises InputError for what that refuses.

    first, supplied: what the program adds
    """
    given = {key: value for key, value in node.items() if not key.startswith("_")}
    try:
        return named(str(node["_target_"]))(*first, **given | supplied)
    except InputError:
        raise
    except Exception as fault:  # a constructor raises many things for a wrong value
        raise refusal(group, fault) from fault
