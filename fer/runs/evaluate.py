"""Finished networks measured on faces: one alone, or several by the mean of their probabilities.

The protocol (docs/protocol.md): what a checkpoint was trained or selected on is never its test.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.common.files import file_digest, write_json
from fer.common.versions import revision, versions
from fer.config import schema
from fer.config.recipe import revise
from fer.data.sources import build_data
from fer.data.splits import leakage
from fer.data.splits.split import settings
from fer.evaluation.measure import NAMES, Member, Part, measure, read_faces
from fer.evaluation.protocol import (
    refuse_known_duplicates,
    refuse_known_rows,
)
from fer.evaluation.results import Measured
from fer.evaluation.tta import Tta
from fer.models.checkpoint import Checkpoint, require_whole_recipe
from fer.models.classifier import restore
from fer.reports.run_report import mistakes, write_report
from fer.runs.outputs import write_measured
from fer.training.build import build_trainer

log = logging.getLogger(__name__)


# What of a Trainer bears on measuring; the rest is of training, and one device is enough.
TRAINER = ("accelerator", "precision", "deterministic", "enable_progress_bar")


def assemble(checkpoints: Sequence[Checkpoint], words: Sequence[str]) -> list[Member]:
    """Each network with the first one's data, changed by `words`; raises InputError in one line."""
    first = checkpoints[0]
    for word in words:
        _check_key(word.split("=")[0])
    for checkpoint in checkpoints:
        require_whole_recipe(checkpoint)
        if checkpoint.classes != first.classes:
            raise InputError(
                f"{checkpoint.path}: classes {', '.join(checkpoint.classes)}, but those of "
                f"{first.path} are {', '.join(first.classes)}; an ensemble wants the same"
            )
    shared = {name: first.recipe[name] for name in ("data", "trainer")}
    return [_member(checkpoint, shared, words) for checkpoint in checkpoints]


def _check_key(key: str) -> None:
    group, _, name = key.lstrip("+").partition(".")
    if group == "data" and name not in ("channels", "size"):
        return
    if group == "trainer" and name in ("", *TRAINER):
        return
    known = ", ".join(f"trainer.{name}" for name in TRAINER)
    raise InputError(
        f"{key}: comes from the checkpoint; data, data.KEY, trainer, {known}, tta and part may be given"
    )


def _member(checkpoint: Checkpoint, shared: dict[str, Any], words: Sequence[str]) -> Member:
    cfg = revise(checkpoint.recipe | shared, words)
    cfg.data.channels = list(checkpoint.channels)
    if "size" in cfg.data:
        cfg.data.size = checkpoint.size
    schema.check_nodes(cfg)
    data = build_data(cfg)
    others = [name for name in data.classes if name not in checkpoint.classes]
    if others:
        raise InputError(
            f"data: has {', '.join(others)} among its classes, and {checkpoint.path} knows only "
            f"{', '.join(checkpoint.classes)}"
        )
    if data.size != checkpoint.size:
        raise InputError(
            f"data: faces of {data.size} pixels, and {checkpoint.path} takes {checkpoint.size}"
        )
    _trainer(cfg)  # refuses a device that is not here
    return Member(checkpoint, cfg, data)


def _trainer(cfg: DictConfig) -> L.Trainer:
    """One that measures: on one device, every row."""
    node = {name: cfg.trainer[name] for name in ("_target_", *TRAINER) if name in cfg.trainer}
    node |= {"devices": 1, "max_epochs": 1}
    return build_trainer(
        OmegaConf.create({"trainer": node}), logger=False, callbacks=[], enable_checkpointing=False
    )


def evaluate(members: Sequence[Member], *, part: Part, tta: Tta) -> Measured:
    """The mean of the members' probabilities on a part of their faces.

    Raises InputError, before anything is computed, where a row is one that a member has seen, or too
    many are copies of such.
    """
    for member in members:
        read_faces(member, part)
        refuse_known_rows(member, NAMES[part])
    refuse_known_duplicates(members, NAMES[part])
    measured = [_measure(member, NAMES[part], tta) for member in members]
    return replace(
        measured[0],
        probabilities=torch.stack([each.probabilities for each in measured]).mean(0),
        clean=torch.stack([each.clean for each in measured]).all(0),
        seen=torch.stack([each.seen for each in measured]).any(0),
    )


def _measure(member: Member, part: str, tta: Tta) -> Measured:
    found, trainer = member.checkpoint, _trainer(member.cfg)
    return measure(trainer, restore(found), member.data, part, seen=found.seen, tta=tta)


def describe(members: Sequence[Member], *, part: Part, tta: Tta) -> str:
    """What is measured on what, in two lines, and what its reader notes of the faces."""
    data = members[0].data
    networks = ", ".join(str(member.checkpoint.path) for member in members)
    rows = "all faces" if part == "all" else f"part {part} of split {data.parts.kind}"
    own = leakage.own_test_words(data.faces, data.parts)
    return (
        f"{data.faces.source}: {rows}, tta {tta}{own and f' ({own})'}\n"
        f"{'mean of ' if len(members) > 1 else ''}{networks}"
        + "".join(f"\nnote: {note}" for note in data.faces.notes)
    )


def write(
    folder: Path,
    members: Sequence[Member],
    measured: Measured,
    *,
    part: Part,
    tta: Tta,
    command: str,
    words: Sequence[str],
) -> None:
    """The files of training's test, in `folder`; `command` and `words` are what was typed."""
    first = members[0]
    used, split, faces = _trainer(first.cfg), first.data.parts, first.data.faces
    checkpoints = [member.checkpoint.path for member in members]
    summary = measured.summary(NAMES[part]) | {
        "part": part,
        "tta": tta,
        "checkpoints": [str(path) for path in checkpoints],
        "sha256": [file_digest(path) for path in checkpoints],
        "source": faces.source,
        "fingerprint": faces.fingerprint,
        "notes": list(faces.notes),
        "split": split.kind,
        "split_seed": split.seed,
        **settings(split),
        **leakage.own_test(faces, split),
        "precision": str(used.precision),
        "device": str(used.strategy.root_device),
        "versions": versions(),
        "git": revision(),
    }
    write_measured(folder, measured)
    tables, name = {"all": [], "clean": []} | measured.tables(), NAMES[part]
    write_report(
        folder / "report.html",
        title=f"{', '.join(map(str, checkpoints))} on {Path(faces.source).name}",
        config="---\n".join(OmegaConf.to_yaml(member.cfg, resolve=True) for member in members),
        overrides=words,
        command=command,
        classes=first.data.classes,
        counts={name: faces.counts(split.part(name))},
        part=name,
        table=tables["all"],
        clean_table=tables["clean"],
        history=None,
        summary=summary,
        confusion_matrix=measured.matrix(clean=not measured.whole).numpy(),
        calibration=measured.calibration(),
        mistakes=mistakes(measured, faces),
    )
    write_json(folder / "summary.json", summary)
