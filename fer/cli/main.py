"""The console program `fer`: its first word names the command."""

import sys

COMMANDS = {"train": "train a network as the config says: fer train data=drawn"}


def main() -> int:
    """The exit status of the command; 2 where there is no such one."""
    word = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if word in ("-h", "--help"):
        print("usage: fer COMMAND [key=value ...]\n")
        print("\n".join(f"  {name}  {what}" for name, what in COMMANDS.items()))
        return 0
    if word not in COMMANDS:
        print(f"fer: no command {word!r}; there is {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    from fer.cli import train

    del sys.argv[1]
    return train.main()
