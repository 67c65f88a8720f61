"""From a node of the config to the object that its `_target_` names."""

from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from fer.common.errors import InputError, refusal
from fer.config.schema import check_node


def build_node(cfg: DictConfig, group: str, **supplied: Any) -> Any:
    """The object of a config group. Raises InputError for what annotations or constructor refuse."""
    check_node(group, cfg[group])
    try:
        return instantiate(cfg[group], _convert_="all", _recursive_=False, **supplied)
    except InputError:
        raise
    except Exception as fault:  # Hydra wraps the exceptions of constructors
        cause = fault.__cause__ or fault
        if isinstance(cause, InputError):  # it names the place itself
            raise cause from None
        raise refusal(group, cause) from fault
