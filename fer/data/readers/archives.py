"""Open a csv, plain or in a zip, tar, gz, bz2 or xz. Archives are read as streams, never unpacked."""

import bz2
import gzip
import io
import lzma
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
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
)
# How a compressed file starts, and what opens it.
COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
ZIP_MAGIC = b"PK\x03\x04"
# Archives that Python cannot open.
FOREIGN = {b"Rar!\x1a\x07": "rar", b"7z\xbc\xaf\x27\x1c": "7z", b"\x28\xb5\x2f\xfd": "zst"}

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
                yield number, [field.strip().strip(b'"') for field in _split(line, separator)]


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
        except (*BROKEN, OSError) as fault:
            if isinstance(fault, OSError) and fault.errno:  # bz2 raises OSError without a number
                raise
            line = " ".join(str(fault).split()) or type(fault).__name__
            raise InputError(f"{path}: a broken archive ({line}); download it again") from None


def members(path: Path, stack: ExitStack) -> Iterator[Member]:
    """Yield the name of each file in an archive and a function that opens it; or a plain file itself.

    Raises InputError for an archive that Python cannot open.
    """
    start, opened = start_of(path)
    if start.startswith(ZIP_MAGIC):
        archive = stack.enter_context(zipfile.ZipFile(path))
        for name in archive.namelist():
            yield f"{path}:{name}", partial(_open_zipped, archive, name)
    elif start[TAR_MAGIC] == b"ustar":
        archive = stack.enter_context(tarfile.open(path))
        for member in archive:
            if member.isfile():
                yield f"{path}:{member.name}", partial(archive.extractfile, member)
    else:
        yield str(path), opened


def start_of(path: Path) -> tuple[bytes, Callable[[], IO[bytes]]]:
    """The first bytes of a file, uncompressed, and a function that opens its uncompressed content."""
    with open(path, "rb") as file:
        start = file.read(TAR_MAGIC.stop)
    for magic, kind in FOREIGN.items():
        if start.startswith(magic):
            raise InputError(
                f"{path}: a {kind} archive, which cannot be read here; unpack it first"
            )
    for magic, open_compressed in COMPRESSED.items():
        if start.startswith(magic):
            with open_compressed(path) as file:
                return file.read(TAR_MAGIC.stop), partial(open_compressed, path)
    return start, partial(io.FileIO, path)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or a tar, compressed or not, by its content."""
    try:
        start, _ = start_of(path)
    except BROKEN:
        return False
    return start.startswith(ZIP_MAGIC) or start[TAR_MAGIC] == b"ustar"


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
    raise InputError(
        f"{path}: no csv with the columns needed; it contains {found}; images need data=folder"
    )


def _text(header: bytes) -> str:
    return header.decode("utf-8-sig", errors="replace").strip()


def _separator(header: str) -> str:
    """A comma, or where there is none the semicolon or tab of the lab's tables and spreadsheets."""
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _columns(header: bytes) -> list[str]:
    text = _text(header)
    fields = _split(text.encode(), _separator(text).encode())
    return [name.decode().strip().strip('"').lower() for name in fields]


def _split(line: bytes, separator: bytes) -> list[bytes]:
    """The fields of a line. Separators between quotes belong to a field."""
    if b'"' not in line:
        return line.split(separator)
    pieces = line.split(b'"')  # every second one stood between quotes
    pieces[::2] = [piece.replace(separator, b"\0") for piece in pieces[::2]]
    return b'"'.join(pieces).split(b"\0")
