"""Compare our training with the usual stack at small networks: python benchmarks/usual.py [OUT.csv]

The usual stack is Lightning with a dataset that opens each image with PIL and transforms it alone, as
torchvision's transforms do: flip, affine, brightness and contrast, tensor, normalise, erase. It has two worker
processes. Network, optimizer and precision are the same. Ours has augment=light.
"""

import contextlib
import io
import random
from collections.abc import Iterator

import harness
import lightning as L
import numpy as np
import torch
from loop import SKIPPED, STEPS, Clock, composed, ours
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import MulticlassAccuracy

from fer.data import sources
from fer.training import build, precision

WORKERS = 2
SMALL = ("model.channels=[16,32,64]", "model.repeats=[1,1,1]")


class Photos(Dataset):
    """One image at a time, from PIL through transforms per image."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[place])
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        side = image.width
        image = image.rotate(random.uniform(-12, 12), Image.Resampling.BILINEAR)
        zoom = random.uniform(0.9, 1.1)
        across, down = (random.uniform(-0.08, 0.08) * side for _ in range(2))
        matrix = (zoom, 0, across, 0, zoom, down)
        image = image.transform(
            (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        image = ImageEnhance.Brightness(image).enhance(random.uniform(0.85, 1.15))
        image = ImageEnhance.Contrast(image).enhance(random.uniform(0.8, 1.2))
        tensor = torch.from_numpy(np.array(image))[None].float() / 255
        tensor = (tensor - 0.5) / 0.25
        if random.random() < 0.25:
            top, left = random.randrange(side // 2), random.randrange(side // 2)
            tensor[:, top : top + side // 3, left : left + side // 3] = random.random()
        return tensor, int(self.labels[place])


class Usual(L.LightningModule):
    def __init__(self, network: torch.nn.Module, classes: int, lr: float) -> None:
        super().__init__()
        self.network, self.lr = network, lr
        self.accuracy = MulticlassAccuracy(classes, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        images, labels = batch
        logits = self.network(images)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        self.accuracy(logits, labels)
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/acc", self.accuracy, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


class PairClock(Clock):
    """The clock for batches that are pairs of images and labels."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index) -> None:
        named = {"labels": batch[1]}
        super().on_train_batch_end(trainer, module, outputs, named, batch_index)


def usual(cfg) -> float:
    """Images per second of the usual stack."""
    data = sources.build_data(cfg)
    faces, train = data.faces, data.parts.train
    loader = DataLoader(
        Photos(faces.images[train], faces.labels[train]),
        batch_size=cfg.data.batch_size,
        shuffle=True,
        num_workers=WORKERS,
        drop_last=True,
    )
    module = Usual(build.build_classifier(cfg, data).network, len(data.classes), cfg.optim.lr)
    clock = PairClock(SKIPPED, STEPS)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        trainer = L.Trainer(
            accelerator="cpu",
            precision=precision.resolve("auto", "cpu").name,
            max_epochs=1,
            limit_train_batches=STEPS,
            callbacks=[clock],
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader)
    return clock.rate


def rows() -> Iterator[harness.Row]:
    for name, words in {"a small r1": SMALL, "default r1": ()}.items():
        cfg = composed(*words)
        yield harness.paired(
            f"training loop, {name}",
            f"Lightning, PIL, transforms per image, {WORKERS} workers",
            unit="img/s",
            ours=lambda cfg=cfg: ours(cfg),
            theirs=lambda cfg=cfg: usual(cfg),
            target=">= 2" if words else "",
        )


if __name__ == "__main__":
    harness.write(rows())
