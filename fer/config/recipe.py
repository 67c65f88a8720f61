"""The config of a finished run, read from a file and changed on the command line."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config.compose import check_key, compose_config, is_group, parse
from fer.config.paths import conf_folder

# Keys that do not change the experiment: the time, resuming, profiling, the progress bar.
HANDLING = ("budget", "ckpt_path", "profiler", "trainer.enable_progress_bar")


def flat(node: Mapping[str, Any], joint: str = ".") -> dict[str, Any]:
    """The values of nested dicts by joined keys, such as `model.dropout`."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= {f"{key}{joint}{name}": inner for name, inner in flat(value, joint).items()}
        else:
            found[key] = value
    return found


def revise(recipe: Mapping[str, Any], overrides: Sequence[str]) -> DictConfig:
    """The config of a finished run, read from a file, with overrides such as `data=folder`.

    A group that is chosen anew starts from its YAML. Raises InputError in one line as
    `compose_config` and `check_recipe` do.
    """
    check_recipe(recipe)
    parsed = parse(overrides)
    chosen = {one.key_or_group: str(one.input_line) for one in parsed if is_group(one)}
    fresh = compose_config(list(chosen.values()))
    cfg = OmegaConf.create(dict(recipe) | {group: fresh[group] for group in chosen})
    for override in parsed:
        if override.is_sweep_override() or override.is_delete():
            raise InputError(f"{override.input_line}: expected key=value, one value")
        if not is_group(override):
            check_key(cfg, override)
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=True)
    return cfg


def check_recipe(recipe: Mapping[str, Any]) -> None:
    """Raises InputError for a file's recipe that would build what no YAML names.

    It may come from a stranger. An interpolation, which could become any node, is refused too.
    """
    text = OmegaConf.to_yaml(OmegaConf.create(dict(recipe)))
    if drawn := [line.strip() for line in text.splitlines() if "${" in line]:
        raise InputError(f"{drawn[0]}: a finished recipe holds values alone")
    options = (path.read_text() for path in conf_folder().glob("*/*.yaml"))
    if unknown := _targets(text) - _targets("".join(options)):
        raise InputError(f"{min(unknown)}: no config in {conf_folder()} builds it")


def _targets(text: str) -> set[str]:
    return set(re.findall(r"_target_:\s*(\S+)", text))
