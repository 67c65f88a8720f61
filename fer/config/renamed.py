"""What older files call the things that a config builds. Light to import: every file is read by it."""

from collections.abc import Iterable, Mapping
from typing import Any

# Modules that older files name, and where the same names are public today. It only grows.
MOVED = {
    "fer.data.augment": "fer.training",
    "fer.data.sources": "fer.data",
    "fer.losses": "fer.training",
    "fer.models.r1": "fer.models",
    "fer.models.r2": "fer.models",
    "fer.optim": "fer.training",
}

# Options of older files that are gone: pairs of a probability and a range, off where one of them is 0.
REMOVED = {"fer.training.Augment": ("crop", "cutmix")}

# Names that older files have for planes, and their names today.
RENAMED_PLANES = {"contrast_high": "contrast"}


def with_todays_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finished run's config with the names and options of today.

    An option of `REMOVED` stays where it was on, so that building it is refused.
    """
    return {group: _todays(node) for group, node in recipe.items()}


def todays_planes(names: Iterable[str]) -> list[str]:
    """Return the planes of an older file by their names of today."""
    return [RENAMED_PLANES.get(name, name) for name in names]


def _todays(node: Any) -> Any:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        return node
    module, _, name = node["_target_"].rpartition(".")
    target = f"{MOVED.get(module, module)}.{name}"
    removed = REMOVED.get(target, ())
    kept = {key: value for key, value in node.items() if key not in removed or not _off(value)}
    if isinstance(kept.get("channels"), list) and target.startswith("fer.data."):
        kept["channels"] = todays_planes(kept["channels"])
    return kept | {"_target_": target}


def _off(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and 0 in pair
