"""Runs that resume from a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer.common.errors import InputError
from fer.common.run_folder import best_of
from fer.config.recipe import HANDLING, flat
from fer.config.renamed import options_gone
from fer.models import checkpoint, packed
from fer.training.module import FaceModule


def check_checkpoint(path: Path, module: FaceModule) -> None:
    """Raises InputError where `module` cannot resume from the checkpoint at `path`."""
    if path.name == packed.TENSORS:
        raise InputError(
            f"ckpt_path: {path} is a packed network, which has no optimizer to resume with; name a "
            "run's checkpoint"
        )
    try:
        found = checkpoint.read(path, device="meta")
        checkpoint.require_whole_recipe(found)
    except InputError as fault:
        raise InputError(f"ckpt_path: {fault}") from None
    if gone := options_gone(found.recipe):
        raise InputError(
            f"ckpt_path: {path} was trained with {', '.join(gone)}, which this version lacks; resume it "
            "with the version that wrote it"
        )
    own = {name: value.shape for name, value in module.state_dict().items()}
    if own != {name: value.shape for name, value in found.weights.items()}:
        raise InputError(f"ckpt_path: {path} holds another network than this config builds")
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
