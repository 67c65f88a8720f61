"""What older files call the things that a config builds. Light to import: every file is read by it."""

from collections.abc import Mapping
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


def with_todays_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A finished run's config, its `_target_` names replaced by those of today (`RENAMED`)."""
    return {group: _renamed(node) for group, node in recipe.items()}


def _renamed(node: Any) -> Any:
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return node if target not in RENAMED else {**node, "_target_": RENAMED[target]}
