"""A folder of images whose folders name the classes, and perhaps parts and people.

What each level of folders means is decided here, by one rule:

- A level whose names are all train, val or test, in some spelling, names the parts.
- A level most of whose names are emotions names the classes.
- A level with a single name means nothing.
- Without emotions, the first level left names the classes.
- A level left above the classes says whose each image is. So does one below them with PEOPLE names or
  more, of which some occur in several classes. Other folders below belong to their class.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath, PurePosixPath

from fer.common.errors import InputError
from fer.data.labels import are_emotions
from fer.data.readers.files import JUNK, Files
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
# Names below the classes that are taken for people: a split by people needs ten of them.
PEOPLE = 10


def part_of(name: str) -> int:
    """The part that a folder, file or field is named after, as an index into PARTS, else -1."""
    plain = re.sub(r"[\s_-]", "", name).lower()
    return PART_NAMES.get(PART_ENDS.sub("", plain), -1)


@dataclass(frozen=True)
class Levels:
    """What the levels of folders mean, counted from 0.

    label: names the classes
    part: names the parts; None: no level does
    people: say together whose an image is
    """

    label: int
    part: int | None
    people: tuple[int, ...]

    @property
    def needed(self) -> int:
        """The number of folders above each image."""
        return 1 + max(self.label, -1 if self.part is None else self.part, *self.people)


def read_folder(files: Files) -> Table:
    """The images of a folder or archive, labelled by their folders, in the order of their paths.

    An image in too few folders is a bad row.

    Raises InputError for a folder without images, an empty class, and levels that can be read in two
    ways.
    """
    root = files.source
    images = [name for name in files.names if is_image(name)]
    if not images:
        raise InputError(f"{root}: no images ({' '.join(SUFFIXES)}) in its folders")
    folders = [name.split("/")[:-1] for name in images]
    levels = _levels(root, folders)
    _refuse_empty(root, folders, levels)
    whole = [len(each) >= levels.needed for each in folders]
    notes = [*_people_note(levels, folders), *_others_note(files)]
    return Table(
        source=str(root),
        files=images,
        labels=[each[levels.label] if ok else "" for each, ok in zip(folders, whole, strict=True)],
        parts=[
            part_of(each[levels.part]) if ok and levels.part is not None else -1
            for each, ok in zip(folders, whole, strict=True)
        ],
        groups=[_person(each, levels) for each in folders] if levels.people else None,
        names={},
        contents=lambda: _contents(files, images, whole, levels),
        notes=tuple(notes),
    )


def is_image(name: str) -> bool:
    """Whether a file's suffix is that of an image."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _levels(root: Path, folders: Sequence[Sequence[str]]) -> Levels:
    """What the levels above the images mean. Raises InputError where there are two readings."""
    depth = max(map(len, folders))
    names = [
        sorted({each[level] for each in folders if len(each) > level}) for level in range(depth)
    ]
    part = _part_level(root, names)
    rest = [level for level in range(depth) if level != part]
    emotional = [level for level in rest if _mostly_emotions(names[level])]
    several = [level for level in rest if len(names[level]) > 1]
    candidates = emotional or several
    if not candidates:
        raise InputError(
            f"{root}: no folder names a class; expected two or more folders CLASS/IMAGE, or labels "
            "by data.labels=FILE or data.pattern=REGEX"
        )
    label = candidates[0]
    below = [level for level in several if level > label]
    repeated = [level for level in below if _repeats(folders, label, level)]
    for other in emotional[1:] if emotional else repeated:
        raise _two_readings(root, names, label, other, part)
    people = [level for level in several if level < label]
    people += [level for level in repeated if len(names[level]) >= PEOPLE]
    return Levels(label, part, tuple(people))


def _part_level(root: Path, names: Sequence[Sequence[str]]) -> int | None:
    """The first level that names parts. Raises InputError where only some of its names do."""
    for level, here in enumerate(names):
        parts = [name for name in here if part_of(name) >= 0]
        others = [name for name in here if part_of(name) < 0]
        if parts and others:
            raise InputError(
                f"{root}: {parts[0]} names a part and {others[0]} does not; expected class folders, "
                "or train, val and test with class folders in each"
            )
        if parts:
            return level
    return None


def _mostly_emotions(names: Sequence[str]) -> bool:
    return 2 * sum(are_emotions([name]) for name in names) > len(names)


def _repeats(folders: Sequence[Sequence[str]], label: int, level: int) -> bool:
    """Whether some folders of a level have the same name in several classes."""
    pairs = sorted({(each[level], each[label]) for each in folders if len(each) > level})
    return any(len(list(same)) > 1 for _, same in groupby(pairs, lambda pair: pair[0]))


def _two_readings(
    root: Path, names: Sequence[Sequence[str]], one: int, other: int, part: int | None
) -> InputError:
    first, second = (", ".join(names[level][:3]) for level in (one, other))
    return InputError(
        f"{root}: do {first} name the classes, or {second} in them? say it with "
        f"data.pattern='{_pattern(one, part)}' or data.pattern='{_pattern(other, part)}'"
    )


def _pattern(label: int, part: int | None) -> str:
    """The regular expression that reads label and part from the levels of a path."""
    named = {label: "(?P<label>[^/]+)/"} | ({} if part is None else {part: "(?P<part>[^/]+)/"})
    return "^" + "".join(named.get(level, "[^/]+/") for level in range(max(named) + 1))


def _refuse_empty(root: Path, folders: Sequence[Sequence[str]], levels: Levels) -> None:
    """Raise InputError for a class folder, empty in the whole dataset."""
    full = {each[levels.label] for each in folders if len(each) > levels.label}
    for path in _folders(root, levels.label):
        if path.name not in full:
            raise InputError(f"{root / path}: no images in it; fill or remove this class folder")


def _folders(root: Path, level: int) -> Iterator[PurePath]:
    """Yield the folders of a level that are not hidden, sorted, relative to `root`."""
    for path in sorted(root.glob("*/" * (level + 1))):
        inside = path.relative_to(root)
        if not any(name.startswith(".") or name == JUNK for name in inside.parts):
            yield inside


def _person(folders: Sequence[str], levels: Levels) -> str:
    return "/".join(folders[level] for level in levels.people if level < len(folders))


def _people_note(levels: Levels, folders: Sequence[Sequence[str]]) -> list[str]:
    if not levels.people:
        return []
    people = sorted({_person(each, levels) for each in folders})
    return [f"folders taken for people: {len(people):,}, such as {people[0]} (data.groups)"]


def _others_note(files: Files) -> list[str]:
    """A sentence about files that are no images, with their share."""
    others = [name for name in files.names if not is_image(name)]
    if not others:
        return []
    share = f"{len(others):,} of {len(files.names):,}"
    return [f"files that are no images: {share}, such as {others[0]}"]


def _contents(
    files: Files, images: Sequence[str], whole: Sequence[bool], levels: Levels
) -> Iterator[bytes | ValueError]:
    found = files.contents(name for name, ok in zip(images, whole, strict=True) if ok)
    for ok in whole:
        yield (
            next(found)
            if ok
            else ValueError(f"in no class folder; expected {_example(levels)} above it")
        )


def _example(levels: Levels) -> str:
    words = {levels.label: "CLASS"} | ({} if levels.part is None else {levels.part: "PART"})
    return "/".join(words.get(level, "FOLDER") for level in range(levels.needed))
