"""A network packed to be given away: network.safetensors, and network.json beside it.

The tensors are the weights in half precision and the record of what was seen; the json says the
rest. Together they hold all that a checkpoint keeps, and fer.models.checkpoint reads either.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import Tensor

from fer.common.errors import InputError
from fer.common.files import file_digest, replacing
from fer.common.versions import revision, versions
from fer.data.exposure import Seen

TENSORS, FACTS = "network.safetensors", "network.json"
SEEN = "seen."  # opens the names of the tensors that are no weights


def save(
    folder: Path,
    *,
    weights: Mapping[str, Tensor],
    kept: Mapping[str, Any],
    results: Mapping[str, Any] | None,
) -> None:
    """Writes both files into `folder`, each whole or not at all.

    weights: a FaceModule's state; kept: what a checkpoint keeps beside it, by the names of
    Checkpoint; results: what its run measured. Raises InputError for a weight that half precision
    cannot hold.
    """
    tensors = {name: _packed(name, tensor) for name, tensor in weights.items()}
    for index, each in enumerate(kept["seen"]):
        tensors |= _record(f"{SEEN}{index}", each)
    with replacing(folder / FACTS) as beside, replacing(folder / TENSORS) as file:
        # save_file leaves a file that its owner alone may read
        file.write_bytes(safetensors.save(tensors))
        facts = {
            **kept,
            "seen": [each.fingerprint for each in kept["seen"]],
            "preprocess": {
                name: weights[f"preprocess.{name}"].flatten().tolist() for name in ("mean", "std")
            },
            "precision": "float16",
            "sha256": file_digest(file),
            "versions": versions(),
            "git": revision(),
            "results": results,
        }
        beside.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n")


def load(path: Path, *, device: str) -> dict[str, Any]:
    """What torch.load gives of a checkpoint: `state_dict`, in single precision, and `fer`.

    path: of the tensors. Raises InputError where the json is missing or of another network, and
    whatever a json that was written by hand leads to.
    """
    beside = path.with_name(FACTS)
    if not beside.is_file():
        raise InputError(f"{beside}: no such file; it belongs beside {TENSORS}")
    facts = json.loads(beside.read_text())
    found, said = file_digest(path), facts["sha256"]
    if found != said:
        raise InputError(
            f"{path}: its SHA-256 is {found:.12}..., but {FACTS} says {said:.12}...; they are damaged "
            "or of two networks: get both anew"
        )
    tensors = {name: tensor.to(device) for name, tensor in safetensors.load_file(path).items()}
    held = {name for name in tensors if name.startswith(SEEN)}
    listed = {
        f"{SEEN}{index}.{part}.{what}"
        for index in range(len(facts["seen"]))
        for part in ("train", "val")
        for what in ("rows", "hashes")
    }
    if held != listed:
        raise InputError(
            f"{path}: what it says of the faces it has seen is not what {FACTS} says; get both anew"
        )
    seen = [
        {"fingerprint": fingerprint}
        | {part: _pairs(tensors, f"{SEEN}{index}.{part}") for part in ("train", "val")}
        for index, fingerprint in enumerate(facts["seen"])
    ]
    weights = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
        if not name.startswith(SEEN)
    }
    return {"fer": facts | {"seen": seen}, "state_dict": weights}


def _packed(name: str, tensor: Tensor) -> Tensor:
    """Kernels and matrices of the network in half precision; vectors and statistics as they are.

    Biases and batch norm's numbers are less than a hundredth of the bytes, and its variances may
    lie outside of what half precision can tell from zero.
    """
    tensor = tensor.contiguous()  # channels_last is a matter of memory, not of files
    if not (name.startswith("network.") and tensor.is_floating_point() and tensor.ndim > 1):
        return tensor
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise InputError(
            f"{name}: holds a weight that half precision cannot (above 65504, or none)"
        )
    return half


def _record(name: str, seen: Seen) -> dict[str, Tensor]:
    """Row numbers and pixel hashes of both parts, 12 bytes a row."""
    tensors = {}
    for part, (rows, hashes) in {"train": seen.train, "val": seen.val}.items():
        tensors |= {f"{name}.{part}.rows": rows.int(), f"{name}.{part}.hashes": hashes.clone()}
    return tensors


def _pairs(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    return torch.stack([tensors[f"{name}.rows"].long(), tensors[f"{name}.hashes"]])
