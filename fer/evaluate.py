"""Finished networks measured on faces: one alone, or several by the mean of their probabilities.

The protocol (docs/protocol.md): what a checkpoint was trained or selected on is never its test.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from fer.build import build_finished, build_trainer
from fer.common.errors import InputError
from fer.common.files import file_digest, write_json
from fer.common.versions import revision, versions
from fer.config import schema
from fer.config.recipe import revise
from fer.config.schema import SUPPLIED
from fer.data.exposure import BARRED, elsewhere, identical, listed
from fer.data.faces import as_classes
from fer.data.module import FaceData
from fer.data.sources import build_data
from fer.data.splits import leakage
from fer.data.splits.options import Plan
from fer.data.splits.split import Split, settings
from fer.models.checkpoint import Checkpoint
from fer.module import FaceModule
from fer.report import format_table, write_report
from fer.results import Measured, mistakes, write_measured
from fer.views import VIEWS, Tta

log = logging.getLogger(__name__)

# What is measured, and the name of its numbers: `all` takes the whole set as the test part.
Part = Literal["test", "val", "all"]
NAMES: dict[Part, str] = {"test": "test", "val": "val", "all": "test"}

MOST_COPIES = 0.125  # of a test part's rows; FER2013's own has 0.09

# What of a Trainer bears on measuring; the rest is of training, and one device is enough.
TRAINER = ("accelerator", "precision", "deterministic", "enable_progress_bar")


@dataclass(frozen=True, eq=False)
class Member:
    """A network and the faces it is to be measured on, not yet read."""

    checkpoint: Checkpoint
    cfg: DictConfig
    data: FaceData


def assemble(checkpoints: Sequence[Checkpoint], words: Sequence[str]) -> list[Member]:
    """Each network with the first one's data, changed by `words`; raises InputError in one line."""
    first = checkpoints[0]
    for word in words:
        _check_key(word.split("=")[0])
    for checkpoint in checkpoints:
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
    schema.check_targets(cfg, SUPPLIED)
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
        _read(member, part)
        _refuse_seen(member, NAMES[part])
    _refuse_copies(members, NAMES[part])
    measured = [_measure(member, NAMES[part], tta) for member in members]
    return replace(
        measured[0],
        probabilities=torch.stack([each.probabilities for each in measured]).mean(0),
        clean=torch.stack([each.clean for each in measured]).all(0),
        seen=torch.stack([each.seen for each in measured]).any(0),
    )


def _read(member: Member, part: Part) -> None:
    """Reads the faces, labelled by the network's classes; the whole set is one part for `all`."""
    data, none = member.data, np.empty(0, np.int64)
    whole = Split("all", None, none, none, np.arange(len(data.faces)))
    data.parts = whole if part == "all" else data.parts  # cut by the set's own labels
    data.faces = as_classes(data.faces, member.checkpoint.classes)
    data.classes = member.checkpoint.classes


def _refuse_seen(member: Member, part: str) -> None:
    if (known := seen_rows(member.checkpoint, member.data, part)) is not None:
        raise InputError(
            f"{known}; choose part={part} of the split it was trained with: "
            f"{split_words(member.checkpoint.recipe)}"
        )


def _refuse_copies(members: Sequence[Member], part: str) -> None:
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


def _measure(member: Member, part: str, tta: Tta) -> Measured:
    module = build_finished(member.checkpoint, member.cfg)
    module.seen, module.views = member.checkpoint.seen, VIEWS[tta]
    return measure(_trainer(member.cfg), module, member.data, part)


@contextmanager
def interruptible() -> Iterator[None]:
    """Makes one KeyboardInterrupt of the ways in which Lightning leaves at Ctrl-C and SIGTERM."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None


def measure(trainer: L.Trainer, module: FaceModule, data: FaceData, part: str) -> Measured:
    """A part by the module's present weights, over all processes; `train`: an even sample of it."""
    loaders = {
        "train": data.train_sample_dataloader,
        "val": data.val_dataloader,
        "test": data.test_dataloader,
    }
    with interruptible():
        trainer.test(module, dataloaders=loaders[part](), verbose=False)
    rows, labels, probabilities = (tensor.cpu() for tensor in module.tested)
    faces = data.faces
    positions = np.searchsorted(faces.rows, rows.numpy())
    met, strange = (
        torch.from_numpy(which(faces, positions, module.seen, part))
        for which in (identical, elsewhere)
    )
    return Measured(rows, labels, probabilities, ~met, strange, data.classes)


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


def say(part: str, measured: Measured) -> None:
    """The lab's tables of a measured part in the log."""
    numbers = measured.summary(part)
    for name, table in measured.tables().items():
        prefix = f"{part}/clean_" if name == "clean" else f"{part}/"
        mean, overall = numbers[f"{prefix}mean_acc"], numbers[f"{prefix}acc"]
        text = format_table(table, mean=mean, overall=overall)
        log.info("\n%s part, %s %s rows\n%s", part, name, numbers[f"{prefix}rows"], text)
    if not measured.whole:
        log.info(
            "\n%d of %d rows are pixel-identical to faces that the network was trained or selected "
            "on in another set: no number counts them",
            numbers[f"{part}/seen_rows"],
            len(measured.rows),
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
