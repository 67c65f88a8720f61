"""Which code and which libraries made a number."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path


def versions() -> dict[str, str]:
    names = ("fer-lab", "torch", "lightning", "torchmetrics", "hydra-core", "numpy")
    found = {"python": sys.version.split()[0]}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def revision() -> str | None:
    """The git revision of the code, "+" where it has uncommitted changes; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():  # installed: a repository around it is somebody else's
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
