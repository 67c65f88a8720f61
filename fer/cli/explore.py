"""`fer explore`: a page about a dataset, before anything is trained on it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fer.cli import subcommand

if TYPE_CHECKING:
    from fer.data.module import FaceData
    from fer.data.statistics import Agreement

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 for a wrong command, 1 for a dataset that cannot be read."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    """Check the arguments; the returned function writes the page."""
    parser = subcommand.Parser("explore")
    parser.add_overrides()
    parser.add_out()
    typed = parser.parse(arguments)
    cfg = subcommand.config_of(typed.overrides)
    from fer.data import sources
    from fer.training import build

    data, augment = sources.build_data(cfg), build.build_augment(cfg)

    def work() -> None:
        from fer.data.splits.make import kind_of
        from fer.data.statistics import all_parts
        from fer.reports.dataset_report import write_explore

        # The source's own parts are shown even if one is missing, which training would refuse.
        own = kind_of(data.faces, data) == "official" and data.twins == data.conflicts == "keep"
        parts = all_parts(data.faces, None if own else data.parts)
        folder = subcommand.claim(typed.out, "explore")
        write_explore(
            folder,
            data.faces,
            parts,
            augment,
            agreement=_agreement(data),
            seed=cfg.seed,
            title=f"What is in {Path(data.faces.source).name}",
            overrides=typed.overrides,
        )
        log.info("page: %s", folder / "explore.html")

    return work


def _agreement(data: "FaceData") -> "Agreement | None":
    """FER2013's labels compared with the votes of FER+, if the dataset has both."""
    from fer.data.readers.ferplus import CHOICES, TIES, read_votes
    from fer.data.sources import FERPlus
    from fer.data.statistics import agreement

    if not isinstance(data, FERPlus):
        return None
    votes, _, _ = read_votes(data.votes_file, on_bad_row=data.on_bad_row)
    first = data.original
    return agreement(
        first.labels, votes[first.rows], classes=first.classes, choices=CHOICES, ties=TIES
    )
