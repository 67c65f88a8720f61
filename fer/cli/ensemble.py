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
        "arguments",
        nargs="+",
        metavar="RUN|key=value",
        help="two or more networks, each as in fer evaluate, and keys of fer evaluate",
    )
    parser.add_out()
    typed = parser.parse(arguments)
    overrides = [each for each in typed.arguments if "=" in each and not Path(each).exists()]
    places = [Path(each) for each in typed.arguments if each not in overrides]
    if len(places) < 2:
        raise InputError(
            f"fer ensemble: {len(places)} runs, expected two or more; measure one with fer evaluate"
        )
    return measuring("ensemble", places, overrides, typed.out)
