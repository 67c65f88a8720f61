"""FER2013's size, ten and a hundred times: speed and memory. python benchmarks/growth.py [OUT.csv]

Drawn faces repeated in a memory map (8.3 GB at a hundred times, in the folder for temporary files). Each
size trains in a process of its own, default r1 on batches drawn from all of it. Memory: the process's
own at most (RssAnon), without the pages of the map, which the system takes back when it needs them.
"""

import json
import re
import sys
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
    """MB of this process that no file backs; NaN where the system is no Linux."""
    status = Path("/proc/self/status")
    found = status.is_file() and re.search(r"RssAnon:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1024 if found else float("nan")


def train(times: int) -> None:
    """Prints images a second and the most memory."""
    cfg, most = composed(), [0.0]

    def watch() -> None:
        while True:
            most[0] = max(most[0], own())
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    data = Repeated(count=times * FER2013, tested=TESTED, batch_size=cfg.data.batch_size)
    print(json.dumps({"rate": ours(cfg, data), "memory": most[0]}))


def measured(times: int, number: str) -> float:
    return harness.child(__file__, "--child", times)[number]


def rows() -> Iterator[harness.Row]:
    for times in TIMES:
        for number, unit, wanted in (("rate", "img/s", ">= 0.9"), ("memory", "MB", "<= 1.5")):
            yield harness.paired(
                f"training on {times} times FER2013, {'speed' if number == 'rate' else number}",
                "on once FER2013",
                unit=unit,
                ours=lambda times=times, number=number: measured(times, number),
                theirs=lambda number=number: measured(1, number),
                wanted=wanted,
            )


if __name__ == "__main__":
    if "--child" in sys.argv:
        train(int(sys.argv[2]))
    else:
        harness.write(rows())
