"""The LightningDataModules: a set of faces, split, served in whole batches."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fer.data import drawn, splits
from fer.data.batches import Batch, Batches, FaceDataset
from fer.data.cache import cache_folder, cached
from fer.data.csvfile import SIDE, read_csv
from fer.data.faces import Faces
from fer.errors import InputError
from fer.labels import EMOTIONS

Sampler = Literal["shuffle", "balanced"]

CSV_READER = "csv1"  # the number rises when `read_csv` gives something else for the same file

# Faces that the planes' mean and deviation are measured on: 4.7 million pixels, whose mean is
# within a thousandth of that of all of FER2013's Training.
STATISTICS_SAMPLE = 2048


@dataclass(kw_only=True, eq=False)
class FaceData(L.LightningDataModule):
    """A set of faces in three parts. What reads them is each subclass's `read`.

    split, seed, split_file: how the parts are chosen (fer.data.splits); channels: names of planes;
    batch_size: images a step, all processes together; sampler: what an epoch of training draws,
    every face once or each class equally often; order_seed: of the training order.
    """

    split: splits.Kind = "official"
    seed: int = 0
    split_file: str | None = None
    channels: Sequence[str] = ("original",)
    batch_size: int = 128
    sampler: Sampler = "shuffle"
    order_seed: int = 0

    # What a network must know before the faces are read.
    classes = EMOTIONS
    size = SIDE

    def __post_init__(self) -> None:
        super().__init__()
        if self.split not in get_args(splits.Kind):
            known = ", ".join(get_args(splits.Kind))
            raise ValueError(f"split: {self.split!r}, expected one of {known}")
        if (self.split == "file") != (self.split_file is not None):
            raise ValueError("split_file: belongs to data.split=file, and that wants it")
        if self.split_file is not None and not Path(self.split_file).is_file():
            raise ValueError(f"split_file: no file {self.split_file}")
        if self.sampler not in get_args(Sampler):
            raise ValueError(f"sampler: {self.sampler!r}, expected shuffle or balanced")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}, expected 1 or more")

    def read(self) -> Faces:
        """The faces themselves."""
        raise NotImplementedError

    @cached_property
    def faces(self) -> Faces:
        """The faces, read when first asked for."""
        return self.read()

    @cached_property
    def parts(self) -> splits.Split:
        """The split, made when first asked for. Raises InputError where a part cannot be had."""
        match self.split:
            case "official":
                parts = splits.official(self.faces)
            case "random":
                parts = splits.random(self.faces, seed=self.seed)
            case "file":
                parts = splits.from_file(self.faces, Path(str(self.split_file)))
        if len(parts.train) < self.batch_size:
            raise InputError(
                f"data.batch_size: {self.batch_size}, but only {len(parts.train)} training images; "
                "make it smaller"
            )
        return parts

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
        if self.batch_size % world:
            raise InputError(
                f"data.batch_size: {self.batch_size} images cannot be shared by {world} processes; "
                "choose a multiple"
            )
        balanced = shuffle and self.sampler == "balanced"
        batches = Batches(
            positions,
            batch_size=self.batch_size,
            shuffle=shuffle,
            labels=self.faces.labels[positions] if balanced else None,
            seed=self.order_seed,
            rank=trainer.global_rank if trainer is not None else 0,
            world=world,
        )
        return DataLoader(
            FaceDataset(self.faces),
            sampler=batches,
            batch_size=None,
            pin_memory=torch.cuda.is_available(),
        )


@dataclass(kw_only=True, eq=False)
class FER2013(FaceData):
    """FER2013 from its csv at `path`; without one, fer2013.csv in $FER_DATA_DIR, else in ./data."""

    path: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        folder = Path(os.environ.get("FER_DATA_DIR") or "data")
        self.file = Path(self.path) if self.path is not None else folder / "fer2013.csv"
        if not self.file.is_file():
            raise ValueError(
                f"path: no file {self.file.absolute()}; get fer2013.csv from Kaggle's 'Challenges in "
                "Representation Learning: Facial Expression Recognition Challenge' and name it with "
                "data.path=FILE or its folder with FER_DATA_DIR; data=drawn runs without it"
            )

    def read(self) -> Faces:
        return cached(self.file, read_csv, reader=CSV_READER)


@dataclass(kw_only=True, eq=False)
class Drawn(FaceData):
    """`count` drawn faces, written once as a csv in FER2013's form and read like any other."""

    count: int = 6000
    draw_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < 500:
            raise ValueError(
                f"count: {self.count}, expected 500 or more: every part needs each class"
            )
        if self.draw_seed < 0:
            raise ValueError(f"draw_seed: {self.draw_seed}, expected 0 or more")

    def read(self) -> Faces:
        # Named after the code that draws, so that a changed drawing never meets an old file.
        sources = sorted(Path(drawn.__file__).parent.glob("*.py"))
        code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
        file = cache_folder() / f"drawn-{self.count}-{self.draw_seed}-{code[:12]}.csv"
        if not file.exists():
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as fault:
                raise InputError(
                    f"{file.parent}: {fault.strerror}; set FER_CACHE_DIR to move it"
                ) from None
            drawn.write_csv(file, count=self.count, seed=self.draw_seed)
        return cached(file, read_csv, reader=CSV_READER)
