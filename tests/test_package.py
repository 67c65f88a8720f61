"""The wheel alone, away from the checkout: configs, templates and the shipped network travel inside."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def fer(tmp_path: Path, pack_untrained: Callable) -> Callable:
    """Calls the command of a wheel that ships a network, built of a copy of the sources."""
    source = tmp_path / "source"
    for name in ("fer", "conf"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.rmtree(source / "fer/models/shipped", ignore_errors=True)
    (source / "fer/models/shipped").mkdir()
    pack_untrained(source / "fer/models/shipped", "data=drawn", "data.count=500")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("fer_lab-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    blank = "from matplotlib.figure import Figure; Figure.draw = lambda figure, renderer: None; "
    program = f"import sys; {blank}from fer.cli.main import main; sys.exit(main())"

    def call(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    return call


def test_a_wheel_elsewhere_trains_and_measures_what_it_ships(fer: Callable, tmp_path: Path) -> None:
    small = "data.count=500 model.channels=[4] model.repeats=[1] trainer=debug"
    fer(*f"train data=drawn {small} hydra.run.dir=run".split())
    assert (tmp_path / "run/report.html").is_file()
    assert str(ROOT) not in (tmp_path / "run/.hydra/hydra.yaml").read_text()
    assert (tmp_path / "installed/fer/py.typed").is_file()
    fer(*"evaluate shipped --out measured".split())
    assert (
        "installed/fer/models/shipped/network.safe"
        in (tmp_path / "measured/summary.json").read_text()
    )
