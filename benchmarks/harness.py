"""Two ways side by side: A B A B ..., medians and their ratio, with the machine they ran on.

A single timing on a shared machine says little; pairs taken in turn see the same weather.
"""

import csv
import importlib.metadata
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

COLUMNS = ("what", "against", "unit", "ours", "theirs", "ratio", "lowest", "highest", "rounds")


def paired(
    what: str,
    against: str,
    *,
    unit: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    rounds: int = 5,
) -> dict[str, str | float]:
    """A row of COLUMNS: medians of both in `unit`, and the median, least and greatest ratio of a pair.

    `ours` and `theirs` run once each and give a number; one pair warms up and does not count.
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
        "rounds": rounds,
    }
    print(
        f"{what}: {row['ours']:.4g} {unit}; {against}: {row['theirs']:.4g}; "
        f"ratio {row['ratio']:.3f} ({row['lowest']:.3f} to {row['highest']:.3f}, {rounds} pairs)",
        flush=True,
    )
    return row


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


def write(path: Path, rows: Sequence[Mapping[str, str | float]]) -> None:
    """The rows as csv, each with the machine beside it."""
    facts = machine()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *facts), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            numbers = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
            writer.writerow(numbers | facts)
