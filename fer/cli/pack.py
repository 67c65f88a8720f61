"""`fer pack RUN`: a finished network as two small files, with calibrated confidences.

A packed network is for this project, where `export` is for other programs.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.config.paths import register_resolvers

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 for a wrong command, 1 where packing failed, with one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("pack")
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder of a run (its best epoch), a checkpoint, or a packed network to calibrate again",
    )
    parser.add_overrides("where its images are now, such as data.path=FILE")
    parser.add_out()
    typed = parser.parse(arguments)
    from fer.models import checkpoint, packed  # load torch, so only for a readable command

    register_resolvers()
    network = checkpoint.read(typed.run)
    if not network.weights:
        raise InputError(f"{network.path}: an ONNX file; name the run that it is of")
    again = network.path.name == packed.TENSORS
    results = None if again else _results(network.path)

    def work() -> None:
        use = _use(network, typed.overrides, required=again or bool(typed.overrides))
        folder = subcommand.claim(typed.out, "pack")
        if again:
            packed.copy(network.path, folder, **use)
        else:
            kept = {name: getattr(network, name) for name in checkpoint.KEPT} | use
            packed.save(folder, weights=network.weights, kept=kept, results=results)
            if results is None:
                log.info(
                    "note: packed without results, %s is no finished run's best epoch", network.path
                )
        for name in (packed.TENSORS, packed.FACTS):
            log.info("%s: %s bytes", folder / name, f"{(folder / name).stat().st_size:,}")

    return work


def _use(network: Any, overrides: list[str], *, required: bool) -> dict[str, Any]:
    """How the network is used, by the keys of network.json: temperature, calibration and margin.

    required: raise InputError where the validation images are not here.
    """
    from dataclasses import asdict

    from fer.inference.cut import Place
    from fer.runs import calibrate

    found = calibrate.calibrate(network, overrides, required=required)
    log.info("%s", calibrate.describe(found))
    facts = asdict(found)
    return {
        "temperature": facts.pop("temperature"),
        "calibration": facts,
        "margin": asdict(Place()),
    }


def _results(path: Path) -> dict[str, Any] | None:
    """The summary.json of the run of `path`, None where `path` is not a finished run's best epoch."""
    run = RunFolder.of(path)
    if path != run.best or not run.finished:
        return None
    try:
        return dict(json.loads(run.summary.read_text()))
    except ValueError as fault:
        raise InputError(f"{run.summary}: not as a run writes it ({fault!r:.80})") from None
