"""Whole batches out of memory, dealt exactly to every process of a run."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fer.data.faces import Faces

Batch = dict[str, Tensor]


class FaceDataset(Dataset[Batch]):
    """Batches of faces: a list of positions gives images uint8 [B, 1, H, W], labels [B], rows [B].

    Where the faces have soft labels, targets float32 [B, classes] too.
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
    """Positions a batch, for this process of `world`.

    labels: of `positions`, where training shall draw each class equally often, else None.
    Training: the order follows from (seed, epoch) alone, so that a resumed run goes on as if it had
    not stopped; each global batch of `batch_size` is dealt out rank by rank, and what does not fill
    a last one is left out. Evaluation (`shuffle=False`): every position exactly once over all ranks.
    Lightning calls `set_epoch`.
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
        whole = self.share * self.world
        return order[: len(order) // whole * whole][self.rank :: self.world]

    def _order(self) -> np.ndarray:
        """All positions shuffled; with labels as many, each class's own again and again."""
        generator = np.random.default_rng((self.seed, self.epoch))
        if self.labels is None:
            return generator.permutation(self.positions)
        own = [self.positions[self.labels == label] for label in np.unique(self.labels)]
        each = -(-len(self.positions) // len(own))
        drawn = [np.resize(generator.permutation(positions), each) for positions in own]
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
