"""Run a list of GPU runs one after another within a given time: python benchmarks/gpu_queue.py --minutes 25

    python benchmarks/gpu_queue.py --minutes 25 trainer=gpu --dry-run
    python benchmarks/gpu_queue.py --minutes 25 [--list FILE.csv] [--out runs/gpu] [--cut] [key=value ...]

Called again, it resumes. The list has one row per run, the most important first:

name      folder of the run below OUT
minutes   expected duration on an H100
ensemble  ensemble that the run belongs to, if any
words     overrides of train.py; key=value on the command line is added to each run

- A run with a summary.json is done. A run with a last.ckpt resumes from it.
- A run that cannot end in time is not started. If its first epochs show that, it is stopped, and shorter runs
  further down follow.
- With --cut the last run starts nevertheless and is stopped at the end. A later call resumes it.
- Each finished run is also measured with tta=flip. At the end the best five runs of each ensemble, chosen by
  val/acc, are measured together.

OUT/results.csv is written again after each run. OUT/small, below 64 MiB, holds tables, figures, logs and as
many packed networks (fer pack) as fit, the best by val/acc first.
"""

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).parent.parent))  # also where fer is not installed

from fer.cli import ensemble, evaluate, pack
from fer.common.files import write_csv

TRAIN = Path(__file__).parent.parent / "train.py"
COLUMNS = (
    "name state words epochs minutes val/acc val/mean_acc test/acc test/clean_acc test/mean_acc "
    "test/recall_disgust test/macro_f1 test/ece gap parameters gflop images_per_second precision device"
).split()
SMALL = ("*.csv", "*.png", "*.json", "*.log", ".hydra/*.yaml")
LIMIT = 60 * 2**20  # bytes of OUT/small
EPOCHS = 3  # epochs before their pace is trusted; the first includes cuDNN's trials
VIEWS = 1.0  # minutes kept for tta=flip and ensembles
START = 0.5  # minutes of a run before its first step and after its last
MOST = 5  # members of an ensemble at most


@dataclass(frozen=True)
class Item:
    """One run of the list."""

    folder: Path
    minutes: float
    ensemble: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def done(self) -> bool:
        return (self.folder / "summary.json").is_file()

    @property
    def recipe(self) -> str:
        """The name that runs of about the same length share."""
        return next((word for word in self.words if word.startswith("experiment=")), self.name)


def read_list(path: Path, out: Path, more: Sequence[str]) -> list[Item]:
    with open(path, newline="") as file:
        return [
            Item(
                out / row["name"],
                float(row["minutes"]),
                row["ensemble"],
                (*row["words"].split(), *more),
            )
            for row in csv.DictReader(file)
        ]


def summary(folder: Path) -> dict[str, Any]:
    path = folder / "summary.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def seconds(folder: Path) -> list[float]:
    """Seconds of each epoch of a run so far."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)]


def needed(item: Item, items: Sequence[Item], pace: Sequence[float] = ()) -> float:
    """Minutes until a run ends, by its own epochs, else by another run of its recipe, else by the list.

    pace: seconds from each of its epochs to the next by this queue's clock, with checkpoints and figures;
        without enough of them, those that the epochs report are used
    """
    epochs = seconds(item.folder)
    if len(epochs) >= EPOCHS:
        pace = pace if len(pace) >= EPOCHS else epochs
        total = OmegaConf.load(item.folder / ".hydra/config.yaml").trainer.max_epochs
        return START + statistics.median(pace) * (total - len(epochs)) / 60
    alike = [summary(other.folder) for other in items if _alike(other, item)]
    # In a resumed run, `seconds` counts its last part only.
    known = [max(found["seconds"], found["training_seconds"] + 60 * START) for found in alike]
    return max(known) / 60 if known else item.minutes


def _alike(other: Item, item: Item) -> bool:
    return other.done and other.recipe == item.recipe


def train(item: Item, items: Sequence[Item], deadline: float, *, cut: bool) -> str:
    """Start or resume a run and wait for it. Its state: done, failed, or stopped because it is too long."""
    words = [*item.words, f"hydra.run.dir={item.folder}", "trainer.enable_progress_bar=false"]
    last = item.folder / "checkpoints/last.ckpt"
    if last.is_file():
        words.append(f"ckpt_path={last}")
    process = subprocess.Popen([sys.executable, TRAIN, *words])
    met, known, pace = None, len(seconds(item.folder)), []
    try:
        while process.poll() is None:
            now, epochs = time.monotonic(), len(seconds(item.folder))
            if epochs != known:  # fewer where a run resumes from an earlier epoch
                if met is not None and epochs > known:
                    pace += [(now - met) / (epochs - known)] * (epochs - known)
                met, known = now, epochs
            late = deadline - now  # seconds to spare
            if not cut and epochs >= EPOCHS:
                late -= 60 * (needed(item, items, pace) - START)
            if late < 0:
                _end(process)
                return "done" if item.done else "stopped"
            time.sleep(1)
    finally:
        _end(process)
    return "done" if item.done else "failed"


def _end(process: subprocess.Popen) -> None:
    """Stop a run, whose last checkpoint stays. Processes of several GPUs may wait for each other forever."""
    process.terminate()  # not SIGINT, which a shell's background jobs ignore
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure(folder: Path, main, *words: str) -> None:
    """Let `fer evaluate` or `fer ensemble` write into a folder, unless it has a summary."""
    if not summary(folder) and main([*words, "--out", str(folder)]) == 130:
        raise KeyboardInterrupt


def pack_once(folder: Path, packed: Path) -> None:
    if not packed.is_dir():
        pack.main([str(folder), "--out", str(packed)])


def best(items: Sequence[Item], name: str) -> list[str]:
    """The folders of an ensemble's finished runs, best on validation first."""
    done = [item for item in items if item.ensemble == name and item.done]
    ranked = sorted(done, key=lambda item: -summary(item.folder)["val/acc"])
    return [str(item.folder) for item in ranked[:MOST]]


