"""The console program: its list of commands, their help, older names and unknown ones."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from fer.cli import main as program
from fer.cli.main import ALIASES, COMMANDS
from fer.cli.subcommand import Parser

FOLDER = Path(program.__file__).parent
MODULES = {path.stem for path in FOLDER.glob("*.py") if "def main(arguments" in path.read_text()}


def call(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["fer", *words])
    return program.main()


def test_each_module_with_a_main_is_a_command() -> None:
    assert set(COMMANDS) == MODULES


def test_the_overview_has_a_line_for_each_command_in_their_order(monkeypatch, capsys) -> None:
    assert call("--help", monkeypatch=monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_calls_its_own_command(name: str) -> None:
    assert COMMANDS[name].example.startswith(f"fer {name} ")
    assert COMMANDS[name].what.endswith(".")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_help_has_the_sentence_the_example_and_a_meaning_for_each_argument(
    name: str, monkeypatch, capsys
) -> None:
    parsers: list[Parser] = []
    start = Parser.__init__
    monkeypatch.setattr(
        Parser, "__init__", lambda self, n: (start(self, n), parsers.append(self))[0]
    )
    with pytest.raises(SystemExit):
        importlib.import_module(f"fer.cli.{name}").main(["--help"])
    said = capsys.readouterr().out
    assert COMMANDS[name].what in said and f"example: {COMMANDS[name].example}" in said
    (parser,) = parsers
    assert all(action.help for action in parser._actions)


@pytest.mark.parametrize(("older", "name"), ALIASES.items())
def test_an_older_name_still_works(older: str, name: str, monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit):
        call(older, "--help", monkeypatch=monkeypatch)
    assert f"usage: fer {name}" in capsys.readouterr().out


def test_an_unknown_command_gets_one_line_and_the_nearest_name(monkeypatch, capsys) -> None:
    assert call("evalute", monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert "'evalute'" in said and "'evaluate'" in said and said.count("\n") == 1


def test_python_m_fer_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "fer", "nothing"], capture_output=True, text=True)
    assert done.returncode == 2 and "'nothing'" in done.stderr
