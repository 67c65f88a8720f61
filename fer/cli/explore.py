"""`fer explore`: a page about a set of faces, before anything is trained on it."""

import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import command

log = logging.getLogger("fer")


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, 1 a set that cannot be read; one line each."""
    return command.run(_prepare, arguments)


def _prepare(arguments: list[str]) -> Callable[[], None]:
    parser = command.Parser("explore", "writes explore.html: what a set of faces holds")
    parser.add_overrides()
    parser.add_out()
    words = parser.parse_intermixed_args(arguments)
    cfg = command.compose(words.overrides)
    from fer import run

    cfg.data.batch_size = 1  # nothing is trained: no set is too small
    data, augment = run.build_data(cfg), run.build_augment(cfg)

    def work() -> None:
        from fer.data.facts import all_parts
        from fer.explore import write_explore

        # The source's own parts are shown as they are, where training wants all three.
        parts = all_parts(data.faces, None if data.split == "official" else data.parts)
        folder = command.claim(words.out, "explore")
        title = f"What is in {Path(data.faces.source).name}"
        write_explore(
            folder, data.faces, parts, augment, seed=cfg.seed, title=title, overrides=words.overrides
        )
        log.info("page: %s", folder / "explore.html")

    return work
