"""The console program `fer`: its first word names the command."""

import difflib
import importlib
import sys

# Each is a module of fer.cli, loaded only when it is called, with `main(arguments) -> exit status`.
COMMANDS = {
    "train": "train a network as the config says: fer train data=drawn",
    "compare": "rank finished runs by validation: fer compare runs/2026-11-24",
    "evaluate": "measure a finished run, on other faces too: fer evaluate RUN tta=flip",
    "ensemble": "measure several finished runs by their mean: fer ensemble RUN RUN",
    "pack": "make a finished run two small files to give away: fer pack RUN --out DIR",
    "explore": "write a page about a set of faces: fer explore data=drawn",
    "convert": "write images and their filter planes as a csv: fer convert OUT.csv",
    "fetch": "download FER2013 to where data=fer2013 looks: fer fetch fer2013",
}
ALIASES = {"fer2021": "convert"}  # the command's name in older notes


def main() -> int:
    """The exit status of the command; 2 where there is no such one."""
    word, *arguments = sys.argv[1:] or ["--help"]
    word = ALIASES.get(word, word)
    if word in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        print("usage: fer COMMAND [...]      fer COMMAND --help says more\n")
        print("\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()))
        return 0
    if word not in COMMANDS:
        close = difflib.get_close_matches(word, COMMANDS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(COMMANDS)}"
        print(f"fer: no command {word!r}; {hint}", file=sys.stderr)
        return 2
    return importlib.import_module(f"fer.cli.{word}").main(arguments)
