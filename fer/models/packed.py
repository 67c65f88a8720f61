"""A network packed to be given away, as two files: network.safetensors and network.json.

The tensors are the weights in half precision and the record of training images. The json holds the
rest of what a checkpoint keeps. fer.models.checkpoint reads both forms.
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
    """Write both files into `folder`, each whole or not at all.

    weights: a Classifier's state.
    kept: the other content of a checkpoint, by the names of Checkpoint, and `calibration`, which
        says how its temperature was fitted.
    results: the summary of its run. Raises InputError for a weight that half precision cannot hold.
    """
    tensors = {name: _packed(name, tensor) for name, tensor in weights.items()}
    for index, each in enumerate(kept["seen"]):
        tensors |= _record(f"{SEEN}{index}", each)
    with replacing(folder / FACTS) as facts_file, replacing(folder / TENSORS) as file:
        # safetensors' save_file would make a file that only its owner can read.
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
        facts_file.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n")


def copy(path: Path, folder: Path, **changes: Any) -> None:
    """Write a packed network into `folder`, with other facts and the same weights.

    path: of its tensors. changes: keys of the json.
    """
    facts = json.loads(path.with_name(FACTS).read_text()) | changes
    content = path.read_bytes()
    with replacing(folder / FACTS) as facts_file, replacing(folder / TENSORS) as file:
        file.write_bytes(content)
        facts_file.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n")


def load(path: Path, *, device: str) -> dict[str, Any]:
    """The content of a checkpoint, as torch.load returns it: `state_dict`, in single precision, and `fer`.

    path: of the tensors. Raises InputError where the json is missing or of another network. A json
    that was edited by hand can raise any error.
    """
    facts_file = path.with_name(FACTS)
    if not facts_file.is_file():
        raise InputError(f"{facts_file}: no such file; it belongs next to {TENSORS}")
    facts = json.loads(facts_file.read_text())
    found, expected = file_digest(path), facts["sha256"]
    if found != expected:
        raise InputError(
            f"{path}: its SHA-256 is {found:.12}..., but {FACTS} has {expected:.12}... A file is "
            "damaged, or they are of two networks. Get both again"
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
            f"{path}: its record of training images is not that of {FACTS}. Get both files again"
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
    """Kernels and matrices of the network in half precision. Other tensors stay as they are.

    Biases and batch norm's numbers are less than a hundredth of the bytes. Half precision would
    round small variances to zero.
    """
    tensor = tensor.contiguous()  # files hold no channels_last
    if not (name.startswith("network.") and tensor.is_floating_point() and tensor.ndim > 1):
        return tensor
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise InputError(
            f"{name}: holds a weight that half precision cannot hold (above 65504, infinite or NaN)"
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
