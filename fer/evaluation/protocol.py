"""The rules: what may be called a test accuracy. Read them next to docs/protocol.md, in its order.

The facts that rules compare are computed elsewhere: duplicates within a dataset in
fer.data.splits.leakage, duplicates of images in a network's record in fer.data.exposure.

Rules about a config or a file stand where these are read:

- validation chooses: fer.config.schema.MONITORS
- a row belongs to one part: fer.data.splits.file
- FER2013 keeps its own parts, and FER+ labels are named: fer.data.sources
- test is measured once, and partial work is reported: fer.runs.train
- runs are ranked by validation: fer.runs.compare
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.common.run_folder import best_of
from fer.data.exposure import BARRED, Seen, elsewhere, identical, listed, record
from fer.data.faces import Faces
from fer.data.module import FaceData
from fer.data.splits.leakage import test_duplicates
from fer.data.splits.options import SplitOptions
from fer.data.splits.split import Split
from fer.evaluation.measure import Member
from fer.models import checkpoint
from fer.models.checkpoint import Checkpoint

# Largest fraction of test rows that may be duplicates. FER2013's own test part has 9 %, and published
# results include these rows. With many more, an accuracy measures memory.
MOST_DUPLICATES = 0.125

# While training


def refuse_leaking_test(faces: Faces, split: Split) -> None:
    """Test images are new: raise InputError if too many have a duplicate in train or val."""
    duplicates = test_duplicates(faces, split).sum()
    _refuse_many(
        faces.source,
        duplicates,
        len(split.test),
        of="images of train or val",
        advice="choose data.twins=drop, or test=false",
    )


def refuse_other_rows(path: Path, records: Sequence[Seen]) -> None:
    """A resumed run keeps its rows: raise InputError if its checkpoints have another record.

    best.ckpt counts too, because it may remain the best epoch, which is measured.

    path: the checkpoint that the run resumes from
    records: the record of the run as its data and split give it
    """
    for each in (path, best_of(path)):
        if checkpoint.read(each).seen != tuple(records):
            raise InputError(
                f"ckpt_path: {each} was trained on other rows than this data and split give; "
                "resume with the run's own data and split"
            )


def refuse_teacher(teacher: Checkpoint, data: FaceData, own: Seen) -> None:
    """A teacher knows no test image: raise InputError if it was trained or validated on one.

    Nor may it have been trained on validation rows, which choose the student's epoch. Its record may
    have duplicates of such rows only where the student's own record has them too.

    own: the student's record
    """
    for part in ("val", "test"):
        if (known := known_rows(teacher, data, part)) is not None:
            raise InputError(
                f"teacher: {known}; use the split it was trained with: "
                f"{split_overrides(teacher.recipe)}"
            )
        positions = data.parts.part(part)
        theirs, ours = (
            identical(data.faces, positions, seen, part) for seen in (teacher.seen, [own])
        )
        if (duplicates := theirs & ~ours).any():
            raise InputError(
                f"teacher: {duplicates.sum()} of {len(positions)} {part} rows are pixel-identical to "
                f"images that {teacher.path} was trained or validated on and this run is not; use a "
                "teacher trained on this dataset with the same data.twins and data.conflicts"
            )


def record_of_run(
    cfg: DictConfig, data: FaceData, teachers: Sequence[Checkpoint] = ()
) -> tuple[Seen, ...]:
    """The record of a run, for its checkpoints: its own rows, and its teachers' records.

    Raises InputError for a teacher, or a checkpoint to resume from, that the rules refuse.
    """
    own = record(data.faces, data.parts)
    records = [own]
    for teacher in teachers:
        refuse_teacher(teacher, data, own)
        records += [each for each in teacher.seen if each not in records]
    if cfg.ckpt_path is not None:
        refuse_other_rows(Path(cfg.ckpt_path), records)
    return tuple(records)


# Measuring a finished network again


def refuse_known_rows(member: Member, part: str) -> None:
    """Raise InputError if the network was trained on a row of `part`, or validated on a test row."""
    if (known := known_rows(member.checkpoint, member.data, part)) is not None:
        raise InputError(
            f"{known}; choose part={part} of the split it was trained with: "
            f"{split_overrides(member.checkpoint.recipe)}"
        )


def refuse_known_duplicates(members: Sequence[Member], part: str) -> None:
    """Raise InputError if every measured row is a duplicate of an image in a member's record.

    In the same dataset, too many such duplicates in a test part are refused as in training. In
    another dataset they get no number at all (`Measured`), so their number does not matter.
    """
    first = members[0].data
    rows = len(first.parts.part(part))
    known = _any_member(identical, members, part)
    paths = ", ".join(str(member.checkpoint.path) for member in members)
    of, advice = f"images that {paths} was trained or validated on", "measure other images"
    if known.all():
        raise InputError(
            f"{first.faces.source}: all {rows} {part} rows are pixel-identical to {of}; {advice}"
        )
    if part == "test":
        same = known & ~_any_member(elsewhere, members, part)
        _refuse_many(first.faces.source, same.sum(), rows, of=of, advice=advice)


def known_rows(checkpoint: Checkpoint, data: FaceData, part: str) -> str | None:
    """How many rows of `part` the record has that exclude it, in words; None if it has none."""
    positions = data.parts.part(part)
    for barred in BARRED[part]:
        known = listed(data.faces, positions, checkpoint.seen, barred)
        if known.any():
            return (
                f"{known.sum()} of {len(positions)} {part} rows are among the {barred} rows of "
                f"{checkpoint.path}"
            )
    return None


def _any_member(compare: Any, members: Sequence[Member], part: str) -> np.ndarray:
    """Which rows of `part` a comparison of fer.data.exposure finds for any member: bool [n]."""
    found = [
        compare(each.data.faces, each.data.parts.part(part), each.checkpoint.seen, part)
        for each in members
    ]
    return np.any(found, axis=0)


def _refuse_many(source: str, duplicates: int, rows: int, *, of: str, advice: str) -> None:
    if duplicates > MOST_DUPLICATES * rows:
        raise InputError(
            f"{source}: {duplicates} of {rows} test rows are pixel-identical to {of}, more than "
            f"{MOST_DUPLICATES:.1%}; {advice}"
        )


def split_overrides(recipe: dict[str, Any]) -> str:
    """The overrides that give the split of a recipe."""
    chosen = [
        (field, recipe["data"].get(field.name, field.default)) for field in fields(SplitOptions)
    ]
    return " ".join(
        f"data.{field.name}={value}"
        for field, value in chosen
        if field.name == "split" or value != field.default
    )
