"""The wheel alone, away from the checkout, trains: its configs and templates travel inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_wheel_elsewhere_trains(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("fer_lab-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = "import sys; from fer.cli.main import main; sys.exit(main())"
    words = "train data=drawn data.count=500 trainer=debug hydra.run.dir=run".split()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/report.html").is_file()
    assert str(ROOT) not in (tmp_path / "run/.hydra/hydra.yaml").read_text()
