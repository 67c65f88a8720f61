"""`fer export MODEL --to onnx`: a finished network as a file for other programs."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.config.paths import register_resolvers

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 for a wrong command, 1 where the export failed, with one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    typed = _parser().parse(arguments)
    _check(typed)
    from fer.models import checkpoint  # loads torch, so only for a readable command
    from fer.runs import export

    suffix = export.SUFFIXES[typed.to]
    if typed.out is not None and typed.out.suffix != suffix:
        raise InputError(f"--out: {typed.out}, expected a file whose name ends in {suffix}")
    register_resolvers()
    found = checkpoint.read(typed.model)
    if not found.weights:
        raise InputError(f"{found.path}: exported already; name the run or packed network it is of")
    if typed.to == "onnx":
        export.export.require(Path(f"--to {typed.to}"))

    def work() -> None:
        path = _place(typed.out, f"network{suffix}")
        if typed.to == "onnx":
            export.write_onnx(
                path,
                found,
                typed.overrides,
                pixels=typed.input,
                int8=typed.int8,
                fp16=typed.fp16,
                license=typed.license,
            )
        elif typed.to == "torch":
            export.write_program(path, found, typed.input, typed.license)
        else:
            export.write_weights(path, found, typed.license)
        log.info("%s: %s bytes", path, f"{path.stat().st_size:,}")

    return work


def _parser() -> subcommand.Parser:
    parser = subcommand.Parser("export")
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="network as fer evaluate takes it")
    add("--to", choices=("onnx", "torch", "safetensors"), default="onnx", help="default: onnx")
    add("--int8", action="store_true", help="convolutions in eight bits, calibrated and measured")
    add("--fp16", action="store_true", help="half the file: weights stored in half precision")
    add("--input", choices=("float", "uint8"), default="float", help="pixels; default: float")
    add("--license", metavar="TEXT", help="written into the file")
    add("--out", type=Path, metavar="FILE", help="default: runs/<date>/<time>_export/network.onnx")
    parser.add_overrides("where its images are now, such as data.path=FILE")
    return parser


def _check(typed: argparse.Namespace) -> None:
    """Raises InputError for options that do not fit together."""
    if typed.int8 and typed.fp16:
        raise InputError("--int8, --fp16: choose one of them")
    if (typed.int8 or typed.fp16) and typed.to != "onnx":
        raise InputError(f"--to {typed.to}: has no --int8 or --fp16, which are for onnx")
    if typed.overrides and typed.to != "onnx":
        raise InputError(f"{typed.overrides[0]}: --to {typed.to} reads no images")


def _place(out: Path | None, name: str) -> Path:
    """The file to write, in a folder that is there."""
    if out is None:
        return subcommand.claim(None, "export") / name
    subcommand.claim(out.parent, "export")
    return out
