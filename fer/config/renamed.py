"""What older files call the things that a config builds. Light to import: every file is read by it."""

from collections.abc import Iterable, Mapping
from typing import Any

# Names that older files have for what a config builds, and their names today. It only grows.
RENAMED = {
    "fer.data.augment.Augment": "fer.training.Augment",
    "fer.data.sources.Drawn": "fer.data.Drawn",
    "fer.data.sources.FER2013": "fer.data.FER2013",
    "fer.data.sources.FERPlus": "fer.data.FERPlus",
    "fer.data.sources.Folder": "fer.data.Folder",
    "fer.data.sources.Parquet": "fer.data.Parquet",
    "fer.losses.CrossEntropy": "fer.training.CrossEntropy",
    "fer.losses.Focal": "fer.training.Focal",
    "fer.losses.LogitAdjusted": "fer.training.LogitAdjusted",
    "fer.models.r1.R1": "fer.models.R1",
    "fer.models.r2.R2": "fer.models.R2",
    "fer.optim.adam": "fer.training.adam",
    "fer.optim.adamw": "fer.training.adamw",
    "fer.optim.constant": "fer.training.constant",
    "fer.optim.cosine": "fer.training.cosine",
    "fer.optim.linear": "fer.training.linear",
    "fer.optim.muon": "fer.training.muon",
    "fer.optim.one_cycle": "fer.training.one_cycle",
    "fer.optim.plateau": "fer.training.plateau",
    "fer.optim.sgd": "fer.training.sgd",
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


def options_gone(recipe: Mapping[str, Any]) -> list[str]:
    """Return the options of a finished run that this version lacks, `augment.crop=[0.5, 4.0]`."""
    return [
        f"{group}.{key}={node[key]}"
        for group, node in recipe.items()
        if isinstance(node, Mapping)
        for key in REMOVED.get(node.get("_target_"), ())
        if key in node
    ]


def _todays(node: Any) -> Any:
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        return node
    target = RENAMED.get(node["_target_"], node["_target_"])
    removed = REMOVED.get(target, ())
    kept = {key: value for key, value in node.items() if key not in removed or not _off(value)}
    if isinstance(kept.get("channels"), list) and target.startswith("fer.data."):
        kept["channels"] = todays_planes(kept["channels"])
    return kept | {"_target_": target}


def _off(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and 0 in pair
