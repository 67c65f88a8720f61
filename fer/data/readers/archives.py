"""Open a csv, plain or in a zip, tar or gzip. Archives are read as streams and never unpacked."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from fer.common.errors import InputError

# Names of the complete FER2013, preferred in an archive. Kaggle's also has parts (train.csv, test.csv).
PREFERRED = ("fer2013.csv", "icml_face_data.csv")
TAR_MAGIC = slice(257, 262)  # bytes of a POSIX tar header that are "ustar"
BUFFER = 1 << 20  # bytes
LONGEST_HEADER = 1 << 16  # bytes; a longer first line is no header
BROKEN = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)

Member = tuple[str, Callable[[], IO[bytes]]]


@dataclass(frozen=True)
class Table:
    """An open csv, read up to the header.

    name: path of the file, and name of the archive's member
    header: the first line
    columns: names of the columns, in lower case and without quotes
    file: the lines after the header
    """

    name: str
    header: str
    columns: Sequence[str]
    file: IO[bytes]

    def rows(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the number, from 1, and the fields of each line that is not blank."""
        separator = _separator(self.header).encode()
        for number, line in enumerate(self.file, start=2):
            if line.strip():
                yield number, [field.strip().strip(b'"') for field in line.split(separator)]


@contextmanager
def open_table(path: Path, *, wanted: Callable[[Sequence[str]], bool]) -> Iterator[Table]:
    """Open the csv at `path`, or the csv in the archive at `path` whose columns are suitable.

    The content, not the name, says whether a file is an archive.

    wanted: whether the names of columns are suitable

    Raises InputError for a broken archive, also while the table is read, and for an archive with no
    suitable csv or several.
    """
    with ExitStack() as stack:
        try:
            name, opened = _choose(path, members(path, stack), wanted)
            file = stack.enter_context(io.BufferedReader(opened(), BUFFER))
            header = file.readline(LONGEST_HEADER)
            yield Table(name, _text(header), _columns(header), file)
        except BROKEN as fault:
            line = " ".join(str(fault).split()) or type(fault).__name__
            raise InputError(f"{path}: a broken archive ({line}); download it again") from None


def members(path: Path, stack: ExitStack) -> Iterator[Member]:
    """Yield the name of each file in an archive and a function that opens it; or a plain file itself."""
    with open(path, "rb") as file:
        start = file.read(TAR_MAGIC.stop)
    zipped = start.startswith(b"\x1f\x8b")
    if zipped:
        with gzip.open(path) as file:
            start = file.read(TAR_MAGIC.stop)
    if start.startswith(b"PK\x03\x04"):
        archive = stack.enter_context(zipfile.ZipFile(path))
        for name in archive.namelist():
            yield f"{path}:{name}", partial(_open_zipped, archive, name)
    elif start[TAR_MAGIC] == b"ustar":
        archive = stack.enter_context(tarfile.open(path))
        for member in archive:
            if member.isfile():
                yield f"{path}:{member.name}", partial(archive.extractfile, member)
    else:
        yield str(path), partial(gzip.open if zipped else io.FileIO, path)


def _open_zipped(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except RuntimeError as fault:  # encrypted, or compressed in a way that Python lacks
        raise zipfile.BadZipFile(str(fault)) from None


def _choose(
    path: Path, members: Iterator[Member], wanted: Callable[[Sequence[str]], bool]
) -> Member:
    """The member to read: a plain file itself, else the csv with suitable columns."""
    names, suitable = [], []
    for name, opened in members:
        if name == str(path):
            return name, opened
        names.append(name.removeprefix(f"{path}:"))
        if not name.lower().endswith(".csv"):
            continue
        with opened() as file:
            fits = wanted(_columns(file.readline(LONGEST_HEADER)))
        if fits and PurePosixPath(names[-1]).name in PREFERRED:
            return name, opened
        if fits:
            suitable.append((name, opened))
    if len(suitable) == 1:
        return suitable[0]
    if suitable:
        several = ", ".join(name.removeprefix(f"{path}:") for name, _ in suitable)
        raise InputError(f"{path}: several suitable csv files: {several}; unpack the one you mean")
    found = ", ".join(names[:5]) or "nothing"
    raise InputError(f"{path}: no csv with the columns needed; it contains {found}")


def _text(header: bytes) -> str:
    return header.decode("utf-8-sig", errors="replace").strip()


def _separator(header: str) -> str:
    """A comma, or the semicolon that the lab's tables and many spreadsheets use."""
    return ";" if ";" in header and "," not in header else ","


def _columns(header: bytes) -> list[str]:
    text = _text(header)
    return [name.strip().strip('"').lower() for name in text.split(_separator(text))]
