"""A number's revision says whether the code was as committed."""

import subprocess
from pathlib import Path

import pytest

from fer.common import versions


def test_changed_and_new_code_is_marked_and_notes_beside_it_are_not(tmp_path: Path, monkeypatch):
    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        command = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    for name in ("fer/common/versions.py", "conf/train.yaml", "train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "fer/common/versions.py"))
    assert versions.revision() is None
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "all")
    commit = git("rev-parse", "--short=12", "HEAD")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "fer/models/shipped").mkdir(parents=True)
    (tmp_path / "fer/models/shipped/network.json").touch()
    assert versions.revision() == commit
    (tmp_path / "conf/new.yaml").touch()
    assert versions.revision() == f"{commit}+"
    (tmp_path / "conf/new.yaml").unlink()
    (tmp_path / "train.py").write_text("pass")
    assert versions.revision() == f"{commit}+"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("model name\t: AMD EPYC\ncpu family\t: 25\nmodel\t\t: 1\n", "AMD EPYC (family 25, model 1)"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "aarch64 (implementer 0x41, part 0xd40)"),
        (None, "arm"),
    ],
)  # fmt: skip
def test_a_processor_is_named_by_its_model(lines: str | None, name: str, monkeypatch) -> None:
    def read_text(path: Path) -> str:
        if lines is None:
            raise FileNotFoundError(path)
        return f"processor\t: 0\n{lines}\nprocessor\t: 1\nmodel name\t: another\n"

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(versions.platform, "processor", lambda: "" if lines else "arm")
    monkeypatch.setattr(versions.platform, "machine", lambda: "aarch64")
    assert versions.processor() == name
