"""`fer pack RUN`: a finished network as two small files.

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

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 for a wrong command, 1 where packing failed, with one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("pack")
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a run (its best epoch), or a checkpoint"
    )
    parser.add_out()
    typed = parser.parse(arguments)
    from fer.models import checkpoint, packed  # load torch, so only for a readable command

    network = checkpoint.read(typed.run)
    if network.path.name == packed.TENSORS:
        raise InputError(f"{network.path}: already packed; copy its folder")
    results = _results(network.path)

    def work() -> None:
        folder = subcommand.claim(typed.out, "pack")
        packed.save(
            folder,
            weights=network.weights,
            kept={name: getattr(network, name) for name in checkpoint.KEPT},
            results=results,
        )
        if results is None:
            log.info(
                "note: packed without results, %s is no finished run's best epoch", network.path
            )
        for name in (packed.TENSORS, packed.FACTS):
            log.info("%s: %s bytes", folder / name, f"{(folder / name).stat().st_size:,}")

    return work


def _results(path: Path) -> dict[str, Any] | None:
    """The summary.json of the run of `path`, None where `path` is not a finished run's best epoch."""
    run = RunFolder.of(path)
    if path != run.best or not run.finished:
        return None
    try:
        return dict(json.loads(run.summary.read_text()))
    except ValueError as fault:
        raise InputError(f"{run.summary}: not as a run writes it ({fault!r:.80})") from None
