"""The rules: what may be called a test (docs/protocol.md)."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from fer.common.errors import InputError
from fer.common.run_folder import best_of
from fer.data.exposure import BARRED, Seen, elsewhere, identical, listed, record
from fer.data.module import FaceData
from fer.data.splits.options import Plan
from fer.evaluation.measure import Member
from fer.models import checkpoint
from fer.models.checkpoint import Checkpoint

MOST_COPIES = 0.125  # of a test part's rows; FER2013's own has 0.09


def refuse_seen(member: Member, part: str) -> None:
    if (known := seen_rows(member.checkpoint, member.data, part)) is not None:
        raise InputError(
            f"{known}; choose part={part} of the split it was trained with: "
            f"{split_words(member.checkpoint.recipe)}"
        )


def refuse_copies(members: Sequence[Member], part: str) -> None:
    positions = members[0].data.parts.part(part)
    met, strange = (
        np.any(
            [which(each.data.faces, positions, each.checkpoint.seen, part) for each in members], 0
        )
        for which in (identical, elsewhere)
    )
    source, paths = members[0].data.faces.source, ", ".join(str(m.checkpoint.path) for m in members)
    others, advice = f"faces that {paths} was trained or selected on", "measure it on others"
    if met.all():
        raise InputError(
            f"{source}: all {len(positions)} {part} rows are pixel-identical to {others}; {advice}"
        )
    if part == "test":  # copies of another set's faces are given no number (Measured.whole)
        refuse_copied(source, (met & ~strange).sum(), len(positions), others=others, advice=advice)


def refuse_copied(source: str, copies: int, rows: int, *, others: str, advice: str) -> None:
    """Raises InputError where much of what would be a test part has been trained or selected on."""
    if copies > MOST_COPIES * rows:
        raise InputError(
            f"{source}: {copies} of {rows} test rows are pixel-identical to {others}, more than "
            f"{MOST_COPIES:.1%}; {advice}"
        )


def seen_rows(checkpoint: Checkpoint, data: FaceData, part: str) -> str | None:
    """Which rows of a part the network has seen and must not have, in words; None: there are none."""
    positions = data.parts.part(part)
    for barred in BARRED[part]:
        known = listed(data.faces, positions, checkpoint.seen, barred)
        if known.any():
            return (
                f"{known.sum()} of {len(positions)} {part} rows are among the {barred} rows of "
                f"{checkpoint.path}"
            )
    return None


def split_words(recipe: dict[str, Any]) -> str:
    """The words that choose the split of a recipe where all other options stand at their defaults."""
    chosen = [(field, recipe["data"].get(field.name, field.default)) for field in fields(Plan)]
    return " ".join(
        f"data.{field.name}={value}"
        for field, value in chosen
        if field.name == "split" or value != field.default
    )


def seen_by(
    cfg: DictConfig, data: FaceData, teachers: Sequence[Checkpoint] = ()
) -> tuple[Seen, ...]:
    """What the run's checkpoints say of their faces: its own, and through them its teachers'.

    A resumed run goes on with the very same. Raises InputError too for a teacher that has seen what
    the run is to be measured on.
    """
    own: tuple[Seen, ...] = (record(data.faces, data.parts),)
    for teacher in teachers:
        for part in ("val", "test"):
            if (known := seen_rows(teacher, data, part)) is not None:
                raise InputError(
                    f"teacher: {known}; train on the split it was trained with: "
                    f"{split_words(teacher.recipe)}"
                )
            positions = data.parts.part(part)
            theirs, ours = (
                identical(data.faces, positions, seen, part) for seen in (teacher.seen, own[:1])
            )
            if (copies := theirs & ~ours).any():
                raise InputError(
                    f"teacher: {copies.sum()} of {len(positions)} {part} rows are pixel-identical to "
                    f"faces that {teacher.path} has seen and this run does not train on; take a teacher "
                    "that was trained on these faces, with the same data.twins and data.conflicts"
                )
        own += tuple(each for each in teacher.seen if each not in own)
    # best.ckpt too: what it holds may stay the best epoch, and is measured then.
    given = [Path(cfg.ckpt_path)] if cfg.ckpt_path is not None else []
    for path in (*given, *(best_of(path) for path in given)):
        if checkpoint.read(path).seen != own:
            raise InputError(
                f"ckpt_path: {path} was trained on other rows than this data and split give; a run goes "
                "on with its own"
            )
    return own
