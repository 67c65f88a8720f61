"""Imports run one way only: a folder of fer imports from the folders below it in FOLDERS."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "fer"
# From the top down. The two in one line stand side by side and do not know each other.
FOLDERS = (
    ("cli",),
    ("runs",),
    ("training",),
    ("reports",),
    ("evaluation", "inference"),
    ("models",),
    ("data",),
    ("config",),
    ("common",),
)
FLOOR = {name: -depth for depth, names in enumerate(FOLDERS) for name in names}
DOORS = {ROOT / "__init__.py", ROOT / "__main__.py"}  # of the package itself
FILES = sorted(set(ROOT.rglob("*.py")) - DOORS)


def imported(path: Path) -> set[str]:
    """The folders of fer that a file imports from, lazily or not."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("fer.")}


def test_no_module_stands_outside_a_folder() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} <= set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_upwards_or_across(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    for folder in imported(path) - {own} - {"__version__"}:
        assert FLOOR[folder] < FLOOR[own], f"{own} imports from {folder}"
