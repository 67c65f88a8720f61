"""`fer fer2021`: the lab's enriched csv of a set of faces."""

import logging
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.common.errors import InputError

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, 1 a set that cannot be read or written; one line each."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    parser = subcommand.Parser("convert")
    parser.add_argument("csv", type=Path, metavar="OUT.csv", help="file to write")
    parser.add_argument(
        "--channels",
        default="original,sobel,contrast",
        metavar="NAME,NAME",
        help="planes in their order, original first; default: %(default)s",
    )
    parser.add_overrides()
    words = parser.parse(arguments)
    channels = words.channels.split(",")
    if words.csv.suffix != ".csv":
        raise InputError(f"{words.csv}: expected the file to write, OUT.csv, as the first word")
    if words.csv.exists():
        raise InputError(f"{words.csv}: is there already; name another file, or remove it")
    if not words.csv.parent.is_dir():
        raise InputError(f"{words.csv}: there is no folder {words.csv.parent}")
    if channels[0] != "original":
        raise InputError(f"--channels: {words.channels}, expected original first: readers keep it")
    cfg = subcommand.config_of(words.overrides)
    from fer.data import sources
    from fer.data.planes import Preprocess
    from fer.data.writers import write_fer2021

    try:
        preprocess = Preprocess(channels)
    except ValueError as fault:
        raise InputError(f"--{fault}") from None
    data = sources.build_data(cfg)

    def work() -> None:
        write_fer2021(words.csv, data.taught, data.parts, preprocess)
        log.info("%s: %s a face", words.csv, ", ".join(channels))

    return work
