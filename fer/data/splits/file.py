"""split.json: a split written to a file and read back."""

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
    """The split of a `split.json`, such as every run writes, with the labels that it taught.

    Raises InputError for a file that is none, a row that the faces lack, or one in two parts.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"data.split_file: no file {path}") from None
    except (OSError, ValueError) as fault:
        raise InputError(f"data.split_file: {path} is no split.json ({fault})") from None
    parts = [_positions(faces, path, content, name) for name in PARTS]
    taken = np.concatenate(parts)
    if len(np.unique(taken)) != len(taken):
        rows, times = np.unique(taken, return_counts=True)
        raise InputError(
            f"{path}: row {faces.rows[rows[times > 1][0]]} stands twice; each row belongs to one part"
        )
    return Split("file", None, *parts, relabelled=_relabelled(faces, path, content, parts[0]))


def _relabelled(faces: Faces, path: Path, content: Any, train: np.ndarray) -> dict[int, int]:
    """The label that each relabelled position is taught; in older files there are none."""
    taught = content.get("relabelled", {})
    positions = dict(zip(map(str, faces.rows[train]), train.tolist(), strict=True))
    known = isinstance(taught, dict) and taught.keys() <= positions.keys()
    if not (known and all(_is_class(faces, label) for label in taught.values())):
        raise InputError(f"{path}: 'relabelled' is no mapping of training rows to labels")
    return {positions[row]: label for row, label in taught.items()}


def _is_class(faces: Faces, label: Any) -> bool:
    return type(label) is int and 0 <= label < len(faces.classes)


def _positions(faces: Faces, path: Path, content: Any, name: str) -> np.ndarray:
    """The positions in `faces` of one part's rows."""
    rows = content.get(name) if isinstance(content, dict) else None
    if not (isinstance(rows, list) and rows and all(type(row) is int for row in rows)):
        raise InputError(f"{path}: {name!r} is no list of row numbers; expected a run's split.json")
    wanted = np.array(rows)
    places = np.searchsorted(faces.rows, wanted)
    missing = faces.rows[places.clip(max=len(faces) - 1)] != wanted
    if missing.any():
        raise InputError(
            f"{path}: row {wanted[missing][0]} of {name} is not among the {len(faces)} rows of "
            f"{faces.source}; was it written for another set?"
        )
    return np.sort(places)


def export(faces: Faces, split: Split) -> Mapping[str, Any]:
    """The content of split.json: how it was made, each part's rows, counts and SHA-256."""
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
