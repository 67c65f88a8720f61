"""Compare measuring 3,589 images with the bare forward pass: python benchmarks/evaluation.py [OUT.csv]

Ours is what a run does with its test part, with the search for duplicates. Bare is the network alone on
batches in memory.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator

import harness
import torch
from loop import composed, recipes
from repeated import Repeated

from fer.evaluation import measure
from fer.training import build, precision

TESTED = 3589  # PrivateTest


def rate(work) -> float:
    started = time.perf_counter()
    work()
    return TESTED / (time.perf_counter() - started)


def row(name: str, words: list[str], folder: str) -> harness.Row:
    cfg = composed(*words)
    batch = cfg.data.batch_size
    data = Repeated(count=10 * TESTED, tested=TESTED, batch_size=batch, folder=folder)
    classifier = build.build_classifier(cfg, data).eval()
    trainer = build.build_trainer(cfg, logger=False, callbacks=[], enable_checkpointing=False)
    planes = torch.rand(batch, 1, data.size, data.size)
    planes = planes.contiguous(memory_format=classifier.memory_format)
    half = precision.resolve("auto", "cpu").name == "bf16-mixed"

    def ours() -> None:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            measure.measure(trainer, classifier, data, "test", seen=())

    def bare() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            for start in range(0, TESTED, batch):
                classifier.network(planes[: TESTED - start])

    return harness.paired(
        f"measuring {TESTED:,} images, {name}", "bare forward", unit="img/s",
        ours=lambda: rate(ours), theirs=lambda: rate(bare), target=">= 0.95",
    )  # fmt: skip


def rows() -> Iterator[harness.Row]:
    with tempfile.TemporaryDirectory() as folder:
        for name, words in recipes().items():
            yield row(name, words, folder)


if __name__ == "__main__":
    harness.write(rows())
