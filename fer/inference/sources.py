"""What a user typed or passed, as a row of sources: pictures, videos, cameras and arrays."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, TypeAlias

from fer.common.errors import InputError

Kind: TypeAlias = Literal["picture", "video", "camera", "memory"]

PICTURES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .gif .bmp .dib .webp .tif .tiff .jp2 .avif .heic .heif "
    ".hif .ppm .pgm .pbm .pnm".split()
)
VIDEOS = frozenset(
    ".mp4 .m4v .mov .qt .avi .mkv .webm .mpg .mpeg .mpe .m2v .wmv .asf .flv .f4v .3gp .3g2 .mts "
    ".m2ts .ogv .vob .mxf".split()
)
JUNK = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})

HEAD = 32  # bytes of a file that show its format
# First bytes of a format, where they start, and what the format is.
MAGIC: tuple[tuple[int, bytes, Kind, str], ...] = (
    (0, b"\xff\xd8\xff", "picture", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "picture", "PNG"),
    (0, b"GIF8", "picture", "GIF"),
    (8, b"WEBP", "picture", "WebP"),
    (0, b"II*\0", "picture", "TIFF"),
    (0, b"MM\0*", "picture", "TIFF"),
    (0, b"II+\0", "picture", "TIFF"),
    (0, b"\0\0\0\x0cjP  ", "picture", "JPEG 2000"),
    (8, b"AVI ", "video", "AVI"),
    (0, b"\x1a\x45\xdf\xa3", "video", "Matroska or WebM"),
    (0, b"FLV\x01", "video", "FLV"),
    (0, b"\0\0\x01\xba", "video", "MPEG"),
    (0, b"\0\0\x01\xb3", "video", "MPEG"),
    (4, b"moov", "video", "QuickTime"),
    (4, b"mdat", "video", "QuickTime"),
    (4, b"wide", "video", "QuickTime"),
)
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")


@dataclass(frozen=True, eq=False)
class Source:
    """One file, camera or picture in memory.

    name: path as it was given, `camera 0`, or `picture 3` counted over the pictures in memory.
    content: the path as text, the number of the camera, or the array, tensor or PIL image.
    """

    name: str
    kind: Kind
    content: Any


def expand(given: object, *, stdin: Iterable[str] | None = None) -> Iterator[Source]:
    """The sources that `given` names, in its order. Folders and stdin are read as they are used.

    given: one of these, or a list of them:

    - path of a file. A suffix of VIDEOS makes it a video. Content decides for an unknown suffix.
    - path of a folder: its pictures and videos and those below, in natural order (2 before 10).
      Hidden files, junk of file managers and all other files are passed over.
    - pattern with `*`, `?`, `[` or `**`, which names files as a folder does. A file or folder of
      exactly that name comes first.
    - `@list.txt`: a path a line, looked for in the working directory, then next to the list.
    - `-`: a path a line on stdin.
    - number of a camera. Digits in a string are one too unless a file has that name.
    - array, tensor or PIL image.

    stdin: lines instead of the process's stdin.

    Raises InputError at once, before the first source, for what is not there and for a folder,
    pattern or list without a picture. A listed path that is not there is found when it is read.
    """
    places = list(given) if isinstance(given, list | tuple) else [given]
    if not places:
        raise InputError("sources: an empty list, expected a picture, folder, video or camera")
    numbers = count()
    return chain.from_iterable([_expand(place, stdin, numbers) for place in places])


def format_of(head: bytes) -> tuple[Kind, str] | None:
    """Whether a file is a picture or a video by its first HEAD bytes, and its format's name."""
    if head[4:8] == b"ftyp":
        return _base_media(head[8:])
    for start, magic, kind, name in MAGIC:
        if head.startswith(magic, start):
            return kind, name
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # two reserved fields are zero
        return "picture", "BMP"
    if re.match(rb"P[1-6]\s+[\d#]", head):
        return "picture", "PNM"
    return None


