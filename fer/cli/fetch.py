"""`fer fetch fer2013`: the csv that data=fer2013 reads, from the net, verified."""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.common.files import file_digest
from fer.data import download

log = logging.getLogger(__name__)

LENGTHS = {"md5": 32, "sha256": 64}  # hexadecimal digits


def main(arguments: list[str]) -> int:
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    """The download that the words ask for, checked."""
    parser = subcommand.Parser("fetch")
    parser.add_argument("dataset", choices=["fer2013"], help="dataset to download")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="folder to write into; default: $FER_DATA_DIR, else ./data",
    )
    parser.add_argument(
        "--url", default=download.ADDRESS, help="address of the csv, plain or in a zip, gz or tar"
    )
    digests = parser.add_mutually_exclusive_group()
    for name in LENGTHS:
        digests.add_argument(
            f"--{name}", metavar="HASH", help=f"{name} of the csv; default: the original's"
        )
    words = parser.parse(arguments)
    if not re.match("https?://.", words.url):
        raise InputError(f"--url: {words.url!r}, expected an address http:// or https://")
    algorithm, digest = _digest(words.md5, words.sha256)
    folder = words.to if words.to is not None else Path(os.environ.get("FER_DATA_DIR") or "data")
    return lambda: _fetch(words.url, folder / "fer2013.csv", algorithm, digest)


def _digest(md5: str | None, sha256: str | None) -> tuple[str, str]:
    """The algorithm and the digest that the csv must have."""
    algorithm, digest = ("sha256", sha256) if sha256 is not None else ("md5", md5 or download.MD5)
    if not re.fullmatch(f"[0-9a-fA-F]{{{LENGTHS[algorithm]}}}", digest):
        raise InputError(
            f"--{algorithm}: {digest!r}, expected {LENGTHS[algorithm]} hexadecimal digits"
        )
    return algorithm, digest.lower()


def _fetch(url: str, target: Path, algorithm: str, digest: str) -> None:
    try:
        if target.exists():
            found = file_digest(target, algorithm)
            if found != digest:
                raise InputError(
                    f"{target}: is there with {algorithm} {found}, expected {digest}; not "
                    "overwritten: move it away, or name another folder with --to"
                )
            log.info("%s: already there, its %s is right", target, algorithm)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        download.fetch(url, target, algorithm=algorithm, digest=digest)
    except OSError as fault:
        raise InputError(f"{fault.filename or target}: {fault.strerror or fault}") from None
    log.info("%s: %s bytes, its %s is right", target, f"{target.stat().st_size:,}", algorithm)
