"""Compare the bare step with the processor's limit: python benchmarks/limit.py [OUT.csv]

Ours is GFLOP/s of the bare step. It counts three times the forward pass, because the backward pass costs
two. The limit is GFLOP/s of a square matrix product in the same precision on the same machine.
"""

import time
from collections.abc import Iterator

import harness
import torch
from loop import bare, composed, recipes

from fer.data import sources
from fer.models.cost import count_gflop
from fer.training import build, precision

SIDE, PRODUCTS = 4096, 4  # 137 GFLOP each: larger than every cache, a second or less


def product() -> float:
    """GFLOP/s of matrix products."""
    half = precision.resolve("auto", "cpu").name == "bf16-mixed"
    one = torch.randn(SIDE, SIDE).to(torch.bfloat16 if half else torch.float32)
    one @ one
    started = time.perf_counter()
    for _ in range(PRODUCTS):
        one @ one
    return PRODUCTS * 2 * SIDE**3 / (time.perf_counter() - started) / 1e9


def gflops(cfg, **steps: int) -> float:
    """GFLOP/s of the bare step."""
    data = sources.build_data(cfg)
    network = build.build_classifier(cfg, data).network
    forward = count_gflop(network, in_channels=len(data.channels), size=data.size)
    return 3 * forward * bare(cfg, **steps)


def rows() -> Iterator[harness.Row]:
    for name, words in recipes().items():
        cfg = composed(*words)
        yield harness.paired(
            f"bare step, {name}",
            "matrix product",
            unit="GFLOP/s",
            ours=lambda cfg=cfg: gflops(cfg),
            theirs=product,
        )


if __name__ == "__main__":
    harness.write(rows())