def _base_media(brands: bytes) -> tuple[Kind, str] | None:
    """The format behind an `ftyp` box: HEIF, AVIF, QuickTime or MP4. None for sound alone."""
    if brands[:4] in (b"avif", b"avis") or (brands[:4] == b"mif1" and b"avif" in brands):
        return "picture", "AVIF"
    if brands[:4] in HEIF_BRANDS:
        return "picture", "HEIC"
    if brands[:4] in AUDIO_BRANDS:
        return None
    return "video", "QuickTime" if brands[:4] == b"qt  " else "MP4"


def _expand(place: object, stdin: Iterable[str] | None, numbers: Iterator[int]) -> Iterable[Source]:
    """The sources of one place."""
    if isinstance(place, str | os.PathLike):
        return _named(os.fspath(place), stdin)
    number = _whole(place)
    if number is not None:
        return [_camera(number)]
    return _in_memory(place, numbers)


def _named(text: object, stdin: Iterable[str] | None) -> Iterable[Source]:
    """The sources that a text names."""
    if not isinstance(text, str) or not text or "\0" in text:
        raise InputError(f"sources: {text!r}, expected a path")
    if text == "-":
        return _some(_listed(_stdin() if stdin is None else stdin, ""), "stdin: no path")
    if os.path.lexists(text):
        return _of_path(text)
    if text.isdecimal():
        return [_camera(int(text))]
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise InputError(
            f"{printable(text)}: an address is not fetched; download it and give the file"
        )
    if text.startswith("@"):
        return _some(_list_file(text[1:]), f"{printable(text[1:])}: no path in this list")
    if glob.has_magic(text):
        return _some(_globbed(text), f"{printable(text)}: no picture or video has such a name")
    raise InputError(f"{printable(text)}: no such file or folder")


def _of_path(path: str) -> Iterable[Source]:
    """The source of a file that was named, or those of a folder."""
    if os.path.isdir(path):
        return _some(_walk(path, set()), f"{printable(path)}: a folder without pictures or videos")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{printable(path)}: not a file (a pipe or device); save it to a file")
    return [_file(path)]


def _some(sources: Iterator[Source], complaint: str) -> Iterator[Source]:
    """The sources again, once it is sure that there is one. Raises InputError."""
    first = next(sources, None)
    if first is None:
        raise InputError(complaint)
    return chain([first], sources)


def _file(path: str) -> Source:
    """The source of a file that was named: a picture unless it is a video."""
    return Source(printable(path), _kind(path) or "picture", path)


def _kind(path: str) -> Kind | None:
    """What a file is: by its suffix, or by its content where the suffix is unknown."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix in PICTURES:
        return "picture"
    if suffix in VIDEOS:
        return "video"
    try:
        with open(path, "rb") as file:
            found = format_of(file.read(HEAD))
    except OSError:
        return None
    return found[0] if found else None


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[Source]:
    """The pictures and videos of a folder and those below, in natural order.

    seen: device and number of the folders so far. Links in a circle end here.
    """
    try:
        here = os.stat(folder)
        names = sorted(os.listdir(folder), key=natural)
    except OSError:
        yield Source(printable(folder), "picture", folder)  # named as unreadable later on
        return
    if (here.st_dev, here.st_ino) in seen:
        return
    seen.add((here.st_dev, here.st_ino))
    for name in names:
        path = os.path.join(folder, name)
        if not is_junk(name):
            yield from _walk(path, seen) if os.path.isdir(path) else _found(path)


def _found(path: str) -> Iterator[Source]:
    """The source of a file that was not named itself, if it is a picture or a video."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = stat.S_IFREG  # a broken link: unreadable, if its suffix is a picture's
    kind = _kind(path) if stat.S_ISREG(mode) else None
    if kind:
        yield Source(printable(path), kind, path)


def _globbed(pattern: str) -> Iterator[Source]:
    """The pictures and videos of a pattern in natural order. `**` stands for any folders."""
    seen: set[tuple[int, int]] = set()
    spelled = set(Path(pattern).parts)
    for path in sorted(glob.iglob(pattern, recursive=True), key=natural):
        if any(map(is_junk, set(Path(path).parts) - spelled)):
            continue
        if not os.path.isdir(path):
            yield from _found(path)
        elif "**" not in pattern:  # which names what is in its folders itself
            yield from _walk(path, seen)


