"""Finished runs, read from the files of their folders."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.config.recipe import flat
from fer.config.renamed import with_todays_names


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    config: its flat keys (`model.dropout`); choices: the option of each config group; typed: the
    keys of its command line; summary: what its summary.json holds.
    """

    folder: Path
    config: Mapping[str, Any]
    choices: Mapping[str, str | None]
    typed: frozenset[str]
    summary: Mapping[str, Any]


def find(places: Iterable[Path]) -> tuple[list[Run], list[Path]]:
    """The finished runs in and under `places`, sorted by folder, and the folders of unfinished ones.

    Raises InputError for a place without a finished run and for a file that is damaged.
    """
    folders: dict[Path, Path] = {}
    for place in places:
        if not place.is_dir():
            raise InputError(f"{place}: no such folder; expected a run's or one of runs")
        own = {path.parent.parent for path in place.rglob(".hydra/config.yaml")}
        if not any(RunFolder(folder).finished for folder in own):
            raise InputError(
                f"{place}: no finished run in it, {len(own)} unfinished; expected a folder with "
                ".hydra/config.yaml and summary.json, or one of such folders"
            )
        folders |= {folder.resolve(): folder for folder in own}
    found = sorted(folders.values())
    runs = [read(folder) for folder in found if RunFolder(folder).finished]
    return runs, [folder for folder in found if not RunFolder(folder).finished]


def read(folder: Path) -> Run:
    """The run of a folder. Raises InputError for a file of it that is missing or damaged."""
    files = RunFolder(folder)
    options = _load(files.choices, lambda text: _yaml(text)["hydra"]["runtime"]["choices"])
    return Run(
        folder=folder,
        config=_load(files.config, lambda text: flat(with_todays_names(_yaml(text)))),
        choices={group: option for group, option in options.items() if "/" not in group},
        typed=_load(files.overrides, lambda text: frozenset(map(_key, _yaml(text)))),
        summary=_load(files.summary, lambda text: dict(json.loads(text))),
    )


def _load(path: Path, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except Exception as fault:  # a strange file makes parsers raise many things
        raise InputError(
            f"{path}: not as a run writes it ({fault!r:.80}); move its folder away to compare the others"
        ) from None


def _yaml(text: str) -> Any:
    return OmegaConf.to_container(OmegaConf.create(text))


def _key(override: str) -> str:
    return override.lstrip("+~").split("=")[0]
