"""Runs that resume from a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder, best_of
from fer.config import schema
from fer.config.recipe import HANDLING, check_recipe, flat
from fer.models import checkpoint, exported, packed
from fer.training.module import FaceModule


def check_checkpoint(path: Path, module: FaceModule) -> None:
    """Raises InputError where `module` cannot resume from the checkpoint at `path`."""
    if not path.is_file():
        raise InputError(f"ckpt_path: no file {path}")
    if path.name == packed.TENSORS or path.suffix == exported.SUFFIX:
        raise InputError(
            f"ckpt_path: {path} is a packed or exported network, which has no optimizer to resume with; name a "
            "run's checkpoint"
        )
    try:
        found = checkpoint.read(path, device="meta")
        checkpoint.require_whole_recipe(found)
    except InputError as fault:
        raise InputError(f"ckpt_path: {fault}") from None
    try:
        check_recipe(found.recipe)
        schema.check_nodes(OmegaConf.create(found.recipe))
    except InputError as fault:
        raise InputError(
            f"ckpt_path: {path} was trained by another version ({fault}); resume it with that one"
        ) from None
    own = {name: value.shape for name, value in module.state_dict().items()}
    if own != {name: value.shape for name, value in found.weights.items()}:
        raise InputError(
            f"ckpt_path: {path} holds another network than this config builds; repeat the overrides "
            f"in {RunFolder.of(path).overrides}"
        )
    monitor = found.recipe["monitor"]
    if monitor != module.monitor:  # Lightning would forget the best epoch so far
        raise InputError(
            f"ckpt_path: {path} chose its best epoch by monitor={monitor}; resume it by the same"
        )
    if not (best := best_of(path)).is_file():
        raise InputError(
            f"ckpt_path: no {best}, the best epoch so far; keep it next to the checkpoint that a run "
            "resumes from"
        )


def changed_options(recipe: Mapping[str, Any]) -> list[str]:
    """A note where a run resumes with other options than its checkpoint began with."""
    if (path := recipe["ckpt_path"]) is None:
        return []
    before = flat(checkpoint.read(Path(path), device="meta").recipe)
    now = flat(recipe)
    changed = [
        f"{key}={now.get(key)} (was {before.get(key)})"
        for key in dict.fromkeys([*before, *now])
        if key not in HANDLING and now.get(key) != before.get(key)
    ]
    return [f"not as {path} began: {', '.join(changed)}"] if changed else []