def ensembles(items: Sequence[Item], out: Path) -> None:
    for name in sorted({item.ensemble for item in items} - {""}):
        members = best(items, name)
        for tta in ("none", "flip") if len(members) > 1 else ():
            folder = out / f"ensemble_{name}_{len(members)}_{tta}"
            own = [f"{member}/checkpoints/best.ckpt" for member in members]
            # The folder may hold an evaluation of earlier members.
            if summary(folder).get("checkpoints") != own:
                shutil.rmtree(folder, ignore_errors=True)
            measure(folder, ensemble.main, *members, f"tta={tta}")


def write_results(items: Sequence[Item], states: dict[str, str], out: Path) -> None:
    """One row per run, then one row per evaluation."""
    rows = []
    for item in items:
        numbers = summary(item.folder)
        row = {"name": item.name, "state": states[item.name], "words": " ".join(item.words)}
        row |= {"epochs": len(seconds(item.folder)), "minutes": sum(seconds(item.folder)) / 60}
        rows.append({key: numbers.get(key, "") for key in COLUMNS} | row)
    for path in sorted(out.glob("*_flip/summary.json")) + sorted(out.glob("*_none/summary.json")):
        numbers = summary(path.parent)
        row = {"name": path.parent.name, "state": "done", "words": f"tta={numbers['tta']}"}
        rows.append({key: numbers.get(key, "") for key in COLUMNS} | row)
    write_csv(out / "results.csv", COLUMNS, ([row[key] for key in COLUMNS] for row in rows))


def keep(items: Sequence[Item], out: Path) -> None:
    """Copy the small files of every folder to OUT/small, and packed networks while there is room."""
    small = out / "small"
    found = {path for pattern in SMALL for path in (*out.glob(pattern), *out.glob(f"*/{pattern}"))}
    for path in found - set(small.rglob("*")):
        target = small / path.relative_to(out)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.rmtree(small / "packed", ignore_errors=True)
    room = LIMIT - size(small)
    for item in sorted(items, key=lambda item: -summary(item.folder).get("val/acc", 0)):
        packed = out / "packed" / item.name
        if packed.is_dir() and size(packed) <= room:
            room -= size(packed)
            shutil.copytree(packed, small / "packed" / item.name)


def size(folder: Path) -> int:
    """Bytes of all files in and under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def plan(items: Sequence[Item], minutes: float) -> None:
    """Print which runs would start, in which order."""
    minutes -= VIEWS
    for item in items:
        need = 0.0 if item.done else needed(item, items)
        fits = need <= minutes
        minutes -= need if fits else 0
        state = "done" if item.done else "starts" if fits else "no time"
        print(f"{state:8} {item.name:16} {need:5.1f} min  {' '.join(item.words)}")
    print(f"{minutes:.1f} minutes left")


def run(items: Sequence[Item], out: Path, deadline: float, *, cut: bool) -> None:
    states = {item.name: "done" if item.done else "waits" for item in items}
    deadline -= 60 * VIEWS
    for item in items:
        left = (deadline - time.monotonic()) / 60
        if not item.done and (needed(item, items) <= left or cut and left > START):
            states[item.name] = train(item, items, deadline, cut=cut)
        if item.done:
            measure(out / f"{item.name}_flip", evaluate.main, str(item.folder), "tta=flip")
            pack_once(item.folder, out / "packed" / item.name)
        write_results(items, states, out)
        keep(items, out)
    ensembles(items, out)
    write_results(items, states, out)
    keep(items, out)


def main() -> None:
    first, _, rest = str(__doc__).partition("\n")
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=first, epilog=rest, formatter_class=layout)
    parser.add_argument("--minutes", type=float, required=True, help="time for all runs together")
    own = Path(__file__).with_suffix(".csv")
    parser.add_argument("--list", type=Path, default=own, help="runs; default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help="default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="print which runs would start")
    parser.add_argument(
        "--cut", action="store_true", help="start the last run even if a later call must end it"
    )
    parser.add_argument("words", nargs="*", metavar="key=value", help="overrides of each run")
    given = parser.parse_intermixed_args()
    items = read_list(given.list, given.out, given.words)
    if given.dry_run:
        return plan(items, given.minutes)
    given.out.mkdir(parents=True, exist_ok=True)
    run(items, given.out, time.monotonic() + 60 * given.minutes, cut=given.cut)


if __name__ == "__main__":
    main()
