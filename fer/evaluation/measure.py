"""Networks measured on a part of a set of faces."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import lightning as L
import numpy as np
import torch
from omegaconf import DictConfig

from fer.data.exposure import elsewhere, identical
from fer.data.faces import as_classes
from fer.data.module import FaceData
from fer.data.splits.split import Split
from fer.evaluation.results import Measured
from fer.models.checkpoint import Checkpoint

# What is measured, and the name of its numbers: `all` takes the whole set as the test part.
Part = Literal["test", "val", "all"]
NAMES: dict[Part, str] = {"test": "test", "val": "val", "all": "test"}


@dataclass(frozen=True, eq=False)
class Member:
    """A network and the faces it is to be measured on, not yet read."""

    checkpoint: Checkpoint
    cfg: DictConfig
    data: FaceData


def read_faces(member: Member, part: Part) -> None:
    """Reads the faces, labelled by the network's classes; the whole set is one part for `all`."""
    data, none = member.data, np.empty(0, np.int64)
    whole = Split("all", None, none, none, np.arange(len(data.faces)))
    data.parts = whole if part == "all" else data.parts  # cut by the set's own labels
    data.faces = as_classes(data.faces, member.checkpoint.classes)
    data.classes = member.checkpoint.classes


@contextmanager
def interruptible() -> Iterator[None]:
    """Makes one KeyboardInterrupt of the ways in which Lightning leaves at Ctrl-C and SIGTERM."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None


def measure(trainer: L.Trainer, module: L.LightningModule, data: FaceData, part: str) -> Measured:
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
