"""A folder of images whose folders name the classes, and perhaps parts and people.

What each level of folders means is decided here, by one rule:

- A level whose names are all train, val or test, in some spelling, names the parts. Of several levels
  they must agree, or have one name only.
- A level most of whose names are emotions names the classes.
- A level with a single name means nothing.
- Without emotions, the first level left names the classes, unless its names look like people's.
- A level left above the classes says whose each image is. Of several it is the last whose names do
  not repeat in the level above: S005/001 is a session of S005. So does a level below the classes with
  PEOPLE names or more, of which some occur in several classes. Other folders below belong to their
  class.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath, PurePosixPath

from fer.common.errors import InputError
from fer.data.labels import are_emotions
from fer.data.readers.files import Files, is_hidden
from fer.data.readers.table import Table

# Suffixes of what OpenCV reads, photos first.
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"),
    *(".jfif", ".jpe", ".jp2", ".gif", ".avif", ".apng", ".dib"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".sr", ".ras", ".hdr", ".pic"),
)

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
# People's folders in published sets: S005, subject01, Actor_03, person-7.
A_PERSON = re.compile(
    r"(s|sub|subj|subject|p|person|participant|patient|actor|user|speaker|model|id)[ _-]?\d+", re.I
)


def part_of(name: str) -> int:
    """The part that a folder, file or field is named after, as an index into PARTS, else -1."""
    plain = re.sub(r"[\s_-]", "", name).lower()
    return PART_NAMES.get(PART_ENDS.sub("", plain), -1)


@dataclass(frozen=True)
class Levels:
    """What the levels of folders mean, counted from 0.

    label: names the classes
    part: names the parts; None: no level does
    people: says whose an image is; None: no level does
    """

    label: int
    part: int | None
    people: int | None

    @property
    def needed(self) -> int:
        """The number of folders above each image."""
        return 1 + max(level for level in (self.label, self.part, self.people) if level is not None)


def read_folder(files: Files) -> Table:
    """The images of a folder or archive, labelled by their folders, in the order of their paths.

    An image in too few folders is a bad row.

    Raises InputError for a folder without images, an empty class, and levels that can be read in two
    ways.
    """
    root = files.source
    images = [name for name in files.names if is_image(name)]
    if not images:
        found = f"; it has {_by_suffix(files.names)}" if files.names else ""
        raise InputError(f"{root}: no images ({' '.join(SUFFIXES)}) in its folders{found}")
    folders = [name.split("/")[:-1] for name in images]
    levels = _levels(root, folders)
    _refuse_people(root, images, levels)
    _refuse_empty(root, folders, levels)
    whole = [len(each) >= levels.needed for each in folders]
    groups = _groups(folders, levels)
    notes = [*_people_note(groups), *_others_note(files)]
    return Table(
        source=str(root),
        files=images,
        labels=[each[levels.label] if ok else "" for each, ok in zip(folders, whole, strict=True)],
        parts=[
            part_of(each[levels.part]) if ok and levels.part is not None else -1
            for each, ok in zip(folders, whole, strict=True)
        ],
        groups=groups,
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
    parts = _part_levels(root, names, folders)
    part = parts[0] if parts else None
    rest = [level for level in range(depth) if level not in parts]
    emotional = [level for level in rest if _mostly_emotions(names[level])]
    several = [level for level in rest if len(names[level]) > 1]
    candidates = emotional or several
    if not candidates:
        raise _no_class(root, [names[level][0] for level in rest])
    label = candidates[0]
    _refuse_part_and_class(root, names[label], label)
    below = [level for level in several if level > label]
    repeated = [level for level in below if _repeats(folders, label, level)]
    for other in emotional[1:] if emotional else repeated:
        raise _two_readings(root, names, label, other, part)
    above = [level for level in several if level < label]
    inside = [level for level in repeated if len(names[level]) >= PEOPLE]
    return Levels(label, part, _people_level(folders, above) if above else next(iter(inside), None))


def _no_class(root: Path, lone: Sequence[str]) -> InputError:
    """The error for images whose folders have one name at each level, apart from parts."""
    one = f", all images are in {'/'.join(lone)}" if lone else ""
    return InputError(
        f"{root}: no folder names a class{one}; expected two or more folders CLASS/IMAGE, or labels "
        "by data.labels=FILE or data.pattern=REGEX"
    )


def _part_levels(
    root: Path, names: Sequence[Sequence[str]], folders: Sequence[Sequence[str]]
) -> list[int]:
    """The levels that name parts. Raises InputError where only some of the names do, or they differ."""
    found = []
    for level, here in enumerate(names):
        parts = [name for name in here if part_of(name) >= 0]
        others = [name for name in here if part_of(name) < 0]
        if parts and others:
            raise InputError(
                f"{root}: {parts[0]} names a part and {others[0]} does not; expected class folders, "
                "or train, val and test with class folders in each"
            )
        if parts:
            found.append(level)
    found.sort(key=lambda level: len(names[level]) == 1)  # a lone folder called test last
    telling = [level for level in found if len(names[level]) > 1]
    for each in folders:
        named = [level for level in telling if len(each) > level]
        if len({part_of(each[level]) for level in named}) > 1:
            raise InputError(
                f"{root}: {'/'.join(each)} names two parts; expected train, val or test once, or say "
                f"which with {_pattern(max(named) + 1, named[0])}"
            )
    return found


def _people_level(folders: Sequence[Sequence[str]], above: Sequence[int]) -> int:
    """The level above the classes that says whose an image is."""
    people = above[0]
    for level in above[1:]:
        if not _repeats(folders, people, level):
            people = level
    return people


def _refuse_part_and_class(root: Path, names: Sequence[str], label: int) -> None:
    """Raise InputError for class folders such as train_angry, test_angry."""
    ends = [re.split(r"[\s_-]+", name) for name in names]
    for end, pattern in ((0, "(?P<part>[^/]+?)[ _-](?P<label>[^/]+)/"),
                         (-1, "(?P<label>[^/]+)[ _-](?P<part>[^/]+?)/")):  # fmt: skip
        parts = {part_of(words[end]) for words in ends if len(words) > 1}
        if all(len(words) > 1 for words in ends) and len(parts) > 1 and min(parts) >= 0:
            raise InputError(
                f"{root}: {names[0]} names a part and a class; say it with "
                f"{_typed('^' + '[^/]+/' * label + pattern)}"
            )


def _refuse_people(root: Path, images: Sequence[str], levels: Levels) -> None:
    """Raise InputError for class folders that look like people: S005/1.jpg, AF01/AF01ANS.JPG."""
    paths = [name.split("/") for name in images]
    paths = [path for path in paths if len(path) > levels.label + 1]
    names = sorted({path[levels.label] for path in paths})
    numbered = all(re.search(r"[^\W\d_]+.*\d", name) for name in names)
    repeated = all(path[-1].startswith(path[levels.label]) for path in paths)
    if not are_emotions(names) and (all(map(A_PERSON.fullmatch, names)) or (numbered and repeated)):
        raise InputError(
            f"{root}: {', '.join(names[:3])} look like people, not classes; name the labels with "
            "data.labels=FILE or data.pattern=REGEX, or say that they are classes with "
            f"{_pattern(levels.label, levels.part)}"
        )


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
        f"{_pattern(one, part)} or {_pattern(other, part)}"
    )


def _pattern(label: int, part: int | None) -> str:
    """What is typed to read label and part from these levels of a path."""
    named = {label: "(?P<label>[^/]+)/"} | ({} if part is None else {part: "(?P<part>[^/]+)/"})
    return _typed("^" + "".join(named.get(level, "[^/]+/") for level in range(max(named) + 1)))


def _typed(pattern: str) -> str:
    """The override with a pattern, in quotes for the shell and for Hydra."""
    return f"""'data.pattern="{pattern}"'"""


def _refuse_empty(root: Path, folders: Sequence[Sequence[str]], levels: Levels) -> None:
    """Raise InputError for a class folder that is empty in the whole dataset."""
    full = {tuple(each[: levels.label + 1]) for each in folders if len(each) > levels.label}
    names, places = {path[-1] for path in full}, {path[:-1] for path in full}
    for path in _folders(root, levels.label):
        if path.name not in names and path.parent.parts in places:
            raise InputError(f"{root / path}: no images in it; fill or remove this class folder")


def _folders(root: Path, level: int) -> Iterator[PurePath]:
    """Yield the folders of a level that are not hidden, sorted, relative to `root`."""
    for path in sorted(root.glob("*/" * (level + 1))):
        inside = path.relative_to(root)
        if not any(is_hidden(name) for name in inside.parts):
            yield inside


def _groups(folders: Sequence[Sequence[str]], levels: Levels) -> list[str] | None:
    """Whose each image is, "" for one in too few folders; None if nothing or one name says it."""
    if levels.people is None:
        return None
    people = [each[levels.people] if len(each) >= levels.needed else "" for each in folders]
    return people if len({*people} - {""}) > 1 else None


def _people_note(groups: Sequence[str] | None) -> list[str]:
    people = sorted(set(groups or ()) - {""})
    return [f"folders taken for people: {_few(people)} (data.groups)"] if people else []


def _few(names: Sequence[str]) -> str:
    return f"{len(names):,}, such as {', '.join(names[:2])}"


def _others_note(files: Files) -> list[str]:
    """A sentence about files that are no images, with their share."""
    others = [name for name in files.names if not is_image(name)]
    if not others:
        return []
    share = f"{len(others):,} of {len(files.names):,}"
    return [f"files that are no images: {share} ({_by_suffix(others)}), such as {others[0]}"]


def _by_suffix(names: Iterable[str]) -> str:
    """How many files there are of the three most frequent suffixes: `12 .heic, 1 .txt`."""
    counts = Counter(PurePosixPath(name).suffix.lower() or "without suffix" for name in names)
    return ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common(3))


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
