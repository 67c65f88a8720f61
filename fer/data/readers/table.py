"""A table of images and labels: what each reader of encoded images returns before any is decoded."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat
from operator import itemgetter

import numpy as np
from tqdm import tqdm

from fer.common.errors import InputError
from fer.data.faces import Faces
from fer.data.labels import Labelling, Names, arrange
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.images import Box, Item, gather, prepare_all

BATCH = 1024  # encoded images in memory


@dataclass(frozen=True)
class Table:
    """Labelled images before any is decoded.

    source: path of the folder or file
    files: path of each image below the source, "" where it has none
    labels: label of each image, as the source writes it
    parts: part of each image, an index into PARTS, or -1 where the source names none
    groups: whose each image is; None: not known
    names: names of labels that are numbers, where the source has them
    contents: yields the encoded images in order, or what is wrong with one
    notes: sentences about what was left out
    places: continues the source in a message about each image; None: its file does
    boxes: where the face is in each image; None: everywhere
    """

    source: str
    files: Sequence[str]
    labels: Sequence[str | int]
    parts: Sequence[int]
    groups: Sequence[str] | None
    names: Mapping[int, str]
    contents: Callable[[], Iterator[bytes | ValueError]]
    notes: tuple[str, ...] = ()
    places: Sequence[str] | None = None
    boxes: Sequence[Box | None] | None = None


def label(table: Table, names: Names | None = None) -> Labelling:
    """The classes of a table and the class of each label, by `names`, else by the source's own names.

    A class that the source names without an image of it is one too.
    """
    names = names or table.names
    return arrange((set(table.labels) | table.names.keys()) - {""}, names=names or None)


def found_in_files(table: Table, pattern: str) -> list[str]:
    """What a regular expression finds in each file's path: its group `person`, else its first group.

    Raises InputError for what is no expression, and for a file that it does not fit.
    """
    expression = compiled(pattern, key="groups")
    named = "person" if "person" in expression.groupindex else 1
    found = []
    for file in table.files:
        match = expression.search(file)
        if match is None or not match[named]:
            raise InputError(f"data.groups: {pattern} finds nothing in {file or 'a row'}")
        found.append(match[named])
    return found


def compiled(pattern: str, *, key: str) -> re.Pattern[str]:
    """A regular expression that the option `key` gives. Raises InputError for what is none."""
    try:
        return re.compile(pattern)
    except re.error as fault:
        raise InputError(f"data.{key}: {pattern} is no regular expression ({fault})") from None


def digest(table: Table, labelling: Labelling) -> str:
    """A hash of everything but the images, for names of cache entries."""
    groups = None if table.groups is None else list(table.groups)
    content = [
        list(table.files),
        list(table.labels),
        list(table.parts),
        groups,
        table.boxes,
        table.notes,
    ]
    classes = [labelling.classes, sorted(map(str, labelling.index.items()))]
    return hashlib.sha256(json.dumps([content, classes]).encode()).hexdigest()[:16]


def read(
    table: Table,
    labelling: Labelling,
    *,
    size: int,
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """The faces of a table in its order, each made by `prepare`.

    labelling: the classes, and the class of each label
    size: side in pixels
    on_bad_row: raise, or skip, which leaves bad rows out; the others keep their row numbers

    Raises InputError for an image that cannot be read, or an unknown label.
    """
    bar = tqdm(
        _items(table, labelling, size),
        f"reading {table.source}",
        len(table.labels),
        unit="image",
        delay=2,
        disable=None,
    )
    faces = gather(bar, BadRows(on_bad_row, table.source), classes=labelling.classes)
    groups = None
    if table.groups is not None:
        # An image of nobody known is alone.
        own = [name or f"\0{row}" for row, name in enumerate(table.groups)]
        groups = np.unique(own, return_inverse=True)[1][faces.rows]
    return replace(faces, groups=groups, notes=(*faces.notes, *table.notes, *labelling.notes))


def _items(table: Table, labelling: Labelling, size: int) -> Iterator[Item]:
    """Yield each row with its face, or what is wrong with it."""
    classes, index = labelling.classes, labelling.index
    sources, row = zip(table.contents(), table.boxes or repeat(None)), 0
    while some := list(islice(sources, BATCH)):
        for face in prepare_all(some, _content, size=size, box=itemgetter(1)):
            label, file = table.labels[row], table.files[row]
            if label not in index and not isinstance(some[row % BATCH][0], ValueError):
                face = ValueError(f"label {label!r:.30}, expected one of {', '.join(classes)}")
            place = f"/{file}" if table.places is None else table.places[row]
            yield place, index.get(label, -1), table.parts[row], face
            row += 1


def _content(source: tuple[bytes | ValueError, Box | None]) -> bytes:
    content, _ = source
    if isinstance(content, ValueError):
        raise content
    return content
