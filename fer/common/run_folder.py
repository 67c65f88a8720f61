"""The files of a run folder and of an evaluation's folder, by name, and how a new one is claimed."""

import datetime
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

RUNS = Path("runs")  # new folders are made in here, below the working folder


class _File:
    """A path below the folder whose attribute this is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: "RunFolder", kind: type) -> Path:
        return folder.path / self.name


@dataclass(frozen=True)
class RunFolder:
    """A folder `runs/<date>/<time>_<model>/`; docs/interface.md says what each file holds."""

    path: Path

    hydra = _File(".hydra")
    config = _File(".hydra/config.yaml")
    choices = _File(".hydra/hydra.yaml")  # among them the option of each config group
    overrides = _File(".hydra/overrides.yaml")
    checkpoints = _File("checkpoints")
    best = _File("checkpoints/best.ckpt")
    last = _File("checkpoints/last.ckpt")
    split = _File("split.json")
    metrics = _File("metrics.csv")
    tensorboard = _File("tensorboard")
    curves = _File("curves.png")
    predictions = _File("predictions.csv")
    examples = _File("predictions.png")
    recalls = _File("summary.csv")
    confusion = _File("confusion_matrix.csv")
    confusion_figure = _File("confusion_matrix.png")
    calibration = _File("calibration.png")
    report = _File("report.html")
    summary = _File("summary.json")  # written last: it marks a finished run
    status = _File("status.json")  # state of the run: running, done or failed

    @classmethod
    def of(cls, checkpoint: Path) -> "RunFolder":
        """The run folder of `RUN/checkpoints/best.ckpt` or of another checkpoint next to it."""
        return cls(checkpoint.parent.parent)

    def started_in(self) -> list[Path]:
        """The working folder in which the run was started, to which its paths are relative; [] if unknown."""
        if not self.choices.is_file():
            return []
        found = re.search(r"^ +cwd: (.+)$", self.choices.read_text(encoding="utf-8"), re.M)
        return [Path(found[1].strip("'\""))] if found else []

    @property
    def finished(self) -> bool:
        return self.summary.is_file()


def best_of(checkpoint: Path) -> Path:
    """The best epoch so far, which lies next to the checkpoint that a run resumes from."""
    return checkpoint.with_name("best.ckpt")


def obstacle(folder: Path) -> str | None:
    """Why nothing can be written into a folder, new or existing. None: something can."""
    for path in (absolute := folder.absolute(), *absolute.parents):
        if os.path.lexists(path):
            if not path.is_dir():
                return f"{path} is no folder"
            return None if os.access(path, os.W_OK | os.X_OK) else f"{path} cannot be written"
    return None


def claim_folder(name: str) -> str:
    """A new runs/<date>/<time>_NAME, made; with a suffix where that exists."""
    now = datetime.datetime.now()
    day = RUNS / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for suffix in itertools.chain([""], (f"_{number}" for number in itertools.count(2))):
        folder = day / f"{now:%H-%M-%S}_{name}{suffix}"
        try:
            os.mkdir(folder)  # atomic: of two runs in one second one takes the next suffix
        except FileExistsError:
            continue
        return str(folder)
    raise AssertionError("the suffixes never end")
