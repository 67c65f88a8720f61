"""How long FER2013 takes to read: python benchmarks/reading.py path/to/fer2013.csv

Prints the medians of several runs, each in a process of its own: cold (the csv is hashed, parsed,
checked and stored in an empty cache), warm (mapped from the cache), and the lab's way, pandas and
np.array(row.split()) a row, timed on 3,000 rows and extrapolated. The csv must be a plain one.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SAMPLE = 3000


def product(path: Path) -> int:
    """The number of faces, read as a run reads them."""
    from fer.data.sources import FER2013

    return len(FER2013(path=str(path)).faces)


def lab(path: Path) -> int:
    """The same for the first rows, read as the lab did."""
    import pandas as pd

    table = pd.read_csv(path, nrows=SAMPLE)
    return len(np.stack([np.array(row.split()).astype(np.uint8) for row in table["pixels"]]))


def child(way: str, path: Path) -> None:
    """Measures one reading and prints it; what is imported is imported before."""
    read = {"product": product, "lab": lab}[way]
    import pandas  # noqa: F401

    import fer.data.sources  # noqa: F401

    before = time.perf_counter()
    faces = read(path)
    seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "faces": faces, "peak": peak}))


def measure(way: str, path: Path, cache: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(path), "--child", way]
    environment = os.environ | {"FER_CACHE_DIR": cache}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", choices=["product", "lab"], help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.child:
        child(words.child, words.path)
        return
    found: dict[str, list[dict[str, float]]] = {"cold": [], "warm": [], "lab": []}
    for _ in range(words.runs):
        with tempfile.TemporaryDirectory() as cache:
            found["cold"].append(measure("product", words.path, cache))
            found["warm"].append(measure("product", words.path, cache))
            found["lab"].append(measure("lab", words.path, cache))
    faces = found["cold"][0]["faces"]
    seconds = {
        way: statistics.median(run["seconds"] for run in runs) for way, runs in found.items()
    }
    seconds["lab"] *= faces / found["lab"][0]["faces"]
    peak = {way: max(run["peak"] for run in runs) for way, runs in found.items()}
    print(
        f"{words.path}: {faces:,} faces; {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, numpy {np.__version__}; medians of {words.runs} runs"
    )
    print(f"cold              {seconds['cold']:8.2f} s   peak {peak['cold']:5.0f} MB")
    print(f"warm              {seconds['warm']:8.2f} s   peak {peak['warm']:5.0f} MB")
    print(f"the lab's way     {seconds['lab']:8.2f} s   extrapolated from {SAMPLE:,} rows")
    print(f"cold is {seconds['lab'] / seconds['cold']:.0f} times as fast as the lab's way")


if __name__ == "__main__":
    main()
