"""The files of a set of images: in a folder, in a zip or tar, or in several of these in a folder.

Archives are read as streams and never unpacked. An archive in a folder counts as a folder of its name.
"""

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fer.common.errors import InputError
from fer.data.readers.archives import BROKEN, is_archive, members, start_of

# Ends of archives' names, longest first. What a file is called decides only inside a folder.
ENDS = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip", ".tar")
# Folders that macOS, Synology and Windows add.
JUNK = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")


@dataclass(frozen=True)
class Files:
    """The files of a folder or archive.

    source: its path
    names: sorted POSIX paths of the files relative to it, without hidden ones and macOS's
    """

    source: Path
    names: tuple[str, ...]

    def contents(self, names: Iterable[str]) -> Iterator[bytes | ValueError]:
        """Yield the content of each file in `names`, or what is wrong with it."""
        with ExitStack() as stack:
            opened: dict[Path, Callable[[str], bytes]] = {}
            archives = self._archives()
            for name in names:
                first, _, rest = name.partition("/")
                place, inside = (
                    (archives[first], rest) if first in archives else (self.source, name)
                )
                if place not in opened:
                    opened[place] = stack.enter_context(_reader(place))
                try:
                    yield opened[place](inside)
                except OSError as fault:
                    yield ValueError(fault.strerror or str(fault))
                except (ValueError, KeyError, RuntimeError, *BROKEN) as fault:
                    yield ValueError(" ".join(str(fault).split()) or type(fault).__name__)

    def content(self, name: str) -> bytes:
        """The content of one file. Raises InputError if it cannot be read."""
        (found,) = self.contents([name])
        if isinstance(found, ValueError):
            raise InputError(f"{self.source}/{name}: {found}")
        return found

    def _archives(self) -> dict[str, Path]:
        """The archives in a folder by the folder's name that they count as."""
        if not self.source.is_dir():
            return {}
        found = (path for path in self.source.iterdir() if path.name.endswith(ENDS))
        named = {_without_end(path.name): path for path in found}
        return {name: path for name, path in named.items() if not (self.source / name).exists()}


def files_of(source: Path) -> Files:
    """The files of a folder, a zip or a tar. A folder with nothing but archives is their content.

    Raises InputError for a broken archive, and for a file that is none.
    """
    if not source.is_dir():
        return Files(source, _sorted(_inside(source)))
    names = _sorted(file.relative_to(source).as_posix() for file in files_below(source))
    archives = [name for name in names if name.endswith(ENDS) and "/" not in name]
    if archives and len(archives) == len(names):
        names = _sorted(
            f"{_without_end(name)}/{inside}"
            for name in archives
            for inside in _inside(source / name)
        )
    return Files(source, names)


def files_below(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Yield all files in a folder and its subfolders. Links are followed, except to a folder above."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from files_below(Path(entry), above | {real})
        else:
            yield Path(entry)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    """The names that are not hidden, sorted by folders."""
    paths = (PurePosixPath(name) for name in names)
    shown = (path for path in paths if not any(map(is_hidden, path.parts)))
    return tuple(map(str, sorted(shown)))


def _without_end(name: str) -> str:
    return name.removesuffix(next(end for end in ENDS if name.endswith(end)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is passed over: hidden, or a system's own."""
    return name.startswith(".") or name in JUNK


def _inside(archive: Path) -> list[str]:
    """The names of the files in an archive. Raises InputError for a broken one or none."""
    if not archive.is_file():
        raise InputError(f"{archive}: no file")
    if not is_archive(archive):
        raise InputError(
            f"{archive}: expected a folder, zip or tar of images; a csv of pixels needs data=fer2013, "
            "Parquet data=parquet, a list of images data.path=FOLDER data.labels=LIST"
        )
    try:
        with ExitStack() as stack:
            start = f"{archive}:"
            names = [name.removeprefix(start) for name, _ in members(archive, stack)]
    except (*BROKEN, OSError) as fault:
        line = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{archive}: a broken archive ({line}); download it again") from None
    return [name for name in names if not name.endswith("/")]


@contextmanager
def _reader(place: Path) -> Iterator[Callable[[str], bytes]]:
    """A function that returns the content of a file by its name in a folder or archive."""
    if place.is_dir():
        yield lambda name: _bytes(place / name)
    elif zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            yield archive.read
    else:
        with _seekable(place) as file, tarfile.open(fileobj=file) as archive:
            inside = {str(PurePosixPath(each.name)): each for each in archive if each.isfile()}
            yield lambda name: _member(archive, inside[name])


@contextmanager
def _seekable(tar: Path) -> Iterator[IO[bytes]]:
    """A tar to jump in. A compressed one is copied to a temporary file: each jump would read it all."""
    _, opened = start_of(tar)
    with opened() as file, tempfile.TemporaryFile() as copy:
        if isinstance(file, io.FileIO):
            yield file
            return
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None  # members are regular files
    with file:
        return file.read()


def _bytes(file: Path) -> bytes:
    if file.exists() and not file.is_file():  # reading a pipe would never end
        raise ValueError("no regular file")
    return file.read_bytes()
