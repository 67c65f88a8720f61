"""Parsed sets kept on disk, memory-mapped, so that only the first run parses.

    <cache>/index/<hash of the path>.json     what the file at that path held when last seen
    <cache>/<hash of the content>-<reader>/   its faces, one .npy an array

The path may be a folder: its content then goes by the names, sizes and times of its files.

An entry is written under a temporary name and renamed whole: a killed run leaves nothing under a
final name, and of several runs that start at once the first to finish wins. A file whose size and
times are unchanged is taken as unchanged; any other is hashed anew, so an entry is never stale.
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
from fer.data.readers.folder import files_below

ARRAYS = ("images", "labels", "parts", "hashes", "rows", "targets")


def cache_folder() -> Path:
    """$FER_CACHE_DIR, else `fer` in $XDG_CACHE_HOME, else ~/.cache/fer."""
    if chosen := os.environ.get("FER_CACHE_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer"


def cached(path: Path, read: Callable[[Path], Faces], *, reader: str) -> Faces:
    """What `read(path)` gives, from the cache where it holds this very content.

    reader: name and version of what `read` does; another one has entries of its own.
    Raises InputError where the cache cannot be written, and whatever `read` raises.
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
    """The SHA-256 of the file at `path`, computed only where its size or times have changed."""
    if path.is_dir():
        return _listed(path)
    index = (
        cache / "index" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.json"
    )
    seen = _stamp(path)
    try:
        known = json.loads(index.read_text())
        if known["stamp"] == seen:
            return known["sha256"]
    except (FileNotFoundError, ValueError, KeyError):
        pass  # never seen, or an index that is no index: hash the file
    content = file_digest(path)
    if _stamp(path) != seen:
        raise InputError(f"{path}: changed while it was read; start again when it is complete")
    write_json(index, {"path": str(path), "stamp": seen, "sha256": content})
    return content


def _listed(folder: Path) -> str:
    """The SHA-256 of the place, names, sizes and times of all files in a folder, links followed.

    A link to nothing counts by its name; where it stands for an image, the reader says so.
    """
    files = sorted(files_below(folder.resolve()))
    content = [[str(file), *(_stamp(file) if file.exists() else ())] for file in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _stamp(path: Path) -> list[int]:
    """Size, inode and times; the change time cannot be set back as the modification time can."""
    status = path.stat()
    return [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _store(faces: Faces, entry: Path) -> None:
    partial = entry.with_name(f"partial-{uuid.uuid4().hex}")
    partial.mkdir()  # others may read it, which mkdtemp forbids
    try:
        for name in ARRAYS:
            if (array := getattr(faces, name)) is not None:
                np.save(partial / f"{name}.npy", array)
        words = {"arrays": [name for name in ARRAYS if getattr(faces, name) is not None]}
        words |= {"classes": faces.classes, "notes": faces.notes}
        (partial / "words.json").write_text(json.dumps(words))
        if entry.exists() and _load(entry, Path(faces.source)) is None:  # damaged
            shutil.rmtree(entry, ignore_errors=True)
        try:
            partial.rename(entry)
        except OSError:
            if not entry.exists():  # else another run has finished the same entry first
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _load(entry: Path, path: Path) -> Faces | None:
    """The faces of an entry, the images memory-mapped; None where it is missing or damaged."""
    try:
        words = json.loads((entry / "words.json").read_text())
        arrays = {
            name: np.load(entry / f"{name}.npy", mmap_mode="r" if name == "images" else None)
            for name in words["arrays"]
        }
        classes, notes = tuple(words["classes"]), tuple(words["notes"])
    except (FileNotFoundError, ValueError, EOFError, KeyError, TypeError):
        return None
    return Faces(**arrays, classes=classes, notes=notes, source=str(path))
