"""The config of a finished run, read from a file and changed on the command line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config.compose import compose_jobs, is_group, parse
from fer.config.paths import conf_folder
from fer.config.schema import check_override

# What makes no other experiment of a run: where it goes on from, and what is seen of it meanwhile.
HANDLING = ("ckpt_path", "profiler", "trainer.enable_progress_bar")


def flat(node: Mapping[str, Any], joint: str = ".") -> dict[str, Any]:
    """The values of nested dicts by all their keys: of a config as they are typed, `model.dropout`."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= {f"{key}{joint}{name}": inner for name, inner in flat(value, joint).items()}
        else:
            found[key] = value
    return found


def revise(recipe: Mapping[str, Any], words: Sequence[str]) -> DictConfig:
    """The config of a finished run, out of a file, with changes such as `data=folder`, `data.seed=1`.

    A group that is chosen anew starts from its YAML. Raises InputError in one line as `compose_jobs`
    does, and for a recipe that would build what no YAML names: it may come from a stranger.
    """
    check_recipe(recipe)
    overrides = parse(words)
    chosen = {one.key_or_group: one for one in overrides if is_group(one)}
    (fresh,) = compose_jobs([str(one.input_line) for one in chosen.values()])
    cfg = OmegaConf.create(dict(recipe) | {group: fresh[group] for group in chosen})
    for override in overrides:
        if override.is_sweep_override() or override.is_delete():
            raise InputError(f"{override.input_line}: expected key=value, one value")
        if not is_group(override):
            check_override(cfg, override)
            OmegaConf.update(cfg, override.key_or_group, override.value(), force_add=True)
    return cfg


def check_recipe(recipe: Mapping[str, Any]) -> None:
    """Raises InputError for a finished run's config that would build what no YAML names.

    It is looked at in OmegaConf's own form, where no tuple hides a node; an interpolation, which could
    become any node once it is read, does not occur in what a run keeps.
    """
    words = list(_words(OmegaConf.to_container(OmegaConf.create(dict(recipe)), resolve=False)))
    for key, word in words:
        if "${" in word:
            raise InputError(f"{key}: {word!r}; a finished recipe holds values alone")
    unknown = {word for key, word in words if key == "_target_"} - _known_targets()
    if unknown:
        raise InputError(
            f"{min(unknown)}: no config in {conf_folder()} builds it, but this recipe would"
        )


def _words(node: Any, key: str = "") -> Iterable[tuple[str, str]]:
    """Every value that is a word, at any depth, with its key; what is to be built always is one."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _words(inner, str(name))
    elif isinstance(node, list):
        for inner in node:
            yield from _words(inner, key)
    elif key == "_target_" or isinstance(node, str):
        yield key, str(node)


def _known_targets() -> set[str]:
    options = map(OmegaConf.load, conf_folder().glob("*/*.yaml"))
    return {str(option["_target_"]) for option in options if "_target_" in option}
