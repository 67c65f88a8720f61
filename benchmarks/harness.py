"""Time two ways in turn (A B A B): medians, their ratio, and the machine.

A single time on a shared machine says little. The two runs of a pair meet the same load.
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
    target: str = "",
    rounds: int = 5,
) -> Row:
    """One row: medians of both in `unit`, and the median, lowest and highest ratio of a pair.

    ours, theirs: run once and return a number; a first pair warms up and does not count
    target: of the ratio, such as ">= 0.97"; empty where the ratio is only reported
    rounds: number of pairs
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
        "target": target,
        "rounds": rounds,
    }
    print(
        f"{what}: {row['ours']:.4g} {unit}; {against}: {row['theirs']:.4g}; "
        f"ratio {row['ratio']:.3g} ({row['lowest']:.3g} to {row['highest']:.3g}, {rounds} pairs)"
        f"{', target ' + target if target else ''}",
        flush=True,
    )
    return row


def child(file: str, *words: object, **environment: str) -> dict[str, Any]:
    """The json that a benchmark's file prints when a process of its own runs it with `words`."""
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
    """Processor, cores, threads and versions."""
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
    """Write the rows as csv, each with the machine. Without rows, nothing is written.

    rows: with the columns of the first
    words: the program, and the path to write if there is one
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
