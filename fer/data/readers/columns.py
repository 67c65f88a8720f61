"""Find the columns of a table: by an option, or by the names that published datasets use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fer.common.errors import InputError

# Usual names, the likeliest first, as `plain` spells them. They are from FER2013, FER+, AffectNet,
# RAF-DB, ExpW, their copies on Kaggle and Hugging Face, and webdataset.
LABELS = (
    *("emotion", "expression", "label", "labels", "class", "cls", "classname", "classid"),
    *("emotionlabel", "expressionlabel", "labelname", "emotionname", "emotions", "expr"),
    *("category", "target", "y"),
)
IMAGES = (
    *("image", "img", "images", "file", "filename", "path", "filepath", "imagepath", "imgpath"),
    *("imagename", "imgname", "imagefile", "imageid", "imagebytes", "imgbytes", "imagedata"),
    *("bytes", "subdirectoryfilepath", "relativepath", "pth", "jpg", "jpeg", "png", "webp"),
    *("picture", "photo", "pic", "name", "id"),
)
PIXELS = ("original", "pixels", "pixel", "pixelvalues", "imagepixels", "pixelstring")
GROUPS = (
    *("subject", "person", "identity", "participant", "actor", "speaker", "subjectid", "personid"),
    *("subjectname", "personname", "participantid", "actorid", "speakerid"),
)
PARTS = ("usage", "split", "part", "subset", "partition", "set", "phase")


# An option that names a column: by its name, or by its number from 1; None: by usual names.
Column = str | int | None


@dataclass(frozen=True)
class Columns:
    """The options that name the columns of a table.

    box: left, top, right and bottom of the face in the image, or left, top, width and height where the
        third name ends in width or w; empty: the face is the image
    """

    label: Column = None
    image: Column = None
    part: Column = None
    box: Sequence[Column] = ()


def plain(name: str) -> str:
    """A column's name in lower case, without blanks, quotes, hyphens and underscores."""
    return re.sub(r"[\s\"'_-]", "", name).lower()


def usual(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """The index of the column with the likeliest of `names`; None if no column has one."""
    found = [plain(column) for column in columns]
    return next((found.index(name) for name in names if name in found), None)


def chosen(columns: Sequence[str], column: Column, *, key: str, place: object) -> int | None:
    """The index of the column that an option names; None without the option.

    column: a name, or a number from 1; names come first
    key: the option, for a message
    place: the file, for a message

    Raises InputError for a column that the file has not.
    """
    if column is None:
        return None
    found, name = [plain(each) for each in columns], str(column)
    if plain(name) in found:
        return found.index(plain(name))
    if name.isdecimal() and 1 <= int(name) <= len(columns):
        return int(name) - 1
    listed = ", ".join(name.strip() or "(no name)" for name in columns[:20])
    raise InputError(
        f"data.{key}: {column}, but the columns of {place} are {listed:.200}; name one, or its "
        f"number from 1 to {len(columns)}"
    )
