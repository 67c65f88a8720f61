"""FER+: the votes of ten people on every row of FER2013 (Barsoum et al., arXiv:1608.01041).

The file is Microsoft's fer2013new.csv. It is joined by row: its image names skip some rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import Faces
from fer.data.labels import CONTEMPT, EMOTIONS, canonical
from fer.data.readers.archives import open_table
from fer.data.readers.bad_rows import BadRows, OnBadRow
from fer.data.readers.fer2013_csv import PART_OF, USAGES
from fer.data.readers.pixels import shown

Target = Literal["majority", "votes", "blend"]

# The columns of votes, as `read_votes` orders them: classes first, in dataset order.
CHOICES = (*EMOTIONS, CONTEMPT, "unknown", "nf")
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
    """FER2013's faces with the labels of the votes at `path`; dropped rows are counted in notes.

    The label is the choice with the most votes. Dropped are rows that most call no face or unknown,
    or contempt where `classes` is 7, and those whose label has fewer than `min_votes`.
    target=majority drops rows where two choices tie. target=votes keeps them, the first in dataset
    order being the label, and gives as `targets` the shares of the votes for the classes.
    Raises InputError where the rows of both files are not the same.
    """
    votes, parts, notes = read_votes(path, on_bad_row=on_bad_row)
    _match(faces, parts, path)
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
    keep = np.ones(len(faces), bool)
    dropped = []
    for reason, rows in reasons.items():
        if number := int((keep & rows).sum()):
            dropped.append(f"{number:,} {reason}")
        keep &= ~rows
    if not keep.any():
        raise InputError(f"{path}: no row is left of {len(faces):,}: {', '.join(dropped)}")
    shares = votes[keep, :classes].astype(np.float32)
    return replace(
        faces,
        images=faces.images[keep],
        labels=labels[keep],
        parts=faces.parts[keep],
        hashes=faces.hashes[keep],
        rows=faces.rows[keep],
        classes=CHOICES[:classes],
        targets=shares / shares.sum(1, keepdims=True) if target == "votes" else None,
        whole=faces.fingerprint,
        notes=(*faces.notes, *notes, *_dropped(dropped, len(faces))),
    )


def blend(
    faces: Faces,
    path: Path,
    *,
    own_share: float,
    classes: Literal[7, 8] = 8,
    on_bad_row: OnBadRow = "raise",
) -> Faces:
    """FER2013's faces, every row with its own label, and as `targets` that label mixed with the votes.

    own_share: the label's part of a target, the rest being the shares of the votes for the classes;
    a row without such votes keeps its label alone. Raises InputError where the rows of both files are
    not the same.
    """
    votes, parts, notes = read_votes(path, on_bad_row=on_bad_row)
    _match(faces, parts, path)
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
    """The votes of each row for CHOICES, int64 [N, 10]; its part, int8 [N]; notes of bad rows.

    Raises InputError for a row that is not a known Usage and ten whole numbers; with
    on_bad_row=skip it has no vote and part -1.
    """
    votes, parts = [], []
    with open_table(path, wanted=lambda columns: _lacking(columns) is None) as table:
        bad = BadRows(on_bad_row, table.name)
        if lacking := _lacking(table.columns):
            raise InputError(
                f"{table.name}: no column {lacking!r}; expected Microsoft's fer2013new.csv with "
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


def _lacking(columns: Sequence[str]) -> str | None:
    """The first column that a file of votes wants and `columns` lacks."""
    names = {canonical(column) for column in columns}
    return next((name for name in ("usage", *CHOICES) if name not in names), None)


def _order(columns: Sequence[str]) -> list[int]:
    """Where each of CHOICES stands."""
    names = [canonical(column) for column in columns]
    return [names.index(name) for name in CHOICES]


def _row(fields: list[bytes], usage: int, columns: list[int]) -> tuple[int, list[int]]:
    if len(fields) <= max(usage, *columns):
        raise ValueError(f"{len(fields)} columns: is the file cut off?")
    if fields[usage] not in PART_OF:
        raise ValueError(f"Usage {shown(fields[usage])}, expected {', '.join(USAGES)}")
    counts = [fields[column] for column in columns]
    wrong = next((field for field in counts if not (field.isdigit() and len(field) < 10)), None)
    if wrong is not None:
        raise ValueError(f"{shown(wrong)} votes, expected a whole number")
    return PART_OF[fields[usage]], [int(field) for field in counts]


def _match(faces: Faces, parts: np.ndarray, path: Path) -> None:
    """Raises InputError where the rows of the votes are not those of FER2013."""
    total = int(faces.rows[-1]) + 1
    if len(parts) != total:
        raise InputError(
            f"{path}: {len(parts):,} rows of votes, but {faces.source} has {total:,}; they are "
            "joined row by row: name the whole fer2013.csv with data.path"
        )
    own = parts[faces.rows]
    wrong = np.flatnonzero((own >= 0) & (own != faces.parts))
    if len(wrong):
        names = dict(enumerate(USAGES)) | {-1: "without Usage"}
        row, first = faces.rows[wrong[0]], wrong[0]
        raise InputError(
            f"{path}: row {row}, counted from 0, is {names[own[first]]}, but "
            f"{names[faces.parts[first]]} in {faces.source}; both must be in the original order"
        )


def _dropped(reasons: list[str], total: int) -> tuple[str, ...]:
    return (f"of {total:,} rows dropped: {', '.join(reasons)}",) if reasons else ()
