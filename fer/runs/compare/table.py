"""Runs as a ranked table: repetitions over seeds are one row, with mean and interval."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fer.common.errors import InputError
from fer.common.files import write_csv
from fer.config.recipe import HANDLING
from fer.config.schema import higher_is_better
from fer.runs.finished import Run

Line = dict[str, Any]

SEEDS = ("seed", "data.seed", "data.fold")  # runs that differ in these alone repeat one experiment
MEASURED = ("val/acc", "val/mean_acc", "test/acc", "test/clean_acc", "test/mean_acc", "gap")
RECALL = "test/recall_"  # and a class's name
COSTS = ("parameters", "gflop", "training_seconds")
# Keys of data that do not change the validation part, and other keys that shorten it.
TRAINING_ONLY = tuple(
    f"data.{key}" for key in ("batch_size", "channels", "conflicts", "own_share", "sampler")
)
CUTS = ("trainer.limit_val_batches", "trainer.limit_test_batches")  # of trainer=debug
ABSENT = object()  # a key that a run's config does not have


def repetitions(runs: Iterable[Run]) -> tuple[list[list[Run]], list[Run]]:
    """Rows of runs that differ in seeds alone, and the runs that a later run repeats exactly.

    A run that was resumed with other overrides is a row of its own.
    """
    rows: dict[str, dict[tuple[Any, ...], Run]] = {}
    repeated = []
    for run in runs:
        rest = {key: run.config[key] for key in run.config if key not in (*SEEDS, *HANDLING)}
        if run.summary.get("changed"):
            rest["ckpt_path"] = str(run.folder)
        row = rows.setdefault(json.dumps(rest, sort_keys=True), {})
        seeds = tuple(run.config.get(key) for key in SEEDS if _drawn(run, key))
        if seeds in row:
            repeated.append(row[seeds])
        row[seeds] = run
    return [list(row.values()) for row in rows.values()], repeated


def _drawn(run: Run, key: str) -> bool:
    """Whether a seed affects the run. `data.seed` does only where the split is random."""
    return key != "data.seed" or run.summary.get("split_seed", 0) is not None


def differing(runs: Sequence[Run]) -> list[str]:
    """The groups whose options differ and the config keys whose values do, SEEDS and HANDLING apart."""
    groups = dict.fromkeys(name for run in runs for name in run.choices)
    apart = (*SEEDS, *HANDLING)
    keys = dict.fromkeys(key for run in runs for key in run.config if key not in apart)
    return [name for name in (*groups, *keys) if len({shown(run, name) for run in runs}) > 1]


def telling(runs: Sequence[Run]) -> list[str]:
    """Those of `differing` that the option of their group does not already imply.

    Keys that were typed are among them, and keys that differ between runs of one option.
    """
    typed = frozenset[str]().union(*(run.typed for run in runs))

    def follows(name: str) -> bool:
        options = [run.choices.get(name.split(".")[0]) for run in runs]
        values = [shown(run, name) for run in runs]
        once = len(set(zip(options, values, strict=True))) == len(set(options))
        return "." in name and name not in typed and once

    return [name for name in differing(runs) if not follows(name)]


def shown(run: Run, name: str) -> str:
    """The option of a group or the value of a config key as it is typed, nothing where absent."""
    thing = run.choices.get(name, run.config.get(name, ABSENT))
    if thing is ABSENT:
        return ""
    return thing if isinstance(thing, str) else json.dumps(thing)


def other_faces(rows: Sequence[Sequence[Run]]) -> list[str]:
    """The keys by which the validation images of the rows differ."""

    def value(run: Run, key: str) -> str:
        return shown(run, key) if _drawn(run, key) else ""

    runs = [run for row in rows for run in row]
    keys = dict.fromkeys(key for run in runs for key in run.config)
    own = [
        key for key in keys if key in CUTS or key.startswith("data.") and key not in TRAINING_ONLY
    ]
    named = [
        key for key in own if len({frozenset(value(run, key) for run in row) for row in rows}) > 1
    ]
    known = [{run.summary.get("fingerprint") for run in row} - {None} for row in rows]
    sets = {frozenset(each) for each in known if each}
    return [*named, *(["fingerprint (summary.json)"] if len(sets) > 1 else [])]


def mixed(rows: Sequence[Sequence[Run]]) -> list[str]:
    """Which of `fingerprint` (the dataset) and `git` (the code) differ between the runs of a row.

    Older summaries may lack both.
    """
    return [
        name
        for name in ("fingerprint", "git")
        if any(len({run.summary.get(name) for run in row} - {None}) > 1 for row in rows)
    ]


def notes(rows: Sequence[Sequence[Run]]) -> list[str]:
    """Sentences on what makes ranks less reliable: different validation images, mixed rows, changed options."""
    found = []
    if keys := other_faces(rows):
        names = ", ".join(keys)
        found.append(f"rows differ in {names}, so each has a validation part of its own")
    if names := mixed(rows):
        found.append(f"runs of one row differ in {' and '.join(names)}, not in seeds only")
    return found + [
        f"{run.folder} resumed with other options than its checkpoint began with, so it repeats no run"
        for row in rows
        for run in row
        if run.summary.get("changed")
    ]


def check_by(by: str, runs: Sequence[Run]) -> None:
    """Raises InputError where runs cannot, or must not, be ranked by a number."""
    known = ", ".join(name for name in runs[0].summary if name.startswith("val/"))
    if not by.startswith("val/"):
        raise InputError(f"--by {by}: runs are ranked by validation alone: {known}")
    for run in runs:
        if not isinstance(run.summary.get(by), int | float):
            raise InputError(
                f"--by {by}: no such number in {run.folder / 'summary.json'}; there are {known}"
            )


def interval(numbers: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half the width of its 95 % interval by Student's t; None where there is but one."""
    mean = statistics.mean(numbers)  # exact: equal whole numbers stay one
    if len(numbers) == 1:
        return mean, None
    from scipy import stats  # takes half a second, and only repetitions need it

    return mean, float(stats.t.ppf(0.975, len(numbers) - 1) * stats.sem(numbers))


