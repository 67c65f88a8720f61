"""Every command of README, docs and a config's header is one that the program accepts."""

import itertools
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer.cli.main import COMMANDS
from fer.config import compose, schema
from fer.data.drawn import draw
from fer.data.labels import EMOTIONS

ROOT = Path(__file__).parent.parent


def commands(path: Path) -> list[str]:
    """The commands in a page's code blocks, or in the comments that open a config."""
    text = path.read_text()
    if path.suffix == ".md":
        blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
        text = "\n".join(block for language, block in blocks if not language)
    else:
        text = re.sub(r"^# ", "", text.partition("\ndefaults")[0], flags=re.M)
    found = re.findall(r"^(?:make|python train\.py|fer|tensorboard)\b.*", text, re.M)
    return [re.split(r" {2,}", line)[0].partition(" #")[0].strip() for line in found]


PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "conf").rglob("*.yaml")),
]
LINES = sorted({line for page in PAGES for line in commands(page)})
TRAIN = [line for line in LINES if line.startswith("python train.py") and "--help" not in line]


def test_there_is_something_to_check() -> None:
    assert len(commands(ROOT / "README.md")) > 10 and len(TRAIN) > 30


@pytest.mark.parametrize("line", TRAIN)
def test_train_takes_it(line: str, tmp_path: Path, monkeypatch) -> None:
    words = shlex.split(line)[2:]
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    overrides = [word for word in words if word != "-m"]
    sweeping = "-m" in words
    each = compose.compose_sweep(overrides) if sweeping else [[compose.compose_config(overrides)]]
    for cfg in itertools.chain(*each):
        schema.check_nodes(cfg)


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "face.jpg"):
        cv2.imwrite(name, draw(EMOTIONS.index("happy"), np.random.default_rng(0)))
    known: dict[str, Any] = {}
    exec(block, known)
    assert known["probabilities"].shape == (1, len(known["model"].classes))
    assert known["probabilities"].sum() == pytest.approx(1)


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("fer ")])
def test_fer_has_the_command(line: str) -> None:
    assert shlex.split(line)[1] in COMMANDS


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make ")])
def test_make_has_the_target(line: str) -> None:
    done = subprocess.run(["make", "-n", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr
