"""Measure speed and memory for 10 and 100 times FER2013: python benchmarks/growth.py [OUT.csv]

The dataset is drawn faces, repeated in a memory map in the folder for temporary files. It takes 8.3 GB
at 100 times. Each size trains default r1 in a process of its own, on batches from the whole dataset.
Memory is the peak of the process's own pages (RssAnon). Pages of the map are not counted, because the
system can take them back.
"""

import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import harness
from loop import composed, ours
from repeated import Repeated

FER2013, TESTED = 35_887, 3589
TIMES = (10, 100)


def own() -> float:
    """MB of this process that belong to no file, NaN without Linux."""
    status = Path("/proc/self/status")
    found = status.is_file() and re.search(r"RssAnon:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1024 if found else float("nan")


def train(times: int, folder: str) -> None:
    """Print images per second and peak memory in MB."""
    cfg, most = composed(), [0.0]

    def watch() -> None:
        while True:
            most[0] = max(most[0], own())
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    data = Repeated(
        count=times * FER2013, tested=TESTED, batch_size=cfg.data.batch_size, folder=folder
    )
    print(json.dumps({"rate": ours(cfg, data), "memory": most[0]}))


def rows() -> Iterator[harness.Row]:
    with tempfile.TemporaryDirectory() as folder:

        def measured(times: int, number: str) -> float:
            return harness.child(__file__, "--child", times, folder)[number]

        for times in TIMES:
            yield harness.paired(
                f"training on {times} times FER2013", "on once FER2013", unit="img/s",
                ours=lambda times=times: measured(times, "rate"),
                theirs=lambda: measured(1, "rate"), target=">= 0.9",
            )  # fmt: skip
            yield harness.paired(
                f"training on {times} times FER2013, memory", "on once FER2013", unit="MB",
                ours=lambda times=times: measured(times, "memory"),
                theirs=lambda: measured(1, "memory"), target="<= 1.5", rounds=1,
            )  # fmt: skip


if __name__ == "__main__":
    if "--child" in sys.argv:
        train(int(sys.argv[2]), sys.argv[3])
    else:
        harness.write(rows())
