"""`fer card NETWORK EVALUATION...`: the model card of a packed network."""

import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.config.paths import register_resolvers

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 for a wrong command, 1 where the card failed, with one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("card")
    parser.add_argument(
        "network", type=Path, metavar="NETWORK", help="folder of a packed network, or shipped"
    )
    parser.add_argument(
        "evaluations",
        type=Path,
        nargs="+",
        metavar="EVALUATION",
        help="folder that fer evaluate NETWORK wrote, the first with tta=none",
    )
    parser.add_argument(
        "--votes", type=Path, metavar="CSV", help="FER+'s csv: adds how its voters agree"
    )
    parser.add_out()
    typed = parser.parse(arguments)
    from fer.models import checkpoint  # loads torch, so only for a readable command
    from fer.reports import model_card
    from fer.runs.members import assemble

    register_resolvers()
    network = checkpoint.read(typed.network)
    facts, evaluations = model_card.read(network, typed.evaluations)
    (member,) = assemble([network], [])

    def work() -> None:
        content, measured = model_card.content(
            network, facts, evaluations, member.data.faces, typed.votes
        )
        folder = subcommand.claim(typed.out, "card")
        path = model_card.write(folder, content | {"name": typed.network.name}, measured)
        log.info("card: %s", path)

    return work
