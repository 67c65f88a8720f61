"""Which code and which libraries made a number."""

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

# The code that a number may depend on. The network in the package has a hash of its own.
CODE = ("fer", "conf", "train.py", ":!fer/models/shipped")


def versions() -> dict[str, str]:
    names = ("fer-lab", "torch", "lightning", "torchmetrics", "hydra-core", "numpy")
    found = {"python": sys.version.split()[0]}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The model of the processor, such as `AMD EPYC (family 25, model 1)`."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:  # not Linux
        first = ""
    pairs = (line.partition(":") for line in first.splitlines())
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    name = facts.get("model name") or platform.processor() or platform.machine()
    # Virtual machines may hide the name of the model, but not its numbers.
    keys = ("cpu family", "model", "CPU implementer", "CPU part")
    numbers = [
        f"{key.removeprefix('cpu ').removeprefix('CPU ')} {facts[key]}"
        for key in keys
        if key in facts
    ]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def revision() -> str | None:
    """The git revision of the code, "+" where files of it are changed or new; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # installed: a repository around it is somebody else's
        return None

    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        commit = git("describe", "--always", "--abbrev=12")
        # The user's settings may hide new files. Without the lock, parallel runs do not block each other.
        look = ("--no-optional-locks", "status", "--porcelain", "--untracked-files=normal")
        return f"{commit}+" if git(*look, "--", *CODE) else commit
    except (OSError, subprocess.SubprocessError):
        return None
