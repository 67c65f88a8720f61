"""A network in an ONNX file, as `fer export` writes it, run by ONNX Runtime.

Its metadata is what a checkpoint keeps, as text. fer.models.checkpoint reads both. An ONNX file holds
operators and numbers: nothing in it is executed as code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fer.common.errors import InputError
from fer.data.exposure import Seen

if TYPE_CHECKING:
    import onnxruntime

    from fer.models.checkpoint import Checkpoint

SUFFIX = ".onnx"
INPUT, PROBABILITIES, MAPS = "faces", "probabilities", "maps"
NETWORK = (
    "classifier.network."  # opens the names of weights, as fer.models.portable.Portable has them
)
TYPES = {"tensor(float)": torch.float32, "tensor(uint8)": torch.uint8}

# Metadata that is JSON, by the names of Checkpoint. `seen` has a form of its own.
FACTS = ("recipe", "classes", "channels", "size", "temperature", "margin")


class Exported(nn.Module):
    """What runs an ONNX file in place of a Classifier: faces [B, 1, S, S] -> probabilities [B, classes].

    Faces are uint8, or float in [0, 1]. Where the file takes uint8, floats are rounded to it. It
    computes on the CPU, with as many threads as torch has at the first call.
    """

    def __init__(self, found: Checkpoint) -> None:
        super().__init__()
        self.path, self.classes, self.channels = found.path, found.classes, found.channels
        self.size = found.size

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        return open_session(self.path, threads=torch.get_num_threads())

    def forward(self, faces: Tensor) -> Tensor:
        (given,) = self.session.get_inputs()
        pixels = converted(faces[:, 0].cpu(), TYPES[given.type])
        (rows,) = self.session.run([PROBABILITIES], {INPUT: pixels.numpy()})
        return torch.from_numpy(rows).to(faces.device)


def converted(faces: Tensor, dtype: torch.dtype) -> Tensor:
    """Faces as uint8, or as float in [0, 1], whichever of the two they are."""
    if faces.dtype == dtype:
        return faces.contiguous()
    if dtype == torch.uint8:
        return (faces * 255).round().to(torch.uint8)
    return faces.float() / 255


def open_session(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU with a file loaded. Raises InputError where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{path}: needs ONNX Runtime; pip install 'fer-lab[onnx]', or name the network's run"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong is raised too
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def load(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, as torch.load returns it, without weights.

    Raises InputError for another ONNX file. A damaged one can raise any error.
    """
    session = open_session(path)
    written = session.get_modelmeta().custom_metadata_map
    if missing := [name for name in (*FACTS, "seen") if name not in written]:
        raise InputError(
            f"{path}: no file of fer export, its metadata has no {', '.join(missing)}; expected a "
            f"network that takes {INPUT} [N, H, W] and gives {PROBABILITIES} [N, classes]"
        )
    kept = {name: json.loads(written[name]) for name in FACTS}
    _check_form(path, session, len(kept["classes"]))
    return {"fer": kept | {"seen": _records(written["seen"])}, "state_dict": {}}


def _check_form(path: Path, session: onnxruntime.InferenceSession, classes: int) -> None:
    """Raises InputError where inputs or outputs are not those of fer export."""
    inputs = [(each.name, each.type, len(each.shape)) for each in session.get_inputs()]
    outputs = {each.name: each.shape for each in session.get_outputs()}
    if inputs not in [[(INPUT, kind, 3)] for kind in TYPES]:
        raise InputError(f"{path}: takes {inputs}, expected {INPUT} [N, H, W], uint8 or float")
    if list(outputs.get(PROBABILITIES, ()))[1:] != [classes]:
        raise InputError(f"{path}: gives {outputs}, expected {PROBABILITIES} [N, {classes}]")


def metadata(kept: Mapping[str, Any], seen: Sequence[Seen], **others: str) -> dict[str, str]:
    """The metadata of a file. kept: FACTS. others: texts without meaning for this program."""
    texts = {name: json.dumps(kept[name]) for name in FACTS}
    return texts | {"seen": json.dumps([_record(each) for each in seen])} | others


def _record(seen: Seen) -> dict[str, Any]:
    """A record as JSON has it: row numbers int32 and pixel hashes int64, little-endian, in base64."""
    return {"fingerprint": seen.fingerprint} | {
        part: {
            "rows": _text(rows.numpy().astype("<i4")),
            "hashes": _text(hashes.numpy().astype("<i8")),
        }
        for part, (rows, hashes) in {"train": seen.train, "val": seen.val}.items()
    }


def _records(text: str) -> list[dict[str, Any]]:
    """What fer.models.checkpoint makes into Seen."""
    return [
        {"fingerprint": each["fingerprint"]}
        | {
            part: torch.stack(
                [_tensor(each[part]["rows"], "<i4"), _tensor(each[part]["hashes"], "<i8")]
            )
            for part in ("train", "val")
        }
        for each in json.loads(text)
    ]


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


def _tensor(text: str, dtype: str) -> Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype).astype(np.int64))
