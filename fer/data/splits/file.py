"""split.json: write a split to a file and read it back."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer.common.errors import InputError
from fer.data.faces import PARTS, Faces
from fer.data.splits.leakage import leaks, test_duplicates
from fer.data.splits.split import Split, settings


def from_file(faces: Faces, path: Path) -> Split:
    """The split that a run's split.json at `path` lists, with the labels that it changed.

    Raises InputError for another kind of file, a row that the dataset lacks, or one in two parts.
    """
    content = _read(path)
    parts = [_positions(faces, path, content, name) for name in PARTS]
    rows, times = np.unique(np.concatenate(parts), return_counts=True)
    if (times > 1).any():
        row = faces.rows[rows[times > 1][0]]
        raise InputError(f"{path}: row {row} is listed twice; each row belongs to one part")
    return Split("file", None, *parts, relabelled=_relabelled(faces, path, content, parts[0]))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"data.split_file: no file {path}") from None
    except (OSError, ValueError) as fault:
        raise InputError(f"data.split_file: {path} is no split.json ({fault})") from None


def _relabelled(faces: Faces, path: Path, content: Any, train: np.ndarray) -> dict[int, int]:
    """The new label of each relabelled position. Older files have none."""
    written = content.get("relabelled", {})
    positions = dict(zip(map(str, faces.rows[train]), train.tolist(), strict=True))
    known = isinstance(written, dict) and written.keys() <= positions.keys()
    if not (known and all(_is_class(faces, label) for label in written.values())):
        raise InputError(f"{path}: 'relabelled' is no mapping of training rows to labels")
    return {positions[row]: label for row, label in written.items()}


def _is_class(faces: Faces, label: Any) -> bool:
    return type(label) is int and 0 <= label < len(faces.classes)


def _positions(faces: Faces, path: Path, content: Any, name: str) -> np.ndarray:
    """The rising positions in `faces` of the rows that the part `name` lists: int64 [n]."""
    rows = content.get(name) if isinstance(content, dict) else None
    known = isinstance(rows, list) and all(type(row) is int for row in rows)
    if not known or not (rows or name == "test"):
        raise InputError(f"{path}: {name!r} is no list of row numbers; expected a run's split.json")
    listed = np.array(rows) if rows else np.empty(0, np.int64)
    positions = np.searchsorted(faces.rows, listed)
    missing = faces.rows[positions.clip(max=len(faces) - 1)] != listed
    if missing.any():
        raise InputError(
            f"{path}: row {listed[missing][0]} of {name} is not among the {len(faces)} rows of "
            f"{faces.source}; was it written for another dataset?"
        )
    return np.sort(positions)


def export(faces: Faces, split: Split) -> Mapping[str, Any]:
    """The content of split.json: options, and each part's rows, counts and SHA-256."""
    rows = {name: faces.rows[split.part(name)].tolist() for name in PARTS}
    return {
        "kind": split.kind,
        "seed": split.seed,
        **settings(split),
        **rows,
        "relabelled": {str(faces.rows[at]): label for at, label in split.relabelled.items()},
        "counts": {name: faces.counts(split.part(name)) for name in PARTS},
        "leaks": leaks(faces, split),
        "test_twins": faces.rows[split.test[test_duplicates(faces, split)]].tolist(),
        "sha256": {
            name: hashlib.sha256(json.dumps(part).encode()).hexdigest()
            for name, part in rows.items()
        },
    }
