"""Imports run one way only, as CONTRIBUTING.md draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "fer"
FLOORS = [
    {"errors", "labels", "files"},
    {"preprocess", "config", "page", "provenance", "views"},
    {"data", "models", "losses", "optim", "metrics", "figures", "teachers"},
    {"module", "packed"},
    {"callbacks", "checkpoint"},
    {"results", "report", "explore", "compare"},
    {"build"},
    {"evaluate"},
    {"run"},
    {"cli"},
]
FLOOR = {name: index for index, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_upwards_or_across(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != "fer" or parts[1] == own:
                continue
            assert FLOOR[parts[1]] < FLOOR[own], f"{own} imports {name}"
