"""Download a csv, unpack it, verify it, and only then give it its name."""

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

# The archive that the R package torchvision downloads (mlverse/torchvision, fer_dataset): a public
# copy of Kaggle's, without a login. MD5 verifies its csv.
ADDRESS = "https://huggingface.co/datasets/JimmyUnleashed/FER-2013/resolve/main/fer2013.tar.gz"
# MD5 of the original fer2013.csv, from PyTorch's torchvision (torchvision.datasets.FER2013).
MD5 = "f8428a1edbd21e88f42c73edd2a14f95"

ELSEWHERE = (
    "name another address with --url, or get the csv with a login from Kaggle's 'Challenges in "
    "Representation Learning: Facial Expression Recognition Challenge'"
)
RETRIES = 3  # after the first attempt; pooch waits 1, 2 and 3 seconds before them
CHUNK = 1 << 20  # bytes


def fetch(url: str, target: Path, *, algorithm: str, digest: str) -> None:
    """Write the csv at `url`, plain or in a zip, gz or tar, to `target`.

    algorithm: hash algorithm, md5 or sha256
    digest: the csv's expected hash in hexadecimal digits

    Raises InputError if there is no answer, no such csv, or one with another hash. No file is left
    then.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        csv = Path(folder) / "csv"
        try:
            with ExitStack() as stack:
                opened = _member(_download(url, Path(folder)), target.name, stack)
                with opened() as source, open(csv, "wb") as file:
                    shutil.copyfileobj(source, file, CHUNK)
        except BROKEN:
            raise InputError(f"{url}: a damaged archive") from None
        except LookupError as fault:
            raise InputError(f"{url}: {fault.args[0]}") from None
        if (found := file_digest(csv, algorithm)) != digest:
            raise InputError(f"{url}: {target.name} has {algorithm} {found}, expected {digest}")
        os.replace(csv, target)


def _download(url: str, folder: Path) -> Path:
    """The path of the downloaded file in `folder`. A broken connection is retried."""
    import pooch  # imports requests, which other commands do not need
    from requests import RequestException

    pooch.get_logger().setLevel("ERROR")  # the progress bar is enough
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
    """Why a request failed, for an error line."""
    from requests import ConnectionError, HTTPError, Timeout
    from requests.exceptions import ChunkedEncodingError

    if isinstance(fault, HTTPError) and fault.response is not None:
        return f"the server answered {fault.response.status_code} {fault.response.reason}"
    if isinstance(fault, ChunkedEncodingError):
        return "the connection broke"
    if isinstance(fault, ConnectionError | Timeout):
        return "no server answered"
    return str(fault)


def _member(path: Path, wanted: str, stack: ExitStack) -> Callable[[], IO[bytes]]:
    """A function that opens the file `wanted` in an archive, or the content of a gz or plain file."""
    names = []
    for name, opened in members(path, stack):
        names.append(name.removeprefix(f"{path}:"))
        if name == str(path) or PurePosixPath(names[-1]).name == wanted:
            return opened
    raise LookupError(f"no {wanted} in the archive, which has {', '.join(names[:5])}")
