"""Export a finished network, compared with PyTorch on faces before the file is kept."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import fer
from fer.common.errors import InputError, one_line
from fer.common.files import copy_file, file_digest
from fer.data.drawn import draw
from fer.data.labels import EMOTIONS
from fer.evaluation.measure import Member, read_faces
from fer.inference import export
from fer.inference.export import LIMITS, Pixels
from fer.models import checkpoint
from fer.models.checkpoint import Checkpoint
from fer.models.classifier import Classifier, rebuild
from fer.models.exported import metadata
from fer.models.portable import Portable, folded
from fer.runs.evaluate import evaluate
from fer.runs.members import assemble

log = logging.getLogger(__name__)

Form = Literal["onnx", "torch", "safetensors"]
SUFFIXES: dict[Form, str] = {"onnx": ".onnx", "torch": ".pt2", "safetensors": ".safetensors"}
TRAINER = (
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.enable_progress_bar=false",
)
COMPARED, CALIBRATED = 256, 512  # faces of validation, and of training for the ranges of int8
LOSS = 0.5  # points of accuracy on validation that eight bits may cost
SHIPPED_LICENSE = "MIT"


def texts(found: Checkpoint, license: str | None, precision: str) -> dict[str, str]:
    """The metadata of a file: what a checkpoint keeps, and where it is from."""
    own = SHIPPED_LICENSE if found.path.resolve().parent == checkpoint.WEIGHTS else "unknown"
    kept = {name: getattr(found, name) for name in ("recipe", "classes", "channels", "size")}
    kept |= {"temperature": found.temperature, "margin": found.margin}
    return metadata(
        kept,
        found.seen,
        sha256=file_digest(found.path),
        license=license or own,
        fer_version=fer.__version__,
        precision=precision,
    )


def plain(found: Checkpoint) -> Classifier:
    """The network in PyTorch's usual memory format, which a graph has."""
    return rebuild(replace(found, recipe=found.recipe | {"channels_last": False}))


def write_onnx(
    path: Path,
    found: Checkpoint,
    overrides: Sequence[str],
    *,
    pixels: Pixels = "float",
    int8: bool = False,
    fp16: bool = False,
    license: str | None = None,
) -> None:
    """Write an ONNX file and log how far it is from PyTorch.

    overrides: where the network's images are now. int8: calibrate on them, and measure.
    Raises InputError where the difference is above LIMITS, or eight bits cost more than LOSS.
    """
    classifier, faces = plain(found), _faces(found, overrides, required=int8)
    with tempfile.TemporaryDirectory() as folder:
        single = Path(folder) / "single.onnx"
        if int8:
            classifier.network = folded(classifier.network)
        model = export.to_onnx(Portable(classifier), pixels)
        if fp16:
            export.halve(model)
        precision = "float16" if fp16 else "float32"
        export.stamp(model, texts(found, license, precision))
        export.write_onnx(model, single)
        _compare(single, plain(found), faces, LIMITS[precision])
        if int8:
            single = _eight_bits(single, found, overrides, texts(found, license, "int8"))
        copy_file(single, path)


def _faces(found: Checkpoint, overrides: Sequence[str], *, required: bool) -> np.ndarray:
    """Validation images, or drawn faces with a note: uint8 [COMPARED, H, W]."""
    try:
        (member,) = assemble([found], [*TRAINER, *overrides])
        read_faces(member, "val")
        faces = _spread(member, "val", COMPARED)
        log.info("compared on %s validation images of %s", len(faces), member.data.faces.source)
        return faces
    except InputError as fault:
        if required or overrides:
            raise InputError(
                f"{one_line(fault)}; data.path=FILE says where the network's images are"
            ) from None
        log.info("compared on drawn faces: %s", one_line(fault))
    rng = np.random.default_rng(0)
    return np.stack([draw(index % len(EMOTIONS), rng) for index in range(COMPARED)])


def _spread(member: Member, part: str, most: int) -> np.ndarray:
    """At most so many images of a part, evenly spaced: uint8 [n, H, W]."""
    positions = member.data.parts.part(part)
    chosen = np.linspace(0, len(positions) - 1, min(most, len(positions))).astype(int)
    return np.ascontiguousarray(member.data.faces.images[positions[chosen]])


def _compare(path: Path, classifier: Classifier, faces: np.ndarray, limit: float) -> None:
    found = export.difference(path, classifier, faces)
    log.info("largest difference of a probability from PyTorch: %.1e", found)
    if not found <= limit:
        raise InputError(
            f"the file's probabilities differ by {found:.1e} from PyTorch's, and {limit:.0e} is the "
            "most; nothing was written"
        )


def _eight_bits(
    single: Path, found: Checkpoint, overrides: Sequence[str], written: dict[str, str]
) -> Path:
    """The path of the file in eight bits, measured on validation against `single`."""
    import onnx

    from fer.inference.quantize import quantize

    (member,) = assemble([found], [*TRAINER, *overrides])
    read_faces(member, "val")
    faces, target = _spread(member, "train", CALIBRATED), single.with_name("int8.onnx")
    kind = export.open_session(single).get_inputs()[0].type
    quantize(single, target, faces if "uint8" in kind else faces.astype(np.float32) / 255)
    model = onnx.load(target)
    export.stamp(model, written)
    export.write_onnx(model, target)
    before, after = (_measured(path, overrides, faces[0]) for path in (single, target))
    for name, (points, pace) in {"float32": before, "int8": after}.items():
        log.info("%s: %.2f %% of validation, %.2f ms a face on one core", name, points, pace)
    if before[0] - after[0] > LOSS:
        raise InputError(
            f"--int8: costs {before[0] - after[0]:.2f} points of accuracy on validation, and {LOSS} "
            "is the most; nothing was written"
        )
    return target


def _measured(path: Path, overrides: Sequence[str], face: np.ndarray) -> tuple[float, float]:
    """Accuracy on validation in percent, and milliseconds a face."""
    members = assemble([checkpoint.read(path)], [*TRAINER, *overrides])
    scores: dict[str, Any] = evaluate(members, part="val", tta="none").scores()
    return 100 * scores["acc"], export.milliseconds(path, face)


def write_program(path: Path, found: Checkpoint, pixels: Pixels, license: str | None) -> None:
    """Write the program of torch.export."""
    program = export.to_program(Portable(plain(found)), pixels)
    export.write_program(program, path, texts(found, license, "float32"))


def write_weights(path: Path, found: Checkpoint, license: str | None) -> None:
    """Write the weights alone as safetensors."""
    export.write_weights(plain(found), path, texts(found, license, "float32"))
