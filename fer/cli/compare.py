"""`fer compare RUN...`: finished runs ranked by validation, their test numbers beside."""

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
    words = parser.parse(arguments)
    found, unfinished = finished.find(words.runs)
    table.check_by(words.by, found)

    def work() -> None:
        rows, repeated = table.repetitions(found)
        _left_out("no summary.json yet", unfinished)
        _left_out("done again later", [run.folder for run in repeated])
        if keys := table.other_faces(rows):
            log.info(
                "note: rows differ in %s, so each has a validation part of its own: their ranks say little",
                ", ".join(keys),
            )
        if names := table.mixed(rows):
            log.info(
                "note: runs that make one row differ in %s (summary.json): seeds are not all that tells them apart",
                " and ".join(names),
            )
        for run in found:
            if run.summary.get("changed"):
                log.info(
                    "note: %s went on by other words than its checkpoint began with (summary.json): it repeats no run",
                    run.folder,
                )
        lines = table.ranked(rows, by=words.by)
        log.info("%s\n", text(lines, names=table.telling([row[0] for row in rows]), by=words.by))
        log.info("first: %s", lines[0]["runs"])
        log.info("table: %s", table.write(subcommand.claim(words.out, "compare"), lines))

    return work


def _left_out(why: str, folders: list[Path]) -> None:
    if folders:
        log.info("left out, %s: %s", why, ", ".join(map(str, folders)))
