"""The console program `fer`: its first word names the command."""

import importlib
import os
import sys
from importlib.metadata import version
from typing import NamedTuple


class Command(NamedTuple):
    """What `fer --help` shows of a command: its sentence and an example."""

    what: str
    example: str


# In the order of use. Each is a module of fer.cli with `main(arguments) -> exit status`, loaded when called.
COMMANDS = {
    "predict": Command("Name the expressions in pictures and videos.", "fer predict photo.jpg"),
    "train": Command("Train a network.", "fer train data=drawn"),
    "evaluate": Command("Measure a finished network.", "fer evaluate RUN tta=flip"),
    "compare": Command("Rank finished runs by validation.", "fer compare runs"),
    "ensemble": Command("Measure the mean of several networks.", "fer ensemble RUN RUN"),
    "pack": Command("Pack a finished network into two small files.", "fer pack RUN --out DIR"),
    "export": Command("Write a network for other programs.", "fer export RUN --to onnx"),
    "card": Command("Write the model card of a packed network.", "fer card shipped EVALUATION"),
    "explore": Command("Write a page about a dataset.", "fer explore data=drawn"),
    "convert": Command("Write images and their planes as a csv.", "fer convert OUT.csv data=drawn"),
    "fetch": Command("Download FER2013.", "fer fetch fer2013"),
}
ALIASES = {"fer2021": "convert"}  # older names


def main() -> int:
    """The exit status of the command, 2 for an unknown one."""
    word, *arguments = sys.argv[1:] or ["--help"]
    word = ALIASES.get(word, word)
    if word == "help" and arguments and arguments[0] in COMMANDS:
        word, arguments = arguments[0], ["--help"]
    if word in ("-V", "--version"):
        print(version("fer-lab"))
        return 0
    if word in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if word not in COMMANDS:
        print(f"fer: no command {word!r}; {_hint(word)}", file=sys.stderr)
        return 2
    return importlib.import_module(f"fer.cli.{word}").main(arguments)


def _hint(word: str) -> str:
    """What to type instead of a word that is no command."""
    from fer.config import meant  # Hydra, only for a wrong command

    if command := meant.command(word, COMMANDS):
        return f"did you mean {command!r}?"
    if "=" in word:
        return f"did you mean fer train {word}?"
    if os.path.exists(word):
        return f"did you mean fer predict {word}?"
    return f"choose from {', '.join(COMMANDS)}"


def _overview() -> str:
    wide = max(len(command.what) for command in COMMANDS.values())
    lines = (
        f"  {name:<8}  {what:<{wide}}  {example}" for name, (what, example) in COMMANDS.items()
    )
    return "\n".join(
        ["usage: fer COMMAND ...", "", *lines, "", "fer COMMAND --help explains a command."]
    )
