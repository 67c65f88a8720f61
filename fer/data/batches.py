"""Batches of a dataset in memory, split between the processes of a run."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fer.data.faces import Faces

Batch = dict[str, Tensor]


class FaceDataset(Dataset[Batch]):
    """A dataset indexed by arrays of positions, which gives batches.

    A batch has images uint8 [B, 1, H, W], labels int64 [B] and rows int64 [B]. With soft labels, it
    has targets float32 [B, classes] too.
    """

    def __init__(self, faces: Faces) -> None:
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, positions: np.ndarray) -> Batch:
        arrays = {
            "images": self.faces.images[positions][:, None],
            "labels": self.faces.labels[positions],
            "rows": self.faces.rows[positions],
        }
        if self.faces.targets is not None:
            arrays["targets"] = self.faces.targets[positions]
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


class Batches(Sampler[np.ndarray]):
    """Positions of each batch of this process.

    For training, the order depends on seed and epoch only, so a resumed run repeats it. Each batch
    is split between the processes, and an incomplete last batch is left out. For evaluation
    (shuffle=False), all processes together take every position exactly once. Lightning calls
    `set_epoch`.

    positions: int64 [n], positions in the dataset
    batch_size: images per batch over all processes
    shuffle: whether to shuffle, for training
    labels: int64 [n], labels of `positions`, to draw each class equally often; None: each image once
    seed: random seed of the order
    rank, world: index of this process, number of processes
    """

    def __init__(
        self,
        positions: np.ndarray,
        *,
        batch_size: int,
        shuffle: bool,
        labels: np.ndarray | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.positions = positions
        self.share = batch_size // world
        self.shuffle, self.labels = shuffle, labels
        self.seed, self.rank, self.world = seed, rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def _mine(self) -> np.ndarray:
        if not self.shuffle:
            return self.positions[self.rank :: self.world]
        order = self._order()
        batch = self.share * self.world
        return order[: len(order) // batch * batch][self.rank :: self.world]

    def _order(self) -> np.ndarray:
        """The shuffled positions of an epoch; with labels, each class's positions repeat as needed."""
        generator = np.random.default_rng((self.seed, self.epoch))
        if self.labels is None:
            return generator.permutation(self.positions)
        by_class = [self.positions[self.labels == label] for label in np.unique(self.labels)]
        each = -(-len(self.positions) // len(by_class))
        drawn = [np.resize(generator.permutation(positions), each) for positions in by_class]
        return generator.permutation(np.concatenate(drawn))[: len(self.positions)]

    def __iter__(self) -> Iterator[np.ndarray]:
        mine = self._mine()
        for start in range(0, len(mine), self.share):
            yield mine[start : start + self.share]

    def __len__(self) -> int:
        if self.shuffle:
            return len(self.positions) // (self.share * self.world)
        mine = len(range(self.rank, len(self.positions), self.world))
        return -(-mine // self.share)
