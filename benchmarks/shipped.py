"""Measure the shipped network on one core: python benchmarks/shipped.py [OUT.csv]

Ours is milliseconds per image in plain PyTorch, from pixels to probabilities, for one image and for batches
of 64. The peer is the tflite file of the package fer, one image at a time as its own code does it, resized
from the same 48x48 pixels. It needs `pip install --constraint constraints.txt ai-edge-litert==2.3.0`.
benchmarks/peers.py downloads the wheel and measures the accuracy of both.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import torch
from peers import FER

from fer.common.errors import InputError
from fer.models import checkpoint
from fer.models.classifier import restore

FACES = 512


def milliseconds(work: Callable[[], object], batch: int = 1) -> float:
    """Milliseconds per image, where `work` takes `batch` images."""
    with torch.inference_mode():
        started = time.perf_counter()
        for _ in range(FACES // batch):
            work()
    return 1000 * (time.perf_counter() - started) / (FACES // batch * batch)


def rows() -> Iterator[harness.Row]:
    try:
        module = restore(checkpoint.read(Path(checkpoint.SHIPPED)))
    except InputError as fault:
        print(f"benchmarks/shipped.py: skipped, {fault}")
        return
    if (peer := FER.open()) is None:
        return
    torch.set_num_threads(1)
    images = torch.randint(0, 256, (64, 1, module.size, module.size), dtype=torch.uint8)
    face = images[0, 0].numpy()
    for name, batch in (("one face", 1), ("per face in a batch of 64", 64)):
        yield harness.paired(
            f"the shipped network, {name}, one core", f"{FER.package}, its tflite file", unit="ms",
            ours=lambda batch=batch: milliseconds(lambda: module(images[:batch]), batch),
            theirs=lambda: milliseconds(lambda: peer(face)),
        )  # fmt: skip


if __name__ == "__main__":
    harness.write(rows())