def ranked(rows: Sequence[Sequence[Run]], *, by: str) -> list[Line]:
    """The lines of compare.csv, the best first: rank, what differs, n, numbers, folders.

    Each measured number has `<number>_ci95` next to it, half the width of the interval; None where a
    row is a single run. A number that one of a row's runs lacks is None.
    """
    runs = [run for row in rows for run in row]
    names, numbers = differing(runs), _measured(runs, by)
    lines = [_line(row, names, numbers) for row in rows]
    lines.sort(key=lambda line: line[by], reverse=higher_is_better(by))
    return [{"rank": rank} | line for rank, line in enumerate(lines, 1)]


def _measured(runs: Sequence[Run], by: str) -> list[str]:
    """The measured numbers that any run has: `by`, those to look at first, all others of the test."""
    tested = [name for run in runs for name in run.summary if name.startswith("test/")]
    recalls = [name for name in tested if name.startswith(RECALL)]
    others = [name for name in tested if not name.endswith("rows")]
    names = dict.fromkeys([by, *MEASURED, *recalls, *others])
    return [name for name in names if any(run.summary.get(name) is not None for run in runs)]


def _line(row: Sequence[Run], names: Sequence[str], numbers: Sequence[str]) -> Line:
    line: Line = {name: shown(row[0], name) for name in names} | {"n": len(row)}
    for name in (*numbers, *COSTS):
        found = [run.summary.get(name) for run in row]
        mean, half = (None, None) if None in found else interval(found)
        line |= {name: mean} if name in COSTS else {name: mean, f"{name}_ci95": half}
    return line | {"runs": " ".join(str(run.folder) for run in row)}


def write(folder: Path, lines: list[Line]) -> Path:
    """compare.csv, written into `folder`."""
    path = folder / "compare.csv"
    write_csv(path, tuple(lines[0]), (line.values() for line in lines))
    return path
