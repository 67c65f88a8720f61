"""Overrides composed to configs without torch: the first of two checks (docs/adr/0004)."""

import copy
import glob
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer.common.errors import InputError
from fer.common.run_folder import RUNS, RunFolder, obstacle
from fer.config import meant
from fer.config.paths import conf_folder, options_of


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The config of one run. Raises InputError for a wrong key or option, in one line."""
    parsed = parse(overrides)
    for one in parsed:
        if one.is_sweep_override():
            raise InputError(f"{one.input_line}: several values; a sweep needs -m")
    _check_folder(parsed, "hydra.run.dir", "")
    return _compose_checked(parsed)


def compose_sweep(overrides: Sequence[str]) -> list[list[DictConfig]]:
    """The configs of each choice of groups: of the first values, then of each other listed value.

    Raises InputError as `compose_config` does. What a sweeper draws from an interval, or takes from
    hydra.sweeper.params, each job checks at its start.
    """
    parsed = parse(overrides)
    subdirs = [str(one.value()) for one in parsed if one.key_or_group == "hydra.sweep.subdir"]
    _check_folder(parsed, "hydra.sweep.dir", (subdirs or ["*"])[-1])
    _check_sweeper(parsed)
    listed = [_values(one) for one in parsed]
    groups = list(itertools.product(*(values for values in listed if is_group(values[0]))))
    others = [values for values in listed if not is_group(values[0])]
    configs = []
    for chosen in groups:
        try:
            cfg = _compose_checked([*chosen, *(values[0] for values in others)])
        except InputError as fault:
            where = " ".join(str(one.input_line) for one in chosen)
            raise InputError(f"{fault} (in {where})" if len(groups) > 1 else str(fault)) from None
        configs.append([cfg, *(_with(cfg, one) for values in others for one in values[1:])])
        for each in configs[-1]:
            _check_length(each, parsed)
            check_alone(each)
    return configs


def _check_folder(overrides: Iterable[Override], key: str, inside: str) -> None:
    """Raises InputError if `key` names a folder with another finished run.

    A run may resume in its own.

    inside: pattern of the run folders in it, empty for itself
    """
    typed = {one.key_or_group: str(one.value()) for one in overrides}
    own = RunFolder.of(Path(typed["ckpt_path"]).resolve()).path if "ckpt_path" in typed else None
    place = os.path.join(glob.escape(typed.get(key, "")), inside)
    for folder in map(Path, sorted(glob.glob(place))) if key in typed else ():
        if RunFolder(folder).finished and folder.resolve() != own:
            raise InputError(f"{key}: {folder} holds a finished run; choose another folder")


def check_place(overrides: Iterable[str], key: str) -> None:
    """Raises InputError if nothing can be written where `key` says, in runs/ by default."""
    typed = {one.key_or_group: str(one.value()) for one in parse(overrides)}
    if why := obstacle(Path(typed.get(key, RUNS))):
        raise InputError(f"{key}: {why}; choose another folder with {key}=DIR")


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
    words = list(overrides)
    return [_parse(*pair) for pair in zip(words, [*words[1:], "VALUE"])]


def _parse(word: str, following: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        line = meant.unreadable(word) if "=" in word else meant.no_override(word, following)
        raise InputError(line) from None


def _values(override: Override) -> list[Override]:
    """One override for each listed value of a sweep; an interval lists none and stays itself."""
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return [override]
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        override.config_loader = GlobalHydra.instance().config_loader()  # which glob() asks
        values = list(override.sweep_string_iterator())
    return parse(f"{override.get_key_element()}={value}" for value in values) or [override]


def is_group(override: Override) -> bool:
    return (
        override.key_or_group != ""
        and (conf_folder() / override.key_or_group.split("@")[0]).is_dir()
    )


def _compose_checked(overrides: Sequence[Override]) -> DictConfig:
    """A config whose keys were looked up in the YAML of its groups, which Hydra's own line does not."""
    base = _compose([one for one in overrides if is_group(one) or _is_place(one)])
    for one in overrides:
        if not (is_group(one) or _is_hydras(one) or one.is_delete()):
            check_key(base, one)
    cfg = _compose([one for one in overrides if not one.is_sweep_override()])
    _check_length(cfg, overrides)
    return cfg


def check_key(cfg: DictConfig, override: Override) -> None:
    """Raises InputError where a config has no such key. `+data.split_file=FILE` may add to a group."""
    node: Any = cfg
    adds = override.is_add() or override.is_force_add()
    for depth, part in enumerate(parts := override.key_or_group.split(".")):
        if not isinstance(node, DictConfig):
            above = ".".join(parts[:depth])
            raise InputError(f"{override.key_or_group}: {above} has no keys of its own")
        if part not in node and not (adds and depth and meant.may_be_added(parts)):
            place, value = ".".join(parts[: depth + 1]), str(override.input_line).partition("=")[2]
            raise InputError(meant.unknown(place, ".".join(parts), value, cfg, map(str, node)))
        node = node.get(part)


def _with(cfg: DictConfig, override: Override) -> DictConfig:
    changed = copy.deepcopy(cfg)
    if not _is_hydras(override):
        OmegaConf.update(changed, override.key_or_group, override.value(), force_add=True)
    return changed


def _check_length(cfg: DictConfig, overrides: Iterable[Override]) -> None:
    """Raises InputError where both a budget and an override choose the number of epochs."""
    for one in overrides:
        if cfg.budget is not None and one.key_or_group == "trainer.max_epochs":
            raise InputError(f"budget: {cfg.budget} chooses the epochs; leave out {one.input_line}")


def _is_place(override: Override) -> bool:
    """Whether an override names folders of own recipes."""
    return override.key_or_group == "hydra.searchpath"


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _compose(overrides: Sequence[Override]) -> DictConfig:
    places = [place for one in overrides if _is_place(one) for place in one.value()]
    for override in filter(is_group, overrides):
        group, option = override.key_or_group.split("@")[0], override.value()
        known = options_of(group, places)
        if option not in known and not (group == "experiment" and option is None):
            typed = str(override.input_line).partition("=")[2]
            raise InputError(meant.no_option(group, typed, known))
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
            cfg = compose("train", [str(override.input_line) for override in overrides])
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as fault:
        raise InputError(str(fault.__cause__ or fault).strip().splitlines()[0]) from None
    return cfg
