"""`fer compare RUN...`: finished runs ranked by validation, with their test numbers."""

import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.runs import finished
from fer.runs.compare import table
from fer.runs.compare.text import text

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("compare")
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folder of a run, or of several, such as a sweep",
    )
    parser.add_argument(
        "--by",
        default="val/acc",
        metavar="NUMBER",
        help="number of validation in summary.json; default: %(default)s",
    )
    parser.add_out()
    typed = parser.parse(arguments)
    found, unfinished = finished.find(typed.runs)
    table.check_by(typed.by, found)

    def work() -> None:
        rows, repeated = table.repetitions(found)
        _left_out("no summary.json yet", unfinished)
        _left_out("done again later", [run.folder for run in repeated])
        for note in table.notes(rows):
            log.info("note: %s", note)
        lines = table.ranked(rows, by=typed.by)
        names = table.telling([row[0] for row in rows])
        log.info("%s\n", text(lines, names=names, by=typed.by))
        log.info("first: %s", lines[0]["runs"])
        log.info("table: %s", table.write(subcommand.claim(typed.out, "compare"), lines))

    return work


def _left_out(why: str, folders: list[Path]) -> None:
    if folders:
        log.info("left out, %s: %s", why, ", ".join(map(str, folders)))
