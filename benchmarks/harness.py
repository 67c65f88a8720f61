"""Two ways side by side: A B A B ..., medians and their ratio, with the machine they ran on.

A single timing on a shared machine says little; pairs taken in turn see the same weather.
"""

import csv
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

Row = dict[str, str | float]


def paired(
    what: str,
    against: str,
    *,
    unit: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    wanted: str = "",
    rounds: int = 5,
) -> Row:
    """A row: medians of both in `unit`, and the median, least and greatest ratio of a pair.

    `ours` and `theirs` run once each and give a number; one pair warms up and does not count.
    wanted: of the ratio, such as ">= 0.97"; empty where it is only reported.
    """
    pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    ratios = [one / other for one, other in pairs]
    row = {
        "what": what,
        "against": against,
        "unit": unit,
        "ours": statistics.median(one for one, _ in pairs),
        "theirs": statistics.median(other for _, other in pairs),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "wanted": wanted,
        "rounds": rounds,
    }
    print(
        f"{what}: {row['ours']:.4g} {unit}; {against}: {row['theirs']:.4g}; "
        f"ratio {row['ratio']:.3g} ({row['lowest']:.3g} to {row['highest']:.3g}, {rounds} pairs)"
        f"{', wanted ' + wanted if wanted else ''}",
        flush=True,
    )
    return row


def child(file: str, *words: object, **environment: str) -> dict[str, Any]:
    """What a benchmark's file prints as json when it is called with `words` in a process of its own."""
    done = subprocess.run(
        [sys.executable, file, *map(str, words)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> dict[str, str]:
    """Processor, cores, threads and versions, as they stand beside every figure."""
    names = ("torch", "lightning", "numpy")
    versions = {name: importlib.metadata.version(name) for name in names}
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo")
    if lines.is_file():
        for line in lines.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write(rows: Iterable[Mapping[str, str | float]], words: Sequence[str] = sys.argv) -> None:
    """The rows as csv, each with the machine beside it: `words` are a program and perhaps a path.

    Their columns are those of the first. Without rows, as where a benchmark is skipped, nothing is written.
    """
    if not (rows := list(rows)):
        return
    path = Path(words[1] if len(words) > 1 else f"runs/bench/{Path(words[0]).stem}.csv")
    facts = machine()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, (*rows[0], *facts), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            numbers = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow(numbers | facts)
