"""The LightningDataModule: a set of faces, split, served in whole batches."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, get_args

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fer.common.errors import InputError
from fer.data.batches import Batch, Batches, FaceDataset
from fer.data.faces import Faces
from fer.data.labels import EMOTIONS
from fer.data.readers.pixels import SIDE
from fer.data.splits import make
from fer.data.splits.options import Conflicts, Plan, Twins
from fer.data.splits.split import Kind, Split, relabelled

Sampler = Literal["shuffle", "balanced"]

# Faces that the planes' mean and deviation are measured on: 4.7 million pixels, whose mean is
# within a thousandth of that of all of FER2013's Training.
STATISTICS_SAMPLE = 2048


@dataclass(kw_only=True, eq=False)
class FaceData(L.LightningDataModule):
    """A set of faces in three parts. What reads them is each source's `read` (fer.data.sources).

    split ... conflicts: how the parts are chosen (fer.data.splits.options); channels: names of planes;
    batch_size: images a step, all processes together; sampler: what an epoch of training draws,
    every face once or each class equally often; order_seed: of the training order.
    """

    split: Kind = "official"
    seed: int = 0
    split_file: str | None = None
    val_share: float = 0.1
    folds: int = 5
    fold: int = 0
    twins: Twins = "keep"
    near_twins: int | None = None
    conflicts: Conflicts = "keep"
    channels: Sequence[str] = ("original",)
    batch_size: int = 128
    sampler: Sampler = "shuffle"
    order_seed: int = 0

    # What a network must know before the faces are read.
    classes = EMOTIONS
    size = SIDE

    def __post_init__(self) -> None:
        super().__init__()
        options = [field.name for field in fields(Plan)]
        self.plan = Plan(**{name: getattr(self, name) for name in options})
        if self.sampler not in get_args(Sampler):
            raise ValueError(f"sampler: {self.sampler!r}, expected shuffle or balanced")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}, expected 1 or more")

    def check_shared(self, processes: int) -> None:
        """Raises InputError where a batch cannot be dealt to so many processes."""
        if self.batch_size % processes:
            raise InputError(
                f"data.batch_size: {self.batch_size} images cannot be shared by {processes} processes; "
                "choose a multiple"
            )

    def read(self) -> Faces:
        """The faces themselves."""
        raise NotImplementedError

    @cached_property
    def faces(self) -> Faces:
        """The faces, read when first asked for."""
        return self.read()

    @cached_property
    def parts(self) -> Split:
        """The split, made when first asked for. Raises InputError where a part cannot be had."""
        return make.make(self.faces, self.plan)

    @cached_property
    def taught(self) -> Faces:
        """The faces with the labels that the split teaches (data.conflicts=majority changes some)."""
        return relabelled(self.faces, self.parts)

    def statistics_sample(self) -> Tensor:
        """Training faces, evenly spaced, to measure the planes on: uint8 [n, 1, H, W]."""
        train = self.parts.train
        chosen = train[:: max(1, len(train) // STATISTICS_SAMPLE)]
        return torch.from_numpy(self.faces.images[chosen]).unsqueeze(1)

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self.parts.train, shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self.parts.val)

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader(self.parts.test)

    def train_sample_dataloader(self) -> DataLoader[Batch]:
        """As many training faces as the test part has, evenly spaced, to measure the gap between both."""
        train, most = self.parts.train, len(self.parts.test)
        chosen = np.linspace(0, len(train) - 1, min(most, len(train))).astype(int)
        return self._loader(train[chosen])

    def _loader(self, positions: np.ndarray, *, shuffle: bool = False) -> DataLoader[Batch]:
        trainer = self.trainer
        world = trainer.world_size if trainer is not None else 1
        balanced = shuffle and self.sampler == "balanced"
        batches = Batches(
            positions,
            batch_size=self.batch_size,
            shuffle=shuffle,
            labels=self.taught.labels[positions] if balanced else None,
            seed=self.order_seed,
            rank=trainer.global_rank if trainer is not None else 0,
            world=world,
        )
        return DataLoader(
            FaceDataset(self.taught),
            sampler=batches,
            batch_size=None,
            pin_memory=torch.cuda.is_available(),
        )
