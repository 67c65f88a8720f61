"""FER+: ten people's votes for every row of FER2013 (Barsoum et al., arXiv:1608.01041).

The file is Microsoft's fer2013new.csv. It is joined by row, because its image names skip some rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import Faces, only_rows
from fer.data.labels import CONTEMPT, EMOTIONS, canonical
from fer.data.readers.archives import open_table
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.fer2013_csv import PART_OF, USAGES
from fer.data.readers.pixels import shown

Target = Literal["majority", "votes", "blend"]

# The choices of voters, in the order of the columns of `read_votes`: classes first, in FER2013's order.
CHOICES = (*EMOTIONS, CONTEMPT, "unknown", "nf")
# The same in the order of the csv's own columns, in which the first of tied ones wins.
TIES = "neutral happy surprise sad angry disgust fear contempt unknown nf".split()
UNKNOWN, NO_FACE = CHOICES.index("unknown"), CHOICES.index("nf")


def relabel(
    faces: Faces,
    path: Path,
    *,
    target: Literal["majority", "votes"],
    min_votes: int = 0,
    classes: Literal[7, 8] = 8,
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """FER2013 labelled by the choice with the most votes. Dropped rows are counted in notes.

    Rows won by no face or unknown are dropped.

    path: the csv of votes
    target: majority drops rows with tied choices; votes keeps them, labelled by the first in
        FER2013's order, and sets `Faces.targets` to the fractions of votes for the classes
    min_votes: least number of votes for the label; rows below are dropped
    classes: 7 drops rows won by contempt
    on_bad_row: raise, or skip, which takes a bad row as one without votes

    Raises InputError if the files' rows differ, or no row is left.
    """
    votes, parts, notes = read_votes(path, on_bad_row=on_bad_row)
    _check_same_rows(faces, parts, path)
    votes = votes[faces.rows]
    labels, most = votes.argmax(1), votes.max(1)
    reasons = {
        "without a vote": most == 0,
        "tied": (target == "majority") & ((votes == most[:, None]).sum(1) > 1),
        "voted no face": labels == NO_FACE,
        "voted unknown": labels == UNKNOWN,
        "voted contempt": (classes == 7) & (labels == CHOICES.index(CONTEMPT)),
        f"with fewer than {min_votes} votes for the label": most < min_votes,
    }
    keep, dropped = _drop(reasons, len(faces))
    if not keep.any():
        raise InputError(f"{path}: no row of {len(faces):,} is left; {', '.join(dropped)}")
    note = [f"of {len(faces):,} rows dropped: {', '.join(dropped)}"] if dropped else []
    targets = votes[:, :classes].astype(np.float32) if target == "votes" else None
    if targets is not None:
        targets /= np.maximum(targets.sum(1, keepdims=True), 1)
    faces = replace(faces, labels=labels, classes=CHOICES[:classes], targets=targets)
    return replace(only_rows(faces, keep), notes=(*faces.notes, *notes, *note))


def _drop(reasons: Mapping[str, np.ndarray], total: int) -> tuple[np.ndarray, list[str]]:
    """Which of `total` rows have no reason to be dropped, bool [total]; number dropped by reason."""
    keep = np.ones(total, bool)
    dropped = []
    for reason, rows in reasons.items():
        if number := int((keep & rows).sum()):
            dropped.append(f"{number:,} {reason}")
        keep &= ~rows
    return keep, dropped


def blend(
    faces: Faces,
    path: Path,
    *,
    own_share: float,
    classes: Literal[7, 8] = 8,
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """FER2013 with its own labels, and `Faces.targets` that mix these with the votes.

    path: the csv of votes
    own_share: weight of FER2013's label; the rest are the fractions of votes for the classes, if any
    classes: 7 ignores votes for contempt
    on_bad_row: raise, or skip, which takes a bad row as one without votes

    Raises InputError if the files' rows differ.
    """
    votes, parts, notes = read_votes(path, on_bad_row=on_bad_row)
    _check_same_rows(faces, parts, path)
    shares = votes[faces.rows, :classes].astype(np.float32)
    total = shares.sum(1, keepdims=True)
    own = np.eye(classes, dtype=np.float32)[faces.labels]
    mixed = own_share * own + (1 - own_share) * shares / np.maximum(total, 1)
    if without := int((total == 0).sum()):
        notes += (f"{without:,} of {len(faces):,} rows without a vote: trained by the label alone",)
    return replace(
        faces,
        classes=CHOICES[:classes],
        targets=np.where(total > 0, mixed, own),
        notes=(*faces.notes, *notes),
    )


def read_votes(
    path: Path, *, on_bad_row: OnBadRow = "raise"
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The votes for CHOICES, int64 [N, 10], the parts, int8 [N], and notes about bad rows.

    on_bad_row: raise, or skip, which gives a bad row no votes and part -1

    Raises InputError for a row without a known Usage and ten whole numbers.
    """
    votes, parts = [], []
    with open_table(path, wanted=lambda columns: _missing(columns) is None) as table:
        bad = BadRows(on_bad_row, table.name)
        if missing := _missing(table.columns):
            raise InputError(
                f"{table.name}: no column {missing!r}; expected Microsoft's fer2013new.csv with "
                "Usage, Image name and the votes"
            )
        usage, columns = table.columns.index("usage"), _order(table.columns)
        for line, fields in table.rows():
            try:
                row = _row(fields, usage, columns)
            except ValueError as fault:
                bad.add(f" line {line}", fault)
                row = -1, [0] * len(CHOICES)
            parts.append(row[0])
            votes.append(row[1])
    return (
        np.array(votes, dtype=np.int64).reshape(-1, len(CHOICES)),
        np.array(parts, dtype=np.int8),
        bad.notes(len(votes) - bad.count),
    )


