"""`fer evaluate RUN`: a finished network measured on its test part or on other faces."""

import logging
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.config.paths import register_resolvers

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, 1 rows that may not be measured; one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("evaluate")
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder of a run (its best epoch) or of a packed network, a checkpoint, or shipped",
    )
    parser.add_overrides(
        "tta=none|flip|shift, part=test|val|all, other images such as data.path=FILE, trainer=cpu"
    )
    parser.add_out()
    typed = parser.parse(arguments)
    return measuring("evaluate", [typed.run], typed.overrides, typed.out)


def measuring(
    name: str, places: Sequence[Path], overrides: Sequence[str], out: Path | None
) -> Callable[[], None]:
    """The work of `fer <name>`: measure the networks of `places` together, write into `out`."""
    from fer.models import checkpoint  # torch: only once the arguments can be read
    from fer.reports.run_report import tables_text
    from fer.runs import evaluate, members

    chosen, others = _chosen(overrides)
    register_resolvers()
    networks = members.assemble([checkpoint.read(place) for place in places], others)

    def work() -> None:
        measured = evaluate.evaluate(networks, **chosen)
        log.info("%s", evaluate.describe(networks, measured, **chosen))
        log.info("\n%s\n", tables_text(measured))
        folder = subcommand.claim(out, name)
        command = shlex.join(["fer", name, *map(str, places), *overrides])
        evaluate.write(folder, networks, measured, **chosen, command=command, overrides=overrides)

    return work


def _chosen(overrides: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The values of tta and part, and the overrides of the recipe."""
    from fer.evaluation import measure, tta

    chosen = {"tta": "none", "part": "test"}
    known = {"tta": get_args(tta.Tta), "part": get_args(measure.Part)}
    others = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise InputError(f"{override}: expected key=value")
        if key not in known:
            others.append(override)
        elif value in known[key]:
            chosen[key] = value
        else:
            raise InputError(f"{override}: expected one of {', '.join(known[key])}")
    return chosen, others
