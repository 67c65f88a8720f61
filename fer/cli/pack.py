"""`fer pack RUN`: a finished network as two small files that can be given away.

Not `export`, which is for other programs' formats: what is packed stays a network of this project.
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
    """The exit status: 2 a wrong command, 1 a network that cannot be packed; one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser(
        "pack", "Packs a finished network: half precision, two files, no code."
    )
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="a run's folder (its best epoch) or a checkpoint"
    )
    parser.add_out()
    words = parser.parse(arguments)
    from fer.models import (
        checkpoint,  # torch: only once the words can be read
        packed,
    )

    network = checkpoint.read(words.run)
    if network.path.name == packed.TENSORS:
        raise InputError(f"{network.path}: is packed already; copy its folder")
    results = _results(network.path)

    def work() -> None:
        folder = subcommand.claim(words.out, "pack")
        packed.save(
            folder,
            weights=network.weights,
            kept={name: getattr(network, name) for name in checkpoint.KEPT},
            results=results,
        )
        if results is None:
            log.info("no summary.json of a run tells what %s reached: packed without", network.path)
        for name in (packed.TENSORS, packed.FACTS):
            log.info("%s: %s bytes", folder / name, f"{(folder / name).stat().st_size:,}")

    return work


def _results(path: Path) -> dict[str, Any] | None:
    """What the run of `path` has measured of it; None where it is not a finished run's best epoch."""
    run = RunFolder.of(path)
    if path != run.best or not run.finished:
        return None
    try:
        return dict(json.loads(run.summary.read_text()))
    except ValueError as fault:
        raise InputError(f"{run.summary}: not as a run writes it ({fault!r:.80})") from None
