"""Files of earlier revisions load, evaluate, resume and teach for ever (tests/old/<revision>)."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from fer.cli import compare, evaluate, train

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")

OLD = sorted(path for path in (Path(__file__).parent / "old").iterdir() if path.is_dir())
WORDS = (
    "data=drawn data.count=500 data.batch_size=32 model.channels=[4,8] model.repeats=[1,1]".split()
)
WORDS += ["trainer.precision=32-true", "trainer.enable_progress_bar=false", "seed=7"]


@pytest.fixture(params=OLD, ids=lambda path: path.name)
def old(request, tmp_path: Path, monkeypatch) -> Path:
    """A copy of a revision's run folder and packed network, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(request.param, tmp_path / "old"))


def probabilities(folder: Path) -> list[list[float]]:
    with open(folder / "predictions.csv", newline="") as file:
        return [
            [float(row[key]) for key in row if key.startswith("p_")] for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("place", ["run", "packed"])
def test_an_old_network_gives_the_predictions_of_its_run(old: Path, place: str) -> None:
    assert evaluate.main([str(old / place), "--out", "again"]) == 0
    before, now = probabilities(old / "run"), probabilities(Path("again"))
    assert len(before) == len(now) == 50
    for one, other in zip(before, now, strict=True):
        assert other == pytest.approx(one, abs=1e-5 if place == "run" else 2e-3)


def test_an_old_run_resumes(old: Path) -> None:
    last = old / "run/checkpoints/last.ckpt"
    words = [*WORDS, "trainer.max_epochs=3", f"ckpt_path={last}", "hydra.run.dir=resumed"]
    assert train.main(words) == 0
    epochs = [row["epoch"] for row in csv.DictReader(open("resumed/metrics.csv", newline=""))]
    assert epochs == ["0", "1", "2"]


@pytest.mark.parametrize("place", ["run", "packed"])
def test_an_old_network_teaches(old: Path, place: str) -> None:
    words = [*WORDS, "trainer.max_epochs=1", f"teacher=[{old / place}]", "hydra.run.dir=taught"]
    assert train.main(words) == 0
    assert json.loads(Path("taught/summary.json").read_text())["epochs"] == 1


def test_an_old_run_is_compared(old: Path) -> None:
    assert compare.main([str(old / "run"), "--out", "compared"]) == 0
    (row,) = csv.DictReader(open("compared/compare.csv", newline=""))
    assert float(row["val/acc"]) == pytest.approx(0.28)
