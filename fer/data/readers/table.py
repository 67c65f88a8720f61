"""A table of images and labels: what each reader of encoded images returns before any is decoded."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tqdm import tqdm

from fer.data.faces import Faces
from fer.data.labels import arrange
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.images import Item, gather, prepare_all

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

    @property
    def digest(self) -> str:
        """A hash of everything but the images, for names of cache entries."""
        groups = None if self.groups is None else list(self.groups)
        content = [list(self.files), list(self.labels), list(self.parts), groups, self.notes]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def classes_of(table: Table) -> tuple[tuple[str, ...], dict[str | int, int]]:
    """The classes of a table, and the index of the class of each label. Negative numbers are no labels.

    Names that the source has come first, then labels that are names, then numbers by themselves.
    """
    if table.names:
        classes, index = arrange(table.names.values())
        return classes, {number: index[name] for number, name in table.names.items()}
    labels = set(table.labels) - {""}
    words = [label for label in labels if isinstance(label, str)]
    if words:
        return arrange(words)
    numbers = sorted(label for label in labels if label >= 0)
    return tuple(map(str, numbers)), {number: place for place, number in enumerate(numbers)}


def read(
    table: Table,
    classes: tuple[str, ...],
    index: Mapping[str | int, int],
    *,
    size: int,
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """The faces of a table in its order, each made by `prepare`.

    classes: names of the classes
    index: index of the class of each label
    size: side in pixels
    on_bad_row: raise, or skip, which leaves bad rows out; the others keep their row numbers

    Raises InputError for an image that cannot be read, or an unknown label.
    """
    bar = tqdm(
        _items(table, classes, index, size),
        f"reading {table.source}",
        len(table.labels),
        unit="image",
        delay=2,
        disable=None,
    )
    faces = gather(bar, BadRows(on_bad_row, table.source), classes=classes)
    return replace(faces, notes=(*faces.notes, *table.notes))


def _items(
    table: Table, classes: tuple[str, ...], index: Mapping[str | int, int], size: int
) -> Iterator[Item]:
    """Yield each row with its face, or what is wrong with it."""
    contents, row = table.contents(), 0
    while some := list(islice(contents, BATCH)):
        for face in prepare_all(some, _content, size=size):
            label, file = table.labels[row], table.files[row]
            if label not in index and not isinstance(some[row % BATCH], ValueError):
                face = ValueError(f"label {label!r:.30}, expected one of {', '.join(classes)}")
            place = f"/{file}" if table.places is None else table.places[row]
            yield place, index.get(label, -1), table.parts[row], face
            row += 1


def _content(content: bytes | ValueError) -> bytes:
    if isinstance(content, ValueError):
        raise content
    return content
