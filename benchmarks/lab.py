"""Compare the lab's networks at full size in our loop and in its own: python benchmarks/lab.py [OUT.csv]

The lab is the university laboratory from whose networks R1 and R2 this project grew.
Its loop is plain PyTorch in fp32 and NCHW, with batches of 32 from a TensorDataset and a DataLoader.
Ours has the lab's recipe, in bf16 and channels_last where the processor has it. An image has three planes.
Three steps after the first are timed, because one takes seconds.

The second row takes the speed of the lab's loop for the 35 epochs of 25,120 images that its 60.9 % took.
Ours is the committed run of cpu_fast, until it has that accuracy on validation.
"""

import csv
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import harness
import torch
from limit import gflops, product
from loop import composed, ours
from torch.utils.data import DataLoader, TensorDataset

from fer.data import sources
from fer.training import build

EXPERIMENTS = ("lab_r1", "lab_r2")
SKIPPED, STEPS = 1, 4
REPORTED, EPOCHS, FACES = 0.609, 35, 25_120  # of the lab's R1
RUN = Path(__file__).parent.parent / "results/cpu_fast/metrics.csv"


def recipe(name: str):
    return composed(
        f"experiment={name}", "data.split=official", "data.channels=[original,sobel,contrast]"
    )


def labs(cfg) -> float:
    """Images per second of the lab's loop with the same network."""
    data, batch = sources.build_data(cfg), cfg.data.batch_size
    network = build.build_classifier(cfg, data).network.train()
    optimizer = torch.optim.Adam(
        network.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.weight_decay
    )
    shape = (STEPS * batch, len(data.channels), data.size, data.size)
    faces = TensorDataset(torch.rand(shape), torch.randint(len(data.classes), shape[:1]))
    for step, (planes, labels) in enumerate(DataLoader(faces, batch_size=batch, shuffle=True)):
        if step == SKIPPED:
            started = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(network(planes), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (STEPS - SKIPPED) * batch / (time.perf_counter() - started)


def seconds_to(accuracy: float) -> float:
    """Seconds of the committed run until validation first reaches `accuracy`."""
    with open(RUN) as file:
        epochs = list(csv.DictReader(file))
    times = itertools.accumulate(float(epoch["seconds"]) for epoch in epochs)
    reached = (float(epoch["val/acc"]) >= accuracy for epoch in epochs)
    return next(seconds for seconds, there in zip(times, reached, strict=True) if there)


def rows() -> Iterator[harness.Row]:
    steps = {"skipped": SKIPPED, "steps": STEPS}
    for name in EXPERIMENTS:
        cfg = recipe(name)
        row = harness.paired(
            f"training, {name} at full size",
            "the lab's loop",
            unit="img/s",
            ours=lambda cfg=cfg: ours(cfg, **steps),
            theirs=lambda cfg=cfg: labs(cfg),
            target=">= 2",
        )
        yield row
        if name == "lab_r1":
            whole = EPOCHS * FACES / float(row["theirs"])
            yield harness.paired(
                f"cpu_fast to {100 * REPORTED:.1f} % on seed 78",
                "the lab's R1, at its img/s for 35 epochs",
                unit="s",
                ours=lambda: seconds_to(REPORTED),
                theirs=lambda whole=whole: whole,
                target="<= 0.0005",
                rounds=1,
            )
        yield harness.paired(
            f"bare step, {name}",
            "matrix product",
            unit="GFLOP/s",
            ours=lambda cfg=cfg: gflops(cfg, **steps),
            theirs=product,
        )


if __name__ == "__main__":
    harness.write(rows())