def _missing(columns: Sequence[str]) -> str | None:
    """The first column of a csv of votes that `columns` lacks; None if it lacks none."""
    names = {canonical(column) for column in columns}
    return next((name for name in ("usage", *CHOICES) if name not in names), None)


def _order(columns: Sequence[str]) -> list[int]:
    """The index of the column of each of CHOICES."""
    names = [canonical(column) for column in columns]
    return [names.index(name) for name in CHOICES]


def _row(fields: list[bytes], usage: int, columns: list[int]) -> tuple[int, list[int]]:
    """The part and the votes of a row. Raises ValueError for a bad one."""
    if len(fields) <= max(usage, *columns):
        raise ValueError(f"{len(fields)} columns: is the file cut off?")
    if fields[usage] not in PART_OF:
        raise ValueError(f"Usage {shown(fields[usage])}, expected {', '.join(USAGES)}")
    counts = [fields[column] for column in columns]
    wrong = next((field for field in counts if not (field.isdigit() and len(field) < 10)), None)
    if wrong is not None:
        raise ValueError(f"{shown(wrong)} votes, expected a whole number")
    return PART_OF[fields[usage]], [int(field) for field in counts]


def _check_same_rows(faces: Faces, parts: np.ndarray, path: Path) -> None:
    """Raise InputError if the rows of the votes, with these parts, are not FER2013's."""
    total = int(faces.rows[-1]) + 1
    if len(parts) != total:
        raise InputError(
            f"{path}: {len(parts):,} rows of votes, but {faces.source} has {total:,}; name the "
            "complete fer2013.csv with data.path"
        )
    voted = parts[faces.rows]
    wrong = np.flatnonzero((voted >= 0) & (voted != faces.parts))
    if len(wrong):
        names = dict(enumerate(USAGES)) | {-1: "without Usage"}
        row, first = faces.rows[wrong[0]], wrong[0]
        raise InputError(
            f"{path}: row {row}, counted from 0, is {names[voted[first]]}, but "
            f"{names[faces.parts[first]]} in {faces.source}; both must be in the original order"
        )
