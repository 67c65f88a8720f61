"""A csv from an address: downloaded, unpacked, verified, and only then under its name."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO

from fer.common.errors import InputError
from fer.common.files import file_digest
from fer.data.readers.archives import BROKEN, members

# The archive that the R package torchvision fetches (mlverse/torchvision, fer_dataset): a public
# copy of Kaggle's, without a login. What it serves is held against MD5.
ADDRESS = "https://huggingface.co/datasets/JimmyUnleashed/FER-2013/resolve/main/fer2013.tar.gz"
# Of the original fer2013.csv, as PyTorch's torchvision names it (torchvision.datasets.FER2013).
MD5 = "f8428a1edbd21e88f42c73edd2a14f95"

ELSEWHERE = (
    "name another address with --url, or get the csv with a login from Kaggle's 'Challenges in "
    "Representation Learning: Facial Expression Recognition Challenge'"
)
RETRIES = 3  # after a first failure; pooch waits 1, 2 and 3 seconds before them
CHUNK = 1 << 20  # bytes


def fetch(url: str, target: Path, *, algorithm: str, digest: str) -> None:
    """Writes the csv that `url` serves, bare or in a zip, gz or tar, to `target`.

    Raises InputError where there is no answer, no such csv or one of another digest; then nothing
    stands under the name of `target`, nor under a temporary one.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        csv = Path(folder) / "csv"
        try:
            with ExitStack() as stack:
                served = _member(_download(url, Path(folder)), target.name, stack)
                with served() as source, open(csv, "wb") as file:
                    shutil.copyfileobj(source, file, CHUNK)
        except BROKEN:
            raise InputError(f"{url}: served a damaged archive") from None
        except LookupError as fault:
            raise InputError(f"{url}: {fault.args[0]}") from None
        if (found := file_digest(csv, algorithm)) != digest:
            raise InputError(
                f"{url}: served a {target.name} with {algorithm} {found}, expected {digest}"
            )
        os.replace(csv, target)


def _download(url: str, folder: Path) -> Path:
    """The file that `url` serves, as it is, in `folder`; tried again where the connection breaks."""
    import pooch  # with requests: late, other commands start without
    from requests import RequestException

    pooch.get_logger().setLevel("ERROR")  # the bar says enough
    source = pooch.create(
        folder,
        base_url="",
        registry={"served": None},
        urls={"served": url},
        retry_if_failed=RETRIES,
    )
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=CHUNK)
    try:
        return Path(source.fetch("served", downloader=downloader))
    except RequestException as fault:
        raise InputError(f"{url}: {_reason(fault)}; {ELSEWHERE}") from None


def _reason(fault: Exception) -> str:
    """Why a request has failed, in few words."""
    from requests import ConnectionError, HTTPError, Timeout
    from requests.exceptions import ChunkedEncodingError

    if isinstance(fault, HTTPError) and fault.response is not None:
        return f"the server answers {fault.response.status_code} {fault.response.reason}"
    if isinstance(fault, ChunkedEncodingError):
        return "the connection breaks off"
    if isinstance(fault, ConnectionError | Timeout):
        return "no server answers"
    return str(fault)


def _member(path: Path, wanted: str, stack: ExitStack) -> Callable[[], IO[bytes]]:
    """What opens the file `wanted` inside an archive, or what a gz or bare file holds."""
    held = []
    for name, opened in members(path, stack):
        held.append(name.removeprefix(f"{path}:"))
        if name == str(path) or PurePosixPath(held[-1]).name == wanted:
            return opened
    raise LookupError(f"served an archive without {wanted}: it holds {', '.join(held[:5])}")
