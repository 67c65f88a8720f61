"""Nothing heavy is imported before it is needed: help and first errors come without torch."""

import subprocess
import sys

import pytest

from fer.cli.main import COMMANDS


def modules(program: str) -> set[str]:
    """The modules that are loaded when a program ends."""
    listing = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    done = subprocess.run([sys.executable, "-c", listing + program], capture_output=True, text=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_comes_without_torch(command: str) -> None:
    loaded = modules(f"from fer.cli.{command} import main; main(['--help'])")
    assert "fer.common.errors" in loaded and loaded.isdisjoint({"torch", "lightning", "scipy"})


def test_an_unknown_key_is_told_without_torch() -> None:
    loaded = modules("from fer.cli.train import main; main(['model.dropuot=0.1'])")
    assert "fer.config" in loaded and loaded.isdisjoint({"torch", "lightning", "scipy"})


def test_training_loads_nothing_that_the_default_split_and_reader_do_without() -> None:
    loaded = modules("import fer.runs.train")
    assert "torch" in loaded and loaded.isdisjoint({"pandas", "sklearn", "pyarrow", "pooch"})
