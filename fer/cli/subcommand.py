"""What all commands of `fer` share: arguments, the output folder, errors in one line."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig

from fer.cli.main import COMMANDS
from fer.common.errors import InputError, one_line
from fer.common.run_folder import RUNS, RunFolder, claim_folder, obstacle
from fer.config import compose, meant, schema
from fer.config.paths import register_resolvers


class Parser(argparse.ArgumentParser):
    """The arguments of a command, described as in `fer --help`; a wrong one raises InputError."""

    def __init__(self, name: str) -> None:
        self.name = name
        what, example = COMMANDS[name]
        super().__init__(
            prog=f"fer {name}",
            description=what,
            epilog=f"example: {example}",
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        foreign = message.removeprefix("unrecognized arguments: ").split()
        if foreign[0].startswith("-"):
            message = self._foreign(*foreign[:2])
        raise InputError(f"{self.prog}: {message}; see {self.prog} --help")

    def _foreign(self, option: str, following: str = "VALUE") -> str:
        """The line for an option that a command does not have."""
        name, known = option.partition("=")[0], self._option_string_actions
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        if close or "overrides" not in {action.dest for action in self._actions}:
            hint = f"; did you mean {close[0]}?" if close else ""
            return f"{option}: no such option{hint}"
        return meant.no_override(option, following)

    def add_overrides(self, meaning: str = "config keys, which fer train --help explains") -> None:
        self.add_argument(
            "overrides",
            nargs="*",
            default=[],  # without a default argparse requires even these
            metavar="key=value",
            help=meaning,
        )

    def add_out(self) -> None:
        self.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help=f"folder to write into; default: runs/<date>/<time>_{self.name}",
        )

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The arguments and options. Raises InputError where --out is no folder, or a run's own."""
        typed = self.parse_intermixed_args(meant.expand(arguments))
        if "out" in typed:
            if typed.out is not None:
                self._check_out(typed.out)
            if why := obstacle(typed.out or RUNS):
                raise InputError(f"--out: {why}; choose another folder with --out DIR")
        return typed

    @staticmethod
    def _check_out(out: Path) -> None:
        try:
            folders = all(path.is_dir() for path in (out, *out.parents) if os.path.lexists(path))
            run = RunFolder(out).hydra.exists()
        except OSError as fault:
            raise InputError(f"--out: {out}: {fault.strerror}") from None
        if not folders:
            raise InputError(
                f"--out: {out} is no folder, or lies in a file; expected a folder, new or existing"
            )
        if run:
            raise InputError(f"--out: {out} is a run's own folder; choose another")


def config_of(overrides: Sequence[str]) -> DictConfig:
    """The config of `overrides`, checked as train.py checks it. Raises InputError in one line."""
    register_resolvers()
    cfg = compose.compose_config(overrides)
    schema.check_nodes(cfg)
    return cfg


def claim(out: Path | None, name: str) -> Path:
    """The folder a command writes into: `out`, else a new runs/<date>/<time>_<name>."""
    try:
        folder = out if out is not None else Path(claim_folder(name))
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"--out: {fault.filename}: {fault.strerror}") from None
    return folder


def run(prepare: Callable[[list[str]], Callable[[], None]], arguments: list[str]) -> int:
    """The exit status of a command: 0 done, 1 failed, 2 wrong command, 130 stopped.

    prepare: reads and checks the arguments, writes nothing, and returns the work. An InputError of
        `prepare` is a wrong command. Every other error, and one of the work, is a failure.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    status = 2
    try:
        work = prepare(arguments)
        status = 1
        work()
    except InputError as fault:
        print(f"fer: {one_line(fault)}", file=sys.stderr)
        return status
    except KeyboardInterrupt:
        print("\nfer: stopped", file=sys.stderr)  # below a progress bar
        return 130
    except Exception as fault:
        print(f"fer: {one_line(fault)}", file=sys.stderr)
        return 1
    return 0