def _list_file(path: str) -> Iterator[Source]:
    """The sources of a list: a path a line, in UTF-8."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError as fault:
        raise InputError(f"{printable(path)}: {fault.strerror}; expected a list of paths") from None
    return _listed(lines, os.path.dirname(path))


def _listed(lines: Iterable[str], folder: str) -> Iterator[Source]:
    """The sources of the lines, each a file or a folder. One that is not there stays a source.

    folder: where a path is looked for that the working directory does not have.
    """
    for line in lines:
        path = line.rstrip("\r\n")
        if not path.strip():
            continue
        if not os.path.lexists(path) and os.path.lexists(os.path.join(folder, path)):
            path = os.path.join(folder, path)
        inside = _walk(path, set()) if os.path.isdir(path) else iter(())
        yield from chain([next(inside, _file(path))], inside)


def _stdin() -> Iterator[str]:
    """The lines of stdin. Names that are not UTF-8 stay the names of their files."""
    return map(os.fsdecode, sys.stdin.buffer)


def _whole(place: object) -> int | None:
    """A whole number, of Python or NumPy. None for anything else, an array among it."""
    if isinstance(place, bool) or getattr(place, "ndim", None) or not hasattr(place, "__index__"):
        return None
    try:
        return int(place.__index__())
    except TypeError:
        return None


def _camera(number: int) -> Source:
    if number < 0:
        raise InputError(f"camera {number}: expected 0 or a larger number")
    return Source(f"camera {number}", "camera", number)


def _in_memory(place: Any, numbers: Iterator[int]) -> Iterator[Source]:
    """The pictures of an array, a tensor or a PIL image. Raises InputError for anything else."""
    pictures: list[Any] = []
    module = type(place).__module__.split(".")[0]
    if module == "PIL" and hasattr(place, "getexif"):
        pictures = [place]
    elif module in ("numpy", "torch") and hasattr(place, "ndim"):
        pictures = _apart(place, tensor=module == "torch")
    else:
        raise InputError(
            f"sources: {type(place).__name__}, expected a path, a number, an array, a tensor, "
            "a PIL image or a list of these"
        )
    return (Source(f"picture {next(numbers)}", "memory", picture) for picture in pictures)


def _apart(array: Any, *, tensor: bool) -> list[Any]:
    """The single pictures of an array or tensor. Raises InputError for a shape that has none.

    array: (H, W), (H, W, 1, 3 or 4), (N, H, W) or (N, H, W, 1, 3 or 4), or a tensor (H, W),
        (1, 3 or 4, H, W) or (N, 1, 3 or 4, H, W).
    """
    shape = tuple(array.shape)
    axis = -3 if tensor else -1
    coloured = len(shape) > 2 and shape[axis] in (1, 3, 4)
    single = len(shape) == 2 or (len(shape) == 3 and coloured)
    several = (len(shape) == 4 and coloured) or (len(shape) == 3 and not tensor)
    if not (single or several) or 0 in shape:
        forms = (
            "(H, W), (3, H, W) or (N, 3, H, W)" if tensor else "(H, W), (H, W, 3) or (N, H, W, 3)"
        )
        raise InputError(f"sources: shape {shape}, expected {forms}")
    return [array] if single else list(array)


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or left there by a file manager."""
    return name.startswith(".") or name.casefold() in JUNK


def natural(path: str) -> tuple[list[str | int], str]:
    """A key that sorts paths as people do: `2.jpg` before `10.jpg`, a folder before its content."""
    parts = re.split(r"(\d+)", path.casefold().replace(os.sep, "\0"))
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], path


def printable(path: str) -> str:
    """A path as text that can be written in UTF-8, whatever bytes its name has."""
    return path.encode("utf-8", "backslashreplace").decode()
