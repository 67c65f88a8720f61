"""Write a network for other programs: ONNX, torch.export, safetensors. Compare ONNX Runtime with it.

Needs the extra `export`, except for safetensors and torch.export.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import torch as safetensors
from torch import Tensor

from fer.common.errors import InputError
from fer.common.files import replacing
from fer.data.planes import unit
from fer.data.resize import resize
from fer.models.classifier import Classifier
from fer.models.exported import INPUT, NETWORK, PROBABILITIES, open_session
from fer.models.portable import Portable

if TYPE_CHECKING:
    import onnx
    import onnxruntime

Pixels: TypeAlias = Literal["float", "uint8"]
DTYPES: dict[Pixels, torch.dtype] = {"float": torch.float32, "uint8": torch.uint8}

OPSET = 18
# Largest difference of a probability from PyTorch's. Half precision rounds each weight by up to a 2048th.
LIMITS: dict[str, float] = {"float32": 1e-4, "float16": 5e-3}
EXAMPLE = (2, 50, 61)  # two faces, neither square nor of the network's size: all three may vary


def require(path: Path) -> None:
    """Raises InputError where the extra `export` is not installed. path: what it is needed for."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as fault:
        raise InputError(f"{path}: needs {fault.name}; pip install 'fer-lab[export]'") from None


def to_onnx(portable: Portable, pixels: Pixels) -> onnx.ModelProto:
    """The graph, with its weights inside. Raises InputError for an operator that ONNX lacks."""
    try:
        with torch.no_grad(), _quiet():
            program = torch.onnx.export(
                portable.eval(),
                (_example(pixels),),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(portable.outputs),
                dynamic_shapes=_any_shape(),
                external_data=False,
                verbose=False,
            )
    except Exception as fault:  # the exporter raises many things
        why = str(fault.__cause__ or fault).splitlines()[0]
        raise InputError(f"this network has no ONNX form: {why}") from None
    assert program is not None
    model = program.model_proto
    _name_shapes(model)
    return model


def to_program(portable: Portable, pixels: Pixels) -> torch.export.ExportedProgram:
    """The program of torch.export, for PyTorch without this package."""
    with torch.no_grad(), _quiet():
        return torch.export.export(
            portable.eval(), (_example(pixels),), dynamic_shapes=_any_shape()
        )


def _example(pixels: Pixels) -> Tensor:
    return torch.zeros(EXAMPLE, dtype=DTYPES[pixels])


def _any_shape() -> dict[str, dict[int, Any]]:
    return {INPUT: dict.fromkeys(range(len(EXAMPLE)), torch.export.Dim.DYNAMIC)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says of its own insides off the terminal."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _name_shapes(model: onnx.ModelProto) -> None:
    """Name the axes that vary `N`, `H` and `W`, and drop the exporter's notes on each operator."""
    (given,) = model.graph.input
    for axis, name in zip(given.type.tensor_type.shape.dim, "NHW", strict=True):
        axis.dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "N"
    model.graph.ClearField("value_info")
    for node in model.graph.node:
        node.ClearField("metadata_props")


def stamp(model: onnx.ModelProto, texts: Mapping[str, str]) -> None:
    """Replace the metadata of a model."""
    model.ClearField("metadata_props")
    for key, value in texts.items():
        model.metadata_props.add(key=key, value=value)


def halve(model: onnx.ModelProto) -> None:
    """Store the network's kernels and matrices in half precision. All is computed in single precision as before.

    Raises InputError for a weight that half precision cannot hold.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if not tensor.name.startswith(NETWORK) or len(tensor.dims) < 2:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise InputError(
                f"{name}: holds a weight that half precision cannot hold (above 65504)"
            )
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)


def write_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Write a model as one file."""
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def write_program(
    program: torch.export.ExportedProgram, path: Path, texts: Mapping[str, str]
) -> None:
    """Write a program with its metadata, which torch.export.load reads as extra files."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        torch.export.save(program, file, extra_files=dict(texts))


def write_weights(classifier: Classifier, path: Path, texts: Mapping[str, str]) -> None:
    """Write a Classifier's state, in single precision, as safetensors with metadata."""
    state = {name: value.contiguous() for name, value in classifier.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.save(state, dict(texts)))


def difference(path: Path, classifier: Classifier, faces: NDArray[np.uint8]) -> float:
    """The largest difference between the probabilities of an ONNX file and of PyTorch.

    faces: uint8 [N, H, W]. Some of them are compared again larger and not square, as photos give
    them, and one by one.
    """
    session = open_session(path)
    larger = np.pad(faces[:32].repeat(2, 1).repeat(2, 2), ((0, 0), (0, 0), (5, 8)))
    stacks = [*np.array_split(faces, -(-len(faces) // 64)), larger, faces[:1]]
    return max(
        float(np.abs(run(session, each) - expected(classifier, each)).max()) for each in stacks
    )


def expected(classifier: Classifier, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """PyTorch's probabilities of faces uint8 [N, H, W]: float32 [N, classes]."""
    with torch.no_grad():
        pixels = resize(unit(torch.from_numpy(faces)), classifier.size)
        rows: NDArray[np.float32] = classifier(pixels[:, None]).numpy()
    return rows


def run(session: onnxruntime.InferenceSession, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An ONNX file's probabilities of faces uint8 [N, H, W]: float32 [N, classes]."""
    (given,) = session.get_inputs()
    pixels = faces if given.type == "tensor(uint8)" else faces.astype(np.float32) / 255
    rows: NDArray[np.float32] = session.run([PROBABILITIES], {INPUT: pixels})[0]
    return rows


def milliseconds(path: Path, face: NDArray[np.uint8], repeats: int = 50) -> float:
    """The median time of one face uint8 [H, W] on one core, in milliseconds."""
    session, times = open_session(path), []
    for _ in range(repeats + 5):
        started = time.perf_counter()
        run(session, face[None])
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times[5:]))
