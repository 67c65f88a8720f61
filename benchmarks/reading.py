"""Measure how long FER2013 takes from csv to tensors: python benchmarks/reading.py [OUT.csv]

The csv is $FER_DATA_DIR/fer2013.csv, not an archive. Each reading has a process of its own.
Ours, cold: the csv is hashed, parsed, checked and stored in an empty cache. Ours, warm: mapped from the cache.
Theirs is the lab's way (pandas, then np.array(row.split()) per row) and torchvision's FER2013 (csv.DictReader,
then a tensor from a list of int() per row). Both read the first rows, and their time is extrapolated to all.
"""

import csv
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import harness
import numpy as np
import torch

SAMPLE, ROWS = 3000, 35_887


def product(path: Path) -> int:
    """The number of images, read as a run reads them."""
    from fer.data.sources import FER2013

    return len(FER2013(path=str(path)).faces)


def lab(path: Path) -> int:
    """The number of images, read as the lab did, first rows only."""
    import pandas as pd

    table = pd.read_csv(path, nrows=SAMPLE)
    return len(np.stack([np.array(row.split()).astype(np.uint8) for row in table["pixels"]]))


def torchvisions(path: Path) -> int:
    """The number of images, read as torchvision's parser does, first rows only."""
    faces = []
    with open(path, newline="") as file:
        for row, _ in zip(csv.DictReader(file), range(SAMPLE), strict=False):
            pixels = torch.tensor(
                [int(value) for value in row["pixels"].split()], dtype=torch.uint8
            )
            faces.append((pixels.reshape(48, 48), int(row["emotion"])))
    return len(faces)


WAYS = {"product": product, "lab": lab, "torchvision": torchvisions}


def measure(way: str, path: Path) -> None:
    """Print seconds and peak memory (MB) of one reading. Its imports come before."""
    import pandas  # noqa: F401

    import fer.data.sources  # noqa: F401

    before = time.perf_counter()
    faces = WAYS[way](path)
    seconds = (time.perf_counter() - before) * ROWS / faces
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def rows() -> Iterator[harness.Row]:
    path = Path(os.environ.get("FER_DATA_DIR", "data")) / "fer2013.csv"
    if not path.is_file():
        print(f"benchmarks/reading.py: skipped, no {path}; set FER_DATA_DIR to its folder")
        return
    peaks = []
    with tempfile.TemporaryDirectory() as kept:

        def cold() -> float:
            with tempfile.TemporaryDirectory() as cache:
                found = harness.child(__file__, "--child", "product", path, FER_CACHE_DIR=cache)
            peaks.append(found["peak"])
            return found["seconds"]

        def warm() -> float:
            found = harness.child(__file__, "--child", "product", path, FER_CACHE_DIR=kept)
            return found["seconds"]

        def way(name: str) -> float:
            return harness.child(__file__, "--child", name, path)["seconds"]

        for name, against in (
            ("lab", "pandas, split per row"),
            ("torchvision", "torchvision's parser"),
        ):
            yield harness.paired(
                "csv to tensors, cold",
                against,
                unit="s",
                ours=cold,
                theirs=lambda name=name: way(name),
                target="<= 0.083" if name == "lab" else "",
            )
        yield harness.paired(
            "csv to tensors, warm", "0.2 s", unit="s", ours=warm, theirs=lambda: 0.2, target="<= 1"
        )
        yield harness.paired(
            "csv to tensors, cold, peak memory", "1 GB", unit="MB",
            ours=lambda: max(peaks), theirs=lambda: 1000.0, target="<= 1", rounds=1,
        )  # fmt: skip


if __name__ == "__main__":
    if "--child" in sys.argv:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        harness.write(rows())
