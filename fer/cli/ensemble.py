"""`fer ensemble RUN RUN...`: several finished networks measured by the mean of their probabilities."""

from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.cli.evaluate import measuring
from fer.common.errors import InputError


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, 1 rows that may not be measured; one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("ensemble")
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RUN|key=value",
        help="two or more networks, each as in fer evaluate, and keys of fer evaluate",
    )
    parser.add_out()
    words = parser.parse(arguments)
    overrides = [word for word in words.words if "=" in word and not Path(word).exists()]
    places = [Path(word) for word in words.words if word not in overrides]
    if len(places) < 2:
        raise InputError(
            f"fer ensemble: {len(places)} runs, expected two or more; one: fer evaluate"
        )
    return measuring("ensemble", places, overrides, words.out)
