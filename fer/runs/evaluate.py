"""Finished networks measured again: one, or several by the mean of their probabilities.

docs/protocol.md says which rows may be measured.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from fer.common.files import file_digest
from fer.common.run_folder import RunFolder
from fer.common.versions import revision, versions
from fer.data.labels import places
from fer.data.splits import leakage
from fer.evaluation.measure import NAMES, Member, Part, measure, read_faces
from fer.evaluation.protocol import refuse_known_duplicates, refuse_known_rows
from fer.evaluation.results import Measured, Summary
from fer.evaluation.tta import Tta
from fer.models import exported
from fer.models.classifier import restore
from fer.runs.members import measuring_trainer
from fer.runs.outputs import write_measured, write_summary
from fer.runs.summary import dataset, few_rows


def evaluate(members: Sequence[Member], *, part: Part, tta: Tta) -> Measured:
    """The mean of the members' probabilities on a part of their faces.

    Raises InputError before anything is computed where a member was trained or validated on one of
    the rows, or on images identical to too many of them.
    """
    for member in members:
        read_faces(member, part)
        member.data.require(NAMES[part])
        refuse_known_rows(member, NAMES[part])
    refuse_known_duplicates(members, NAMES[part])
    found = [_evaluate_one(member, NAMES[part], tta) for member in members]
    same = [each.probabilities[:, places(found[0].classes, each.classes)] for each in found]
    return replace(
        found[0],
        probabilities=torch.stack(same).mean(0),
        clean=torch.stack([each.clean for each in found]).all(0),
        elsewhere=torch.stack([each.elsewhere for each in found]).any(0),
    )


def _evaluate_one(member: Member, part: str, tta: Tta) -> Measured:
    found, trainer = member.checkpoint, measuring_trainer(member.cfg)
    return measure(trainer, restore(found), member.data, part, seen=found.seen, tta=tta)


def describe(members: Sequence[Member], measured: Measured, *, part: Part, tta: Tta) -> str:
    """The dataset, part and networks in two lines, and notes about the dataset and the part."""
    data = members[0].data
    rows = "all images" if part == "all" else f"part {part} of split {data.parts.kind}"
    own = leakage.own_test_words(data.faces, data.parts)
    mean = "mean of " if len(members) > 1 else ""
    notes = (*data.faces.notes, *data.parts.notes, *few_rows(measured))
    lines = [
        f"{data.faces.source}: {rows}, tta {tta}{own and f' ({own})'}",
        mean + ", ".join(str(member.checkpoint.path) for member in members),
        *(f"note: {note}" for note in notes),
    ]
    return "\n".join(lines)


def write(
    folder: Path,
    members: Sequence[Member],
    measured: Measured,
    *,
    part: Part,
    tta: Tta,
    command: str,
    overrides: Sequence[str],
) -> None:
    """Write the files of a run's test into `folder`; command, overrides: what was typed."""
    data, names = members[0].data, [_name(member.checkpoint.path) for member in members]
    configs = [OmegaConf.to_yaml(member.cfg, resolve=True) for member in members]
    positions = data.parts.part(measured.part)
    summary = Summary(
        measured.numbers() | {"part": part, "tta": tta} | _facts(members, measured),
        title=f"{', '.join(names)} on {Path(data.faces.source).name}",
        command=command,
        overrides=overrides,
        config="---\n".join(configs),
        counts={measured.part: data.faces.counts(positions)},
    )
    run = RunFolder(folder)
    write_measured(run, measured)
    write_summary(run, measured, summary)


def _name(path: Path) -> str:
    """The folder of a run or of a packed network, or the ONNX file, by name."""
    if path.suffix == exported.SUFFIX:
        return path.name
    folder = path.resolve().parent
    return (folder.parent if folder.name == "checkpoints" else folder).name


def _facts(members: Sequence[Member], measured: Measured) -> dict[str, Any]:
    first, paths = members[0], [member.checkpoint.path for member in members]
    trainer = measuring_trainer(first.cfg)
    return {
        "checkpoints": [str(path) for path in paths],
        "sha256": [file_digest(path) for path in paths],
        "temperature": [member.checkpoint.temperature for member in members],
        **dataset(first.data),
        "notes": [*first.data.faces.notes, *first.data.parts.notes, *few_rows(measured)],
        "precision": str(trainer.precision),
        "device": str(trainer.strategy.root_device),
        "versions": versions(),
        "git": revision(),
    }
