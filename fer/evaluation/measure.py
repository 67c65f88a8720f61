"""Measure networks on a part of a dataset."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import lightning as L
import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from fer.data.batches import Batch
from fer.data.exposure import Seen, elsewhere, identical
from fer.data.faces import as_classes
from fer.data.module import FaceData
from fer.data.splits.split import Split
from fer.evaluation.metrics import Predictions
from fer.evaluation.results import Measured
from fer.evaluation.tta import VIEWS, Tta
from fer.models.checkpoint import Checkpoint
from fer.models.classifier import Classifier

# Parts that can be measured, and the name of their numbers: `all` is the whole dataset as a test part.
Part = Literal["test", "val", "all"]
NAMES: dict[Part, str] = {"test": "test", "val": "val", "all": "test"}


@dataclass(frozen=True, eq=False)
class Member:
    """A network and the faces to measure it on, which `read_faces` reads."""

    checkpoint: Checkpoint
    cfg: DictConfig
    data: FaceData


def read_faces(member: Member, part: Part) -> None:
    """Read the faces, labelled by the network's classes. With `all` they are one test part."""
    data, none = member.data, np.empty(0, np.int64)
    whole = Split("all", None, none, none, np.arange(len(data.faces)))
    data.parts = whole if part == "all" else data.parts  # cut by the set's own labels
    data.faces = as_classes(data.faces, member.checkpoint.classes)
    data.classes = member.checkpoint.classes


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the SystemExit that Lightning raises at Ctrl-C and SIGTERM into KeyboardInterrupt."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None


class Measuring(L.LightningModule):
    """Gathers a Classifier's probabilities over all processes, each the mean over some views.

    gathered: rows [N], labels [N] and probabilities [N, classes] of the last test, sorted by row.
    """

    gathered: tuple[Tensor, Tensor, Tensor]

    def __init__(self, classifier: Classifier, *, tta: Tta) -> None:
        super().__init__()
        self.classifier, self.views = classifier, VIEWS[tta]
        self.predictions = Predictions()

    def test_step(self, batch: Batch, batch_index: int) -> None:
        views = [self.classifier(view(batch["images"])) for view in self.views]
        self.predictions.update(batch["rows"], batch["labels"], torch.stack(views).mean(0))

    def on_test_epoch_end(self) -> None:
        # Now, while all processes have them on their devices. Afterwards Lightning takes the module
        # to the CPU, and NCCL gathers from GPUs alone.
        self.gathered = self.predictions.compute()


def measure(
    trainer: L.Trainer,
    classifier: Classifier,
    data: FaceData,
    part: str,
    *,
    seen: Sequence[Seen],
    tta: Tta = "none",
) -> Measured:
    """The predictions of a part, over all processes.

    part: `val`, `test`, or `train`, which is an even sample of the training rows.
    seen: the faces that the classifier was trained and validated on.
    """
    module = Measuring(classifier, tta=tta)
    loaders = {
        "train": data.train_sample_dataloader,
        "val": data.val_dataloader,
        "test": data.test_dataloader,
    }
    with interruptible():
        trainer.test(module, dataloaders=loaders[part](), verbose=False)
    rows, _, probabilities = (tensor.cpu() for tensor in module.gathered)
    faces = data.relabelled
    positions = np.searchsorted(faces.rows, rows.numpy())
    met, strange = (
        torch.from_numpy(which(faces, positions, seen, part)) for which in (identical, elsewhere)
    )
    return Measured(part, faces, positions, probabilities, clean=~met, elsewhere=strange)
