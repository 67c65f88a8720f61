"""A folder of images: `root/<class>/*`, or `root/<train|val|test>/<class>/*`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces
from fer.data.labels import arrange
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.files import files_below
from fer.data.readers.images import gather, prepare_all

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

# Names of the parts, as indices into PARTS. Capitals and underscores are ignored.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "publictest"), 1),
    **dict.fromkeys(("test", "testing", "privatetest"), 2),
}


def part_of(name: str) -> int:
    """The part that a folder or file is named after, as an index into PARTS, else -1."""
    return PART_NAMES.get(name.lower().replace("_", ""), -1)


@dataclass(frozen=True)
class Listing:
    """The files of a folder, with paths relative to it, sorted.

    images: the images
    names: name of the class folder of each image
    parts: part of each image, an index into PARTS or -1
    others: files that are no images
    """

    images: tuple[PurePath, ...]
    names: tuple[str, ...]
    parts: tuple[int, ...]
    others: tuple[PurePath, ...]


def list_images(root: Path) -> Listing:
    """List the files in `root` without opening them.

    Hidden files and folders are ignored. Folders inside a class folder belong to the class.

    Raises InputError for a folder without images, an image in no class folder, or an empty class.
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
            raise InputError(f"{root / path}: in no class folder; expected {wanted}")
    names = tuple(path.parts[depth] for path in images)
    empty = {path.parts[depth] for path in _folders(root, depth)} - set(names)
    if empty:
        raise InputError(f"{root}: no images of the class {min(empty)}; fill or remove its folder")
    others = tuple(path for path in files if path.suffix.lower() not in SUFFIXES)
    return Listing(images, names, parts, others)


def read_folder(root: Path, *, size: int, on_bad_row: OnBadRow = "raise") -> Faces:
    """The faces in a folder in the order of their paths, each made by `prepare`.

    size: side in pixels
    on_bad_row: raise, or skip, which leaves bad images out; the others keep their row numbers

    Raises InputError for an image that cannot be read.
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
    note = f"files that are no images: {len(listing.others):,}, such as {listing.others[0]}"
    return replace(read, notes=(*read.notes, note))


def _bytes(file: Path) -> bytes:
    if file.exists() and not file.is_file():  # reading a pipe would never end
        raise ValueError("no regular file")
    return file.read_bytes()


def _files(root: Path) -> list[PurePath]:
    """All files below `root` that are not hidden: sorted paths relative to it."""
    found = (PurePath(path).relative_to(root) for path in files_below(root))
    return sorted(path for path in found if not any(name.startswith(".") for name in path.parts))


def _folders(root: Path, depth: int) -> Iterator[PurePath]:
    """Yield the class folders, directly in `root` (depth 0) or in the folders of its parts (1)."""
    for path in root.glob("*/" * (depth + 1)):
        inside = path.relative_to(root)
        if not any(name.startswith(".") for name in inside.parts):
            yield inside


def _depth(root: Path, images: Sequence[PurePath]) -> int:
    """The number of folders above the class folders: 1 if the first ones name parts, else 0."""
    first = {path.parts[0] for path in images if len(path.parts) > 1}
    parts = {name for name in first if part_of(name) >= 0}
    if parts and parts != first:
        raise InputError(
            f"{root}: {min(parts)} names a part and {min(first - parts)} does not; expected "
            "class folders, or train, val and test with class folders in each"
        )
    return 1 if parts else 0
