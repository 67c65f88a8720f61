"""The folder of configs, and the folders that runs write into."""

import datetime
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder


def conf_folder() -> Path:
    """The folder of configs: inside the package where it was installed, else the checkout's conf/."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def options_of(group: str) -> list[str]:
    """The options of a config group. Files that begin with `_` are shared by options and are none."""
    return sorted(path.stem for path in (conf_folder() / group).glob("[!_]*.yaml"))


def register_resolvers() -> None:
    """Makes `${run_folder:NAME}` claim runs/<date>/<time>_NAME, with a suffix where that exists."""
    OmegaConf.register_new_resolver("run_folder", claim_folder, use_cache=True, replace=True)


def claim_folder(name: str) -> str:
    """A new runs/<date>/<time>_NAME, made; with a suffix where that exists."""
    now = datetime.datetime.now()
    day = Path("runs") / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for suffix in itertools.chain([""], (f"_{number}" for number in itertools.count(2))):
        folder = day / f"{now:%H-%M-%S}_{name}{suffix}"
        try:
            os.mkdir(folder)  # atomic: of two runs in one second one takes the next suffix
        except FileExistsError:
            continue
        return str(folder)
    raise AssertionError("the suffixes never end")


def check_folder(overrides: Iterable[Override], *, sweeping: bool) -> None:
    """Raises InputError if the folder that an override names holds another finished run.

    A run may resume in its own folder.
    """
    typed = {one.key_or_group: str(one.value()) for one in overrides}
    key = "hydra.sweep.dir" if sweeping else "hydra.run.dir"
    if key not in typed:
        return
    folders = [Path(typed[key])]
    if sweeping and "hydra.sweep.subdir" in typed:
        folders = [folders[0] / typed["hydra.sweep.subdir"]]
    elif sweeping:
        folders = sorted(folders[0].glob("*"))
    ended = [folder for folder in folders if RunFolder(folder).finished]
    if "ckpt_path" in typed:
        own = RunFolder.of(Path(typed["ckpt_path"]).resolve()).path
        ended = [folder for folder in ended if folder.resolve() != own]
    if ended:
        raise InputError(f"{key}: {ended[0]} holds a finished run; choose another folder")
