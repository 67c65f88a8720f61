"""`fer convert`: write a dataset as the lab's enriched csv."""

import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.common.errors import InputError

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 for a wrong command, 1 for a dataset that cannot be read or written."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    """Check the arguments; the returned function writes the csv."""
    parser = subcommand.Parser("convert")
    parser.add_argument("csv", type=Path, metavar="OUT.csv", help="file to write")
    parser.add_argument(
        "--channels",
        default="original,sobel,contrast",
        metavar="NAME,NAME",
        help="planes in their order, original first; default: %(default)s",
    )
    parser.add_overrides()
    typed = parser.parse(arguments)
    _check_file(typed.csv)
    channels = typed.channels.split(",")
    if channels[0] != "original":
        raise InputError(
            f"--channels: {typed.channels}, expected original first, which readers of the csv use"
        )
    cfg = subcommand.config_of(typed.overrides)
    from fer.data import sources
    from fer.data.planes import Preprocess
    from fer.data.writers import write_fer2021

    try:
        preprocess = Preprocess(channels)
    except ValueError as fault:
        raise InputError(f"--{fault}") from None
    data = sources.build_data(cfg)

    def work() -> None:
        write_fer2021(typed.csv, data.relabelled, data.parts, preprocess)
        log.info("%s: planes %s", typed.csv, ", ".join(channels))

    return work


def _check_file(csv: Path) -> None:
    """Raise InputError if `csv` is no name of a new csv in an existing folder."""
    if csv.suffix != ".csv":
        raise InputError(f"{csv}: expected the file to write, OUT.csv, as the first argument")
    if csv.exists():
        raise InputError(f"{csv}: exists; name another file, or remove it")
    if not csv.parent.is_dir():
        raise InputError(f"{csv}: no folder {csv.parent}")
