"""Find the image that a list names, although lists name images in many ways."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from fer.data.readers.folder import part_of

# What stands in names of images and not in lists: RAF-DB lists train_00001.jpg and has
# train_00001_aligned.jpg.
ALIGNED = "_aligned"


class Lookup:
    """The images of a set by the names that lists give them.

    names: POSIX paths of the images
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._by_file: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._aligned: dict[str, list[str]] = defaultdict(list)
        for name in names:
            path = PurePosixPath(name.lower())
            self._by_file[path.name].append(name)
            self._by_stem[path.stem].append(name)
            if path.stem.endswith(ALIGNED):
                self._aligned[path.stem.removesuffix(ALIGNED)].append(name)

    def find(self, listed: str, *, part: int = -1) -> str | None:
        """The path of the image that a list names; None without.

        listed: a path relative to any folder, with or without its suffix
        part: the part of the row, which may tell images of one name apart

        Raises ValueError if several images fit equally well.
        """
        path = PurePosixPath(listed.strip().replace("\\", "/").lower())
        found = self._called(path)
        if len(found) > 1:
            found = _best(found, path.parts)
        if len(found) > 1 and part >= 0:
            found = [name for name in found if part in map(part_of, name.split("/"))] or found
        if len(found) > 1:
            raise ValueError(f"{len(found)} images are called {listed}: {', '.join(found[:3])}")
        return found[0] if found else None

    def _called(self, path: PurePosixPath) -> list[str]:
        """The images of a name: as it is, with another suffix or none, or as aligned ones."""
        return (
            self._by_file.get(path.name)
            or self._by_stem.get(path.stem)
            or self._by_stem.get(path.name)
            or self._aligned.get(path.stem)
            or self._aligned.get(path.name)
            or []
        )


def _best(names: Sequence[str], parts: Sequence[str]) -> list[str]:
    """The names that share the most folders with a listed path, from its end; if equal, the shortest."""
    shared = [_shared(name.lower().split("/")[-2::-1], parts[-2::-1]) for name in names]
    best = [name for name, count in zip(names, shared, strict=True) if count == max(shared)]
    exact = [name for name in best if name.lower() == "/".join(parts)]
    return exact or best


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The number of equal items at the start of two sequences."""
    count = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        count += 1
    return count
