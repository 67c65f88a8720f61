"""Compare two processes on half the cores each with one on all: python benchmarks/processes.py [OUT.csv]

Each run trains two epochs on drawn faces. `images_per_second` of its summary.json counts the first steps too.
On one machine's cores, the difference is the cost of exchanging gradients.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import harness

ROOT = Path(__file__).parent.parent


def rate(processes: int) -> float:
    """Images per second of a run, summed over its processes."""
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    words = ["data=drawn", "trainer.max_epochs=2", "test=false", f"trainer.devices={processes}"]
    words += ["trainer=ddp", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
    words += [] if processes > 1 else ["trainer.strategy=auto"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *words, f"hydra.run.dir={folder}/run"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        )
        return json.loads((Path(folder) / "run/summary.json").read_text())["images_per_second"]


def rows() -> Iterator[harness.Row]:
    yield harness.paired(
        "training, default r1, two processes", "one process", unit="img/s",
        ours=lambda: rate(2), theirs=lambda: rate(1), target=">= 0.9",
    )  # fmt: skip


if __name__ == "__main__":
    harness.write(rows())
