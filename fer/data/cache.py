"""A cache of parsed datasets on disk, memory-mapped, so that only the first run parses.

    <cache>/index/<hash of the path>.json     hash of the file at that path, with its size and times
    <cache>/<hash of the content>-<reader>/   the dataset, one .npy per array

For a folder, the names, sizes and times of its files stand for the content.

An entry is written under a temporary name and then renamed. A killed run therefore leaves no entry,
and of several runs that write one entry the first to finish wins. A file is hashed again if its size
or times have changed, so an entry is never stale.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fer.common.errors import InputError
from fer.common.files import file_digest, write_json
from fer.data.faces import Faces
from fer.data.readers.files import files_below

ARRAYS = ("images", "labels", "parts", "hashes", "rows", "targets", "groups")


def cache_folder() -> Path:
    """The cache folder: $FER_CACHE_DIR, else `fer` in $XDG_CACHE_HOME, else ~/.cache/fer."""
    if chosen := os.environ.get("FER_CACHE_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer"


def cached(path: Path, read: Callable[[Path], Faces], *, reader: str) -> Faces:
    """The dataset that `read(path)` returns, from the cache if it has an entry for this content.

    read: the reader, called only without an entry
    reader: name and version of the reader, part of the entry's name

    Raises InputError if the cache cannot be written, and what `read` raises.
    """
    cache = cache_folder()
    try:
        (cache / "index").mkdir(parents=True, exist_ok=True)
        content = _content(path, cache)
        entry = cache / f"{content[:32]}-{reader}"
        faces = _load(entry, path)
        if faces is None:
            _store(read(path), entry)
            faces = _load(entry, path)
    except OSError as fault:
        raise InputError(
            f"{fault.filename or cache}: {fault.strerror}; needed to read {path} through the cache "
            f"{cache} (set FER_CACHE_DIR to move it)"
        ) from fault
    assert faces is not None
    return faces


def _content(path: Path, cache: Path) -> str:
    """The SHA-256 of the file at `path`, computed only if its size or times have changed."""
    if path.is_dir():
        return _folder_content(path)
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    index, stamp = cache / "index" / f"{place}.json", _stamp(path)
    try:
        known = json.loads(index.read_text())
        if known["stamp"] == stamp:
            return known["sha256"]
    except (FileNotFoundError, ValueError, KeyError):
        pass  # no index yet, or a damaged one
    content = file_digest(path)
    if _stamp(path) != stamp:
        raise InputError(f"{path}: changed while it was read; start again when it is complete")
    write_json(index, {"path": str(path), "stamp": stamp, "sha256": content})
    return content


def _folder_content(folder: Path) -> str:
    """The SHA-256 of the paths, sizes and times of all files in a folder. Links are followed.

    A broken link counts by its name. The reader reports it if it should be an image.
    """
    files = sorted(files_below(folder.resolve()))
    content = [[str(file), *(_stamp(file) if file.exists() else ())] for file in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _stamp(path: Path) -> list[int]:
    """Size, inode, modification time and change time, which unlike the former cannot be set back."""
    status = path.stat()
    return [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _store(faces: Faces, entry: Path) -> None:
    """Write a dataset as the cache's `entry`, unless another run has just done so."""
    partial = entry.with_name(f"partial-{uuid.uuid4().hex}")
    partial.mkdir()  # mkdtemp would forbid other users to read it
    try:
        names = [name for name in ARRAYS if getattr(faces, name) is not None]
        for name in names:
            np.save(partial / f"{name}.npy", getattr(faces, name))
        texts = {"arrays": names, "classes": faces.classes, "notes": faces.notes}
        (partial / "words.json").write_text(json.dumps(texts))
        if entry.exists() and _load(entry, Path(faces.source)) is None:  # damaged
            shutil.rmtree(entry, ignore_errors=True)
        try:
            partial.rename(entry)
        except OSError:
            if not entry.exists():  # else another run has written it first
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _load(entry: Path, path: Path) -> Faces | None:
    """The dataset of an entry, images memory-mapped; None if the entry is missing or damaged.

    path: the file or folder that it was read from, for `Faces.source`
    """
    try:
        texts = json.loads((entry / "words.json").read_text())
        arrays = {
            name: np.load(entry / f"{name}.npy", mmap_mode="r" if name == "images" else None)
            for name in texts["arrays"]
        }
        classes, notes = tuple(texts["classes"]), tuple(texts["notes"])
    except (FileNotFoundError, ValueError, EOFError, KeyError, TypeError):
        return None
    return Faces(**arrays, classes=classes, notes=notes, source=str(path))
