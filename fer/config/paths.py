"""The folder of configs, its groups and options, and the resolver of its YAML."""

from collections.abc import Iterable
from pathlib import Path

from omegaconf import OmegaConf

from fer.common.run_folder import claim_folder


def conf_folder() -> Path:
    """The folder of configs: inside the package where it was installed, else the checkout's conf/."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def options_of(group: str, places: Iterable[str] = ()) -> list[str]:
    """The options of a config group. Files that begin with `_` are shared by options and are none.

    places: folders of own recipes, as Hydra names them (`file://DIR`)
    """
    folders = [conf_folder(), *(Path(place.removeprefix("file://")) for place in places)]
    return sorted({path.stem for each in folders for path in (each / group).glob("[!_]*.yaml")})


def register_resolvers() -> None:
    """Makes `${run_folder:NAME}` claim runs/<date>/<time>_NAME, with a suffix where that exists."""
    OmegaConf.register_new_resolver("run_folder", claim_folder, use_cache=True, replace=True)
