"""What all commands of `fer` share: arguments, the output folder, errors in one line."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig

from fer.cli.main import COMMANDS
from fer.common.errors import InputError, one_line
from fer.common.run_folder import RunFolder, claim_folder
from fer.config import compose, schema
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
        raise InputError(f"{self.prog}: {message}; see {self.prog} --help")

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
        typed = self.parse_intermixed_args(arguments)
        if (out := getattr(typed, "out", None)) is not None:
            self._check_out(out)
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
    folder = out if out is not None else Path(claim_folder(name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"--out: {folder}: {fault.strerror}") from None
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
