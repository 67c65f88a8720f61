"""Measure the time to the first step, to help and to errors: python benchmarks/startup.py [OUT.csv]

It is the wall time of whole processes. The first step is that of default r1 on drawn faces from a warm cache.
The process ends where the step begins. It is compared with the imports alone, help and errors with one second.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import harness

ROOT = Path(__file__).parent.parent
IMPORTS = "import torch, lightning, hydra"


def seconds(*words: str, cwd: str) -> float:
    """Wall time of a Python process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True)
    return time.perf_counter() - started


def first_step() -> None:
    """Train until the first step begins, and end the process there."""
    from fer.cli import train
    from fer.training.module import FaceModule

    FaceModule.training_step = lambda *_: os._exit(0)
    train.main(["data=drawn"])
    raise AssertionError("no step was taken")


def rows() -> Iterator[harness.Row]:
    program = "import sys; from fer.cli.main import main; sys.argv[0] = 'fer'; main()"
    answers = {
        "train.py --help": [str(ROOT / "train.py"), "--help"],
        "fer --help": ["-c", program, "--help"],
        "fer compare --help": ["-c", program, "compare", "--help"],
        "fer evaluate --help": ["-c", program, "evaluate", "--help"],
        "an unknown key": [str(ROOT / "train.py"), "model.incep_mul=3"],
        "an unknown option": [str(ROOT / "train.py"), "model=r3"],
    }
    with tempfile.TemporaryDirectory() as cwd:
        yield harness.paired(
            "command to first step",
            IMPORTS,
            unit="s",
            ours=lambda: seconds(str(Path(__file__).resolve()), "--child", cwd=cwd),
            theirs=lambda: seconds("-c", IMPORTS, cwd=cwd),
            target="<= 1.5",
        )
        for name, words in answers.items():
            yield harness.paired(
                name,
                "1 s",
                unit="s",
                ours=lambda words=words: seconds(*words, cwd=cwd),
                theirs=lambda: 1.0,
                target="<= 1",
            )


if __name__ == "__main__":
    if "--child" in sys.argv:
        first_step()
    else:
        harness.write(rows())
