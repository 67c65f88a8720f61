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
    words = parser.parse(arguments)
    return measuring("evaluate", [words.run], words.overrides, words.out)


def measuring(
    name: str, places: Sequence[Path], words: Sequence[str], out: Path | None
) -> Callable[[], None]:
    """The work of `fer <name>`: measures the networks of `places` together, writes into `out`."""
    from fer.evaluation import measure, tta
    from fer.models import checkpoint  # torch: only once the words can be read
    from fer.runs import evaluate, outputs

    chosen = {"tta": "none", "part": "test"}
    known = {"tta": get_args(tta.Tta), "part": get_args(measure.Part)}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"{word}: expected key=value")
        if key not in known:
            others.append(word)
        elif value in known[key]:
            chosen[key] = value
        else:
            raise InputError(f"{word}: expected one of {', '.join(known[key])}")
    register_resolvers()
    members = evaluate.assemble([checkpoint.read(place) for place in places], others)

    def work() -> None:
        measured = evaluate.evaluate(members, **chosen)
        log.info("%s", evaluate.describe(members, **chosen))
        outputs.say(measure.NAMES[chosen["part"]], measured)
        folder = subcommand.claim(out, name)
        typed = shlex.join(["fer", name, *map(str, places), *words])
        evaluate.write(folder, members, measured, **chosen, command=typed, words=words)
        log.info("report: %s", folder / "report.html")

    return work
