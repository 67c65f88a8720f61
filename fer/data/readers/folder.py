"""A folder of images: `root/<class>/*`, or `root/<train|val|test>/<class>/*`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath

from fer.common.errors import InputError
from fer.data.readers.files import Files
from fer.data.readers.table import Table

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")

# Names of the parts, as indices into PARTS. Capitals, blanks, hyphens and underscores are ignored.
PART_NAMES = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev", "publictest"), 1),
    **dict.fromkeys(("test", "testing", "privatetest"), 2),
}
# Words after the name of a part: train_set, val-data, Test images.
PART_ENDS = re.compile("(set|data|images|faces|split|folder)$")


def part_of(name: str) -> int:
    """The part that a folder, file or field is named after, as an index into PARTS, else -1."""
    plain = re.sub(r"[\s_-]", "", name).lower()
    return PART_NAMES.get(PART_ENDS.sub("", plain), -1)


def read_folder(files: Files) -> Table:
    """The images of a folder or archive, labelled by their folders, in the order of their paths.

    Folders inside a class folder belong to the class.

    Raises InputError for a folder without images, an image in no class folder, or an empty class.
    """
    root = files.source
    images = [PurePosixPath(name) for name in files.names if is_image(name)]
    if not images:
        raise InputError(f"{root}: no images ({' '.join(SUFFIXES)}) in its folders")
    depth = _depth(root, images)
    for path in images:
        if len(path.parts) < depth + 2:
            wanted = root.joinpath(*path.parts[:depth], "CLASS", path.name)
            raise InputError(f"{root / path}: in no class folder; expected {wanted}")
    labels = [path.parts[depth] for path in images]
    empty = {path.parts[depth] for path in _folders(root, depth)} - set(labels)
    if empty:
        raise InputError(f"{root}: no images of the class {min(empty)}; fill or remove its folder")
    others = [name for name in files.names if not is_image(name)]
    note = f"files that are no images: {len(others):,}, such as {others[0]}" if others else None
    names = list(map(str, images))
    return Table(
        source=str(root),
        files=names,
        labels=labels,
        parts=[part_of(path.parts[0]) for path in images],
        groups=None,
        names={},
        contents=lambda: files.contents(names),
        notes=(note,) if note else (),
    )


def is_image(name: str) -> bool:
    """Whether a file's suffix is that of an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


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
