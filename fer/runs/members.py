"""Finished networks and the faces to measure them on: one network, or the members of an ensemble."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.config import meant, schema
from fer.config.recipe import revise
from fer.data.labels import canonical, places
from fer.data.module import FaceData
from fer.data.sources import build_data
from fer.evaluation.measure import Member
from fer.models.checkpoint import Checkpoint, require_whole_recipe
from fer.training.build import build_trainer

PATHS = ("path", "votes", "split_file")  # keys of data that name files

# The Trainer's arguments that bear on measuring. The others are for training.
TRAINER = ("accelerator", "precision", "deterministic", "enable_progress_bar")


def assemble(checkpoints: Sequence[Checkpoint], overrides: Sequence[str]) -> list[Member]:
    """Each network with the first one's data and trainer, changed by `overrides`.

    Raises InputError for a key that comes from the checkpoint, and for classes that differ.
    """
    first = checkpoints[0]
    for override in overrides:
        _check_key(override, first.recipe)
    for checkpoint in checkpoints:
        require_whole_recipe(checkpoint)
        if {*map(canonical, checkpoint.classes)} != {*map(canonical, first.classes)}:
            raise InputError(
                f"{checkpoint.path}: classes {', '.join(checkpoint.classes)}, but those of "
                f"{first.path} are {', '.join(first.classes)}; an ensemble needs the same"
            )
    shared = {"data": data_from_here(first), "trainer": first.recipe["trainer"]}
    return [_member(checkpoint, shared, overrides) for checkpoint in checkpoints]


def _check_key(override: str, recipe: Mapping[str, Any]) -> None:
    key, _, value = override.partition("=")
    group, _, name = key.lstrip("+").partition(".")
    if group == "data" and name not in ("channels", "size"):
        return
    if group == "trainer" and name in ("", *TRAINER):
        return
    if typed := meant.measuring(key, value):
        raise InputError(f"{override}: no such key here; did you mean {typed}?")
    if group not in recipe:
        raise InputError(meant.unknown(key, key, value, recipe, recipe))
    known = ", ".join(f"trainer.{name}" for name in TRAINER)
    raise InputError(
        f"{key}: comes from the checkpoint; use data, data.KEY, trainer, {known}, tta or part"
    )


def data_from_here(found: Checkpoint) -> dict[str, Any]:
    """The data of a network's recipe. A relative path that is not here is that of the run's start."""
    data = dict(found.recipe["data"])
    run = RunFolder.of(found.path.resolve())
    starts = [*run.started_in(), *run.path.parents]
    for key in PATHS:
        if isinstance(path := data.get(key), str) and not Path(path).exists():
            there = [start / path for start in starts if (start / path).exists()]
            data[key] = str(there[0]) if there else path
    return data


def _member(checkpoint: Checkpoint, shared: dict[str, Any], overrides: Sequence[str]) -> Member:
    cfg = revise(checkpoint.recipe | shared, overrides)
    cfg.data.channels = list(checkpoint.channels)
    if "size" in cfg.data:
        cfg.data.size = checkpoint.size
    schema.check_nodes(cfg)
    data = build_data(cfg)
    _check_data(checkpoint, data)
    measuring_trainer(cfg)  # refuses a device that is not here
    return Member(checkpoint, cfg, data)


def _check_data(checkpoint: Checkpoint, data: FaceData) -> None:
    met = dict(zip(data.classes, places(data.classes, checkpoint.classes), strict=True))
    if others := [name for name, place in met.items() if place is None]:
        shared = [name for name, place in met.items() if place is not None]
        advice = f"; data.classes=[{','.join(shared)}] leaves others out" if len(shared) > 1 else ""
        if all(name.isdecimal() for name in others):
            advice = "; data.names=[...] names labels that are numbers"
        raise InputError(
            f"data: has {', '.join(others)} among its classes, and {checkpoint.path} knows only "
            f"{', '.join(checkpoint.classes)}{advice}"
        )
    if data.size != checkpoint.size:
        raise InputError(
            f"data: faces of {data.size} pixels, and {checkpoint.path} takes {checkpoint.size}"
        )


def measuring_trainer(cfg: DictConfig) -> L.Trainer:
    """A Trainer that measures every row on one device."""
    node = {name: cfg.trainer[name] for name in ("_target_", *TRAINER) if name in cfg.trainer}
    node |= {"devices": 1, "max_epochs": 1}
    return build_trainer(
        OmegaConf.create({"trainer": node}), logger=False, callbacks=[], enable_checkpointing=False
    )
