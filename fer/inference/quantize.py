"""Eight bits for an ONNX file's convolutions, calibrated on faces (static, per channel, QDQ)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from fer.common.errors import InputError
from fer.models.exported import INPUT

NETWORK = (
    "classifier.network."  # opens the names of weights, as fer.models.portable.Portable has them
)


class Faces(CalibrationDataReader):  # type: ignore[misc]
    """Faces [N, H, W] in batches, as the calibration reads them."""

    def __init__(self, faces: NDArray[Any], batch: int = 32) -> None:
        self._batches: Iterator[NDArray[Any]] = iter(np.array_split(faces, -(-len(faces) // batch)))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def convolutions(model: onnx.ModelProto) -> list[str]:
    """The names of the network's convolutions in order, without those of planes."""
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and node.input[1].startswith(NETWORK)
    ]


def quantize(source: Path, target: Path, faces: NDArray[Any]) -> None:
    """Write `source` with its convolutions in eight bits to `target`.

    The first convolution stays in single precision: it sees pixels, costs little and loses most.

    faces: for the ranges of the maps, [N, H, W] as the file takes them.
    Raises InputError for a network with one convolution alone.
    """
    first, *others = convolutions(onnx.load(source))
    if not others:
        raise InputError("--int8: the network has one convolution, which stays as it is")
    logging.getLogger().addFilter(
        _silent
    )  # a hint at another way of preparing, from the root logger
    try:
        quantize_static(
            source,
            target,
            Faces(faces),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MaxPool"],
            nodes_to_quantize=None,
            nodes_to_exclude=[first, *_planes(onnx.load(source))],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    finally:
        logging.getLogger().removeFilter(_silent)


def _planes(model: onnx.ModelProto) -> list[str]:
    """The names of convolutions that compute planes."""
    network = convolutions(model)
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and node.name not in network
    ]


def _silent(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING
