"""`fer fetch fer2013`: download the csv that data=fer2013 reads, and verify it."""

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
    """The exit status: 0, or 2 for a wrong command, 1 for a failed download."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    """Check the arguments; the returned function downloads."""
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
    typed = parser.parse(arguments)
    if not re.match("https?://.", typed.url):
        raise InputError(f"--url: {typed.url!r}, expected an address http:// or https://")
    algorithm, digest = _digest(typed.md5, typed.sha256)
    folder = typed.to if typed.to is not None else Path(os.environ.get("FER_DATA_DIR") or "data")
    return lambda: _fetch(typed.url, folder / "fer2013.csv", algorithm, digest)


def _digest(md5: str | None, sha256: str | None) -> tuple[str, str]:
    """The hash algorithm, and the hash in lower case that the csv must have."""
    algorithm, digest = ("sha256", sha256) if sha256 is not None else ("md5", md5 or download.MD5)
    if not re.fullmatch(f"[0-9a-fA-F]{{{LENGTHS[algorithm]}}}", digest):
        raise InputError(
            f"--{algorithm}: {digest!r}, expected {LENGTHS[algorithm]} hexadecimal digits"
        )
    return algorithm, digest.lower()


def _fetch(url: str, target: Path, algorithm: str, digest: str) -> None:
    """Download the csv, unless the right one exists. Raises InputError for a failure or another file."""
    try:
        if target.exists():
            found = file_digest(target, algorithm)
            if found != digest:
                raise InputError(
                    f"{target}: exists with {algorithm} {found}, expected {digest}; move it away, or "
                    "name another folder with --to"
                )
            log.info("%s: exists, its %s is right", target, algorithm)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        download.fetch(url, target, algorithm=algorithm, digest=digest)
    except OSError as fault:
        raise InputError(f"{fault.filename or target}: {fault.strerror or fault}") from None
    log.info("%s: %s bytes, its %s is right", target, f"{target.stat().st_size:,}", algorithm)
