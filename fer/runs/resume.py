"""Runs that resume from a checkpoint."""

from pathlib import Path

from fer.common.errors import InputError
from fer.models import checkpoint, packed
from fer.training.module import FaceModule


def check_checkpoint(path: Path, module: FaceModule) -> None:
    if path.name == packed.TENSORS:
        raise InputError(
            f"ckpt_path: {path} is a packed network, which keeps no optimizer to go on with; name a "
            "run's checkpoint"
        )
    try:
        found = checkpoint.read(path, device="meta")
    except InputError as fault:
        raise InputError(f"ckpt_path: {fault}") from None
    own = {name: value.shape for name, value in module.state_dict().items()}
    if own != {name: value.shape for name, value in found.weights.items()}:
        raise InputError(f"ckpt_path: {path} holds another network than this config builds")
    monitor = found.recipe["monitor"]
    if monitor != module.monitor:  # Lightning would forget the best epoch so far
        raise InputError(
            f"ckpt_path: {path} chose its best epoch by monitor={monitor}; it goes on by the same"
        )
    if not (best := path.with_name("best.ckpt")).is_file():
        raise InputError(
            f"ckpt_path: no {best}, the best epoch so far; keep it beside the checkpoint that a run "
            "goes on from"
        )
