"""Compare the peak memory of a training run with what it needs: python benchmarks/memory.py [OUT.csv]

Ours is the process of a run on FER2013's csv with a warm cache, or on drawn faces without FER_DATA_DIR.
It trains a short epoch, validates and tests whole parts and writes every file. The need is the process of
the same network's bare steps, with imports, plus the images as uint8.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import harness
from loop import bare, composed

ROOT = Path(__file__).parent.parent
MB = 1 / 1024  # Linux counts in kB
STEPS = 20
IMAGES = {"fer2013": 35_887, "drawn": 6000}


def run(data: str) -> float:
    """Peak MB of a training run."""
    with tempfile.TemporaryDirectory() as folder:
        words = [f"data={data}", "trainer.max_epochs=1", f"+trainer.limit_train_batches={STEPS}"]
        command = [str(ROOT / "train.py"), *words, "trainer=cpu", f"hydra.run.dir={folder}/run"]
        return harness.child(__file__, "--child", *command)["peak"]


def peak_of(command: list[str]) -> None:
    """Print the peak memory of a child process in MB."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MB
    print(json.dumps({"peak": peak}))


def steps() -> None:
    """Print the peak memory of the bare steps in MB."""
    bare(composed(), steps=STEPS)
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MB}))


def rows() -> Iterator[harness.Row]:
    known = (Path(os.environ.get("FER_DATA_DIR", "data")) / "fer2013.csv").is_file()
    data = "fer2013" if known else "drawn"
    images = IMAGES[data] * 48 * 48 / 2**20
    yield harness.paired(
        f"peak memory of a run, default r1, {data}",
        "the process of the bare step, plus the images",
        unit="MB",
        ours=lambda: run(data),
        theirs=lambda: harness.child(__file__, "--bare")["peak"] + images,
        target="<= 1.5",
    )


if __name__ == "__main__":
    if "--child" in sys.argv:
        peak_of(sys.argv[2:])
    elif "--bare" in sys.argv:
        steps()
    else:
        harness.write(rows())
