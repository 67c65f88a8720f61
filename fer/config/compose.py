"""Overrides composed to configs without torch: the first of two checks (docs/adr/0004)."""

import itertools
from collections.abc import Iterable, Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer.common.errors import InputError
from fer.config.paths import check_folder, conf_folder, options_of
from fer.config.schema import check_override


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The config of one run. Raises InputError for a wrong key, option or type, in one line."""
    parsed = parse(overrides)
    for one in parsed:
        if one.is_sweep_override():
            raise InputError(f"{one.input_line}: several values; a sweep needs -m")
    check_folder(parsed, sweeping=False)
    (cfg,) = _compose_each([[one] for one in parsed])
    return cfg


def compose_sweep(overrides: Sequence[str]) -> list[DictConfig]:
    """A config for each choice of groups in a sweep, with the first of all other values.

    Raises InputError as `compose_config` does, for every value that the command lists. What a
    sweeper draws from an interval, or takes from hydra.sweeper.params, each job checks at its start.
    """
    parsed = parse(overrides)
    check_folder(parsed, sweeping=True)
    _check_sweeper(parsed)
    configs = _compose_each([_values(one) for one in parsed])
    for cfg in configs:
        check_alone(cfg)
    return configs


def _check_sweeper(parsed: Sequence[Override]) -> None:
    """Raises InputError for what hydra/sweeper=basic cannot do, and other sweepers can."""
    if any(one.value() != "basic" for one in parsed if one.key_or_group == "hydra/sweeper"):
        return
    for one in parsed:
        drawn = one.is_sweep_override() and not one.is_discrete_sweep()
        if drawn or one.key_or_group.startswith("hydra.sweeper.params"):
            raise InputError(f"{one.input_line}: hydra/sweeper=basic needs values, as in seed=0,1")


def check_alone(cfg: DictConfig) -> None:
    """Raises InputError for several processes in a sweep: each would start the sweep again."""
    for key in ("devices", "num_nodes"):
        value = cfg.trainer.get(key, 1)
        if (len(value) if OmegaConf.is_list(value) else value) not in (1, "1"):
            raise InputError(f"trainer.{key}: {value}, but a sweep (-m) needs 1: one process a job")


def parse(overrides: Iterable[str]) -> list[Override]:
    """The overrides as Hydra reads them. Raises InputError that shows how to quote a wrong one."""
    return [_parse(word) for word in overrides]


def _parse(word: str) -> Override:
    key, equals, value = word.partition("=")
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        if not equals:
            raise InputError(f"{word}: expected key=value") from None
        quoted = f"'{key}=\"{value}\"'"
        raise InputError(f"{word}: Hydra cannot read the value; quote it twice: {quoted}") from None


def _values(override: Override) -> list[Override]:
    """One override for each listed value of a sweep; an interval lists none and stays itself."""
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return [override]
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        override.config_loader = GlobalHydra.instance().config_loader()  # which glob() asks
        values = list(override.sweep_string_iterator())
    return parse(f"{override.get_key_element()}={value}" for value in values) or [override]


def _compose_each(values: list[list[Override]]) -> list[DictConfig]:
    """A config for each choice of groups; every value is checked against its groups' YAML."""
    chosen = [listed for listed in values if is_group(listed[0])]
    others = [listed for listed in values if not is_group(listed[0])]
    first = [listed[0] for listed in others if not listed[0].is_sweep_override()]
    configs = []
    for groups in itertools.product(*chosen):
        try:
            base = _compose(groups)
            for override in itertools.chain(*others):
                if not _is_hydras(override) and not override.is_delete():
                    check_override(base, override)
            configs.append(_compose([*groups, *first]))
            _check_length(configs[-1], others)
        except InputError as fault:
            where = " ".join(str(one.input_line) for one in groups)
            several = any(len(listed) > 1 for listed in chosen)
            raise InputError(f"{fault} (in {where})" if several else str(fault)) from None
    return configs


def _check_length(cfg: DictConfig, others: Iterable[list[Override]]) -> None:
    """Raises InputError where both a budget and an override choose the number of epochs."""
    values = {one.key_or_group: one for one in itertools.chain(*others)}
    listed = [one.value() for one in itertools.chain(*others) if one.key_or_group == "budget"]
    budgets = [value for value in (cfg.budget, *listed) if value is not None]
    if budgets and (typed := values.get("trainer.max_epochs")):
        raise InputError(f"budget: {budgets[0]} chooses the epochs; leave out {typed.input_line}")


def is_group(override: Override) -> bool:
    return (conf_folder() / override.key_or_group.split("@")[0]).is_dir()


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _compose(overrides: Sequence[Override]) -> DictConfig:
    for override in filter(is_group, overrides):
        group, option = override.key_or_group.split("@")[0], override.value()
        known = options_of(group)
        if option not in known and not (group == "experiment" and option is None):
            listed = ", ".join(known)
            raise InputError(f"{override.input_line}: no such option; choose from {listed}")
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
            cfg = compose("train", [str(override.input_line) for override in overrides])
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as fault:
        raise InputError(str(fault.__cause__ or fault).strip().splitlines()[0]) from None
    return cfg
