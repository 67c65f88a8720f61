"""A folder of images: `root/<class>/*`, or `root/<train|val|test>/<class>/*`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces
from fer.data.labels import arrange
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.images import gather, prepare_all

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

# Names of the parts, to indices of PARTS; capitals and underscores do not count.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "publictest"), 1),
    **dict.fromkeys(("test", "testing", "privatetest"), 2),
}


def part_of(name: str) -> int:
    """The part that a folder's or a file's name stands for, -1 where it is none."""
    return PART_NAMES.get(name.lower().replace("_", ""), -1)


@dataclass(frozen=True)
class Listing:
    """The images of a folder: their paths below it, sorted, and the class and part of each.

    others: the files that are no images.
    """

    images: tuple[PurePath, ...]
    names: tuple[str, ...]
    parts: tuple[int, ...]
    others: tuple[PurePath, ...]


def list_images(root: Path) -> Listing:
    """What lies in `root`, with nothing opened. Raises InputError where its folders make no sense.

    Hidden files and folders are passed over; folders inside a class folder belong to the class.
    """
    files = _files(root)
    images = tuple(path for path in files if path.suffix.lower() in SUFFIXES)
    if not images:
        raise InputError(f"{root}: no images ({' '.join(SUFFIXES)}) in its folders")
    parts = tuple(part_of(path.parts[0]) for path in images)
    depth = _depth(root, images)
    for path in images:
        if len(path.parts) < depth + 2:
            wanted = root.joinpath(*path.parts[:depth], "CLASS", path.name)
            raise InputError(f"{root / path}: lies in no class folder; expected {wanted}")
    names = tuple(path.parts[depth] for path in images)
    empty = {path.parts[depth] for path in _folders(root, depth)} - set(names)
    if empty:
        raise InputError(f"{root}: no images of the class {min(empty)}; fill or remove its folder")
    others = tuple(path for path in files if path.suffix.lower() not in SUFFIXES)
    return Listing(images, names, parts, others)


def read_folder(root: Path, *, size: int, on_bad_row: OnBadRow = "raise") -> Faces:
    """The faces in a folder, in the order of their paths; see `prepare` for what is made of each.

    Raises InputError for an image that cannot be read; with on_bad_row=skip it is left out, while
    the others keep their numbers.
    """
    listing, bad = list_images(root), BadRows(on_bad_row, root)
    classes, index = arrange(listing.names)
    faces = prepare_all(listing.images, lambda path: _bytes(root / path), size=size)
    items = (
        (f"/{path.as_posix()}", index[name], part, face)
        for path, name, part, face in zip(
            listing.images, listing.names, listing.parts, faces, strict=True
        )
    )
    bar = tqdm(items, f"reading {root}", len(listing.images), unit="image", delay=2, disable=None)
    read = gather(bar, bad, classes=classes)
    if not listing.others:
        return read
    note = f"files left out as no images: {len(listing.others):,}, such as {listing.others[0]}"
    return replace(read, notes=(*read.notes, note))


def _bytes(file: Path) -> bytes:
    if file.exists() and not file.is_file():  # reading a pipe would never end
        raise ValueError("no regular file")
    return file.read_bytes()


def files_below(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Every file in a folder and in its folders; links are followed, but never in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from files_below(Path(entry), above | {real})
        else:
            yield Path(entry)


def _files(root: Path) -> list[PurePath]:
    """Every file below `root` that is not hidden, relative to it, sorted."""
    found = (PurePath(path).relative_to(root) for path in files_below(root))
    return sorted(path for path in found if not any(name.startswith(".") for name in path.parts))


def _folders(root: Path, depth: int) -> Iterator[PurePath]:
    """The class folders: those right in `root`, or in its parts where `depth` is 1."""
    for path in root.glob("*/" * (depth + 1)):
        inside = path.relative_to(root)
        if not any(name.startswith(".") for name in inside.parts):
            yield inside


def _depth(root: Path, images: Sequence[PurePath]) -> int:
    """How many folders stand above the classes: 1 where the first ones name parts, else 0."""
    first = {path.parts[0] for path in images if len(path.parts) > 1}
    parts = {name for name in first if part_of(name) >= 0}
    if parts and parts != first:
        raise InputError(
            f"{root}: {min(parts)} names a part and {min(first - parts)} does not; expected the "
            "classes, or train, val and test with the classes in each"
        )
    return 1 if parts else 0
