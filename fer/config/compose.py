"""The command line composed into configs, checked before torch is loaded: one line where it is wrong."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer.common.errors import InputError
from fer.config.paths import check_folder, conf_folder
from fer.config.schema import check_node, check_override, check_settings

HYDRAS_OWN = (
    "--help -h --hydra-help --version --cfg -c --info -i --resolve --shell-completion -sc"
).split()
SWEEP = ("-m", "--multirun")


def compose_jobs(arguments: Sequence[str]) -> list[DictConfig]:
    """Every job's config, checked; none where the arguments ask Hydra itself something.

    Raises InputError in one line for an unknown key or option, a value of another type than the
    YAML's, a line that is no override, or a sweep without -m.
    """
    if any(word.split("=")[0] in HYDRAS_OWN for word in arguments):
        return []
    for word in arguments:  # --config-name and the like would run another config than is checked
        if word.startswith("-") and word not in SWEEP:
            raise InputError(f"{word}: no such option; there are key=value, -m and --help")
    sweeping = any(word in SWEEP for word in arguments)
    words = [word for word in arguments if not word.startswith("-")]
    overrides = parse(words)
    own = [one for one in overrides if not _is_hydras(one)]
    for override in overrides:  # jobs that no check would see
        if override.key_or_group.startswith("hydra.sweeper.params"):
            raise InputError(f"{override.input_line}: name the values as in optim.lr=1e-3,3e-3")
    check_folder(overrides, sweeping=sweeping)
    if not sweeping:
        for override in own:
            if override.is_sweep_override():
                raise InputError(f"{override.input_line}: several values; a sweep wants -m")
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        if hydras := [one for one in overrides if _is_hydras(one)]:
            _compose(hydras, "")
        return [_job(list(lines), sweeping=sweeping) for lines in _product(own)]


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def parse(words: Iterable[str]) -> list[Override]:
    """The words as Hydra reads them; InputError names the one that it cannot, and how to quote it."""
    overrides = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
        except HydraException:
            key, equals, value = word.partition("=")
            if not equals:
                raise InputError(f"{word}: expected key=value") from None
            raise InputError(
                f"{word}: no value that Hydra can read; meant as a word, it is quoted twice: "
                f"'{key}=\"{value}\"'"
            ) from None
    return overrides


def _first_line(fault: BaseException) -> str:
    return str(fault).strip().splitlines()[0]


def _product(overrides: Iterable[Override]) -> Iterable[tuple[str, ...]]:
    """The override lines of each job, as Hydra's basic sweeper makes them."""
    choices = []
    for override in overrides:
        if override.is_sweep_override():
            key = override.get_key_element()
            try:
                values = list(override.sweep_string_iterator())
            except HydraException:  # intervals and globs: what they stand for, a sweeper says later
                raise InputError(
                    f"{override.input_line}: name the values, as in {key}=a,b"
                ) from None
            choices.append([f"{key}={value}" for value in values])
        else:
            choices.append([str(override.input_line)])
    return itertools.product(*choices)


def _job(lines: list[str], *, sweeping: bool) -> DictConfig:
    where = f" (in the job {' '.join(lines)})" if sweeping else ""
    overrides = OverridesParser.create().parse_overrides(lines)
    groups = [one for one in overrides if is_group(one)]
    base = _compose(groups, where)
    for override in overrides:
        if is_group(override) or override.is_delete():
            continue
        try:
            check_override(base, override)
        except InputError as fault:
            raise InputError(f"{fault}{where}") from None
    cfg = _compose(overrides, where)
    check_settings(cfg)
    check_node("trainer", cfg.trainer)
    trainer = cfg.get("trainer") or {}
    if sweeping and any(_number(trainer.get(key, 1)) != 1 for key in ("devices", "num_nodes")):
        raise InputError(
            "trainer: a sweep (-m) wants devices=1 and num_nodes=1; each process of several would "
            "start the sweep again"
        )
    return cfg


def _number(devices: Any) -> int:
    """How many a Trainer's `devices` or `num_nodes` names; 0 where the machine decides (auto, -1)."""
    if isinstance(devices, ListConfig):
        return len(devices)
    return max(0, devices) if isinstance(devices, int) else 0


def is_group(override: Override) -> bool:
    return (conf_folder() / override.key_or_group.split("@")[0]).is_dir()


def _compose(overrides: Sequence[Override], where: str) -> DictConfig:
    for override in overrides:
        group = override.key_or_group.split("@")[0]
        folder = conf_folder() / group
        value = override.value()
        options = sorted(path.stem for path in folder.glob("*.yaml"))
        optional = group == "experiment"
        if is_group(override) and value not in options and not (optional and value is None):
            known = ", ".join(options)
            raise InputError(f"{override.input_line}: no such option; choose from {known}{where}")
    try:
        cfg = compose("train", [str(one.input_line) for one in overrides])
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
        return cfg
    except (HydraException, OmegaConfBaseException) as fault:
        raise InputError(_first_line(fault.__cause__ or fault) + where) from None
