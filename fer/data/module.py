"""The LightningDataModule that the sources inherit: a split dataset, served in batches."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import Annotated, Literal

import lightning as L
import numpy as np
import torch
from annotated_types import Ge, MinLen
from torch import Tensor
from torch.utils.data import DataLoader

from fer.common.errors import InputError
from fer.data.batches import Batch, Batches, FaceDataset
from fer.data.faces import Faces, only_classes
from fer.data.labels import EMOTIONS, chosen
from fer.data.readers.pixels import SIDE
from fer.data.splits.make import make
from fer.data.splits.options import SplitOptions
from fer.data.splits.split import Split, apply_labels

Sampler = Literal["shuffle", "balanced"]

# Training images behind the planes' mean and standard deviation: 4.7 million pixels, whose mean is
# within a thousandth of the mean over all of FER2013's Training.
STATISTICS_SAMPLE = 2048

# What to do without a part.
WITHOUT = {
    "train": "data.split=random trains on 70 % of all images",
    "val": "data.split=holdout takes it from train",
    "test": "choose another part, or part=all",
}


@dataclass(kw_only=True, eq=False)
class FaceData(SplitOptions, L.LightningDataModule):
    """Base of the data modules: a dataset split into train, val and test, served in batches.

    Each source (fer.data.sources) adds its parameters and implements `read`.

    classes: names of the classes that are kept, others are left out; None: all
    channels: names of the planes that the network gets (fer.data.planes)
    batch_size: images per step, over all processes
    sampler: shuffle trains with each image once per epoch, balanced with each class equally often
    order_seed: random seed of the training order
    """

    classes: InitVar[Sequence[str] | None] = None
    channels: Annotated[Sequence[str], MinLen(1)] = ("original",)
    batch_size: Annotated[int, Ge(1)] = 128
    sampler: Sampler = "shuffle"
    order_seed: int = 0

    # Known before the images are read: the classes of the source, and the side in pixels.
    source_classes = EMOTIONS
    size = SIDE

    def __post_init__(self, classes: Sequence[str] | None) -> None:
        L.LightningDataModule.__init__(self)
        super().__post_init__()
        known, self.chooses = self.source_classes, classes is not None
        self.classes = known if classes is None else chosen(known, classes)

    def check_shared(self, processes: int, *, teachers: int = 0) -> None:
        """Raise InputError if a batch cannot be split between the processes, and there between teachers."""
        if self.batch_size % processes:
            raise InputError(
                f"data.batch_size: {self.batch_size}, expected a multiple of {processes} processes"
            )
        if (share := self.batch_size // processes) < teachers:
            raise InputError(
                f"teacher: {teachers} for the {share} images of a process's batch; expected one for "
                "each at most"
            )

    def read(self) -> Faces:
        """The dataset. Raises InputError for what cannot be read."""
        raise NotImplementedError

    @cached_property
    def faces(self) -> Faces:
        """The chosen classes of the dataset with the source's labels, read on first access."""
        faces = self.read()
        return only_classes(faces, self.classes) if self.chooses else faces

    @cached_property
    def parts(self) -> Split:
        """The split, made on first access. Parts that the source lacks are empty."""
        return make(self.faces, self)

    def require(self, *names: str) -> None:
        """Raise InputError if one of these parts has no images."""
        for name in names:
            if len(self.parts.part(name)) == 0:
                raise InputError(
                    f"{self.faces.source}: no {name} rows in split {self.parts.kind}; {WITHOUT[name]}"
                )

    @cached_property
    def relabelled(self) -> Faces:
        """The dataset with the split's training labels (data.conflicts=majority changes some)."""
        return apply_labels(self.faces, self.parts)

    def statistics_sample(self) -> Tensor:
        """Evenly spaced training images for the planes' statistics: uint8 [n, 1, H, W]."""
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
        """Evenly spaced training images, as many as in test, else val: train accuracy minus test accuracy is the gap."""
        train, most = self.parts.train, len(self.parts.test) or len(self.parts.val)
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
            labels=self.relabelled.labels[positions] if balanced else None,
            seed=self.order_seed,
            rank=trainer.global_rank if trainer is not None else 0,
            world=world,
        )
        return DataLoader(
            FaceDataset(self.relabelled),
            sampler=batches,
            batch_size=None,
            pin_memory=torch.cuda.is_available(),
        )
