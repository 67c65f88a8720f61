"""Opening a csv, plain or inside a zip, tar or gzip, which is read as a stream and never unpacked."""

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

# The whole set under its two names, taken before others of an archive such as Kaggle's, which
# holds parts of it beside (train.csv, test.csv).
PREFERRED = ("fer2013.csv", "icml_face_data.csv")
TAR_MAGIC = slice(257, 262)  # where POSIX tar headers say "ustar"
BUFFER = 1 << 20
LONGEST_HEADER = 1 << 16  # bytes; what is longer is no header
BROKEN = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)

Member = tuple[str, Callable[[], IO[bytes]]]


@dataclass(frozen=True)
class Table:
    """A csv behind its header.

    name: the file, with an archive's member; header: its first line; columns: their names, in lower
    case and without quotes; file: the lines that follow.
    """

    name: str
    header: str
    columns: Sequence[str]
    file: IO[bytes]

    def rows(self) -> Iterator[tuple[int, list[bytes]]]:
        """The line number, from 1, and the fields of every line that is not blank."""
        separator = _separator(self.header).encode()
        for number, line in enumerate(self.file, start=2):
            if line.strip():
                yield number, [field.strip().strip(b'"') for field in line.split(separator)]


@contextmanager
def open_table(path: Path, *, wanted: Callable[[Sequence[str]], bool]) -> Iterator[Table]:
    """The csv at `path`, or the one in the archive there whose columns are `wanted`.

    What the file is, its content says, not its name. Raises InputError for an archive that is
    broken, also while the table is read, and where none or several of its files would do.
    """
    with ExitStack() as stack:
        try:
            name, opened = _choose(path, members(path, stack), wanted)
            file = stack.enter_context(io.BufferedReader(opened(), BUFFER))
            header = file.readline(LONGEST_HEADER)
            yield Table(name, _text(header), _columns(header), file)
        except BROKEN as fault:
            line = " ".join(str(fault).split()) or type(fault).__name__
            raise InputError(f"{path}: a broken archive ({line}); get it anew") from None


def members(path: Path, stack: ExitStack) -> Iterator[Member]:
    """The files in an archive, each with what opens it; a plain file is its own only member."""
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
    """The member to read: a lone file as it is, else the csv whose columns are wanted."""
    names, fitting = [], []
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
            fitting.append((name, opened))
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        several = ", ".join(name.removeprefix(f"{path}:") for name, _ in fitting)
        raise InputError(f"{path}: several csv files would do: {several}; unpack the one you mean")
    held = ", ".join(names[:5]) or "nothing"
    raise InputError(f"{path}: no csv in it has the columns needed; it holds {held}")


def _text(header: bytes) -> str:
    return header.decode("utf-8-sig", errors="replace").strip()


def _separator(header: str) -> str:
    """A comma, or the semicolon of the lab's own tables and of spreadsheets in many languages."""
    return ";" if ";" in header and "," not in header else ","


def _columns(header: bytes) -> list[str]:
    text = _text(header)
    return [name.strip().strip('"').lower() for name in text.split(_separator(text))]
