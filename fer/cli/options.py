"""What `python train.py --help` prints: groups, keys, values, and the comments of their YAML."""

import json
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from fer.config.compose import compose_config
from fer.config.paths import conf_folder, options_of

USAGE = """\
usage: python train.py [-m] [key=value ...]      (or: fer train ...)

Train a network. python train.py data=drawn needs no download.
A group names a file of keys (model=r2), a key one value (model.dropout=0.3).
--config-dir DIR adds own recipes: DIR/experiment/NAME.yaml is experiment=NAME.
-m runs a sweep over listed values (-m optim.lr=1e-3,3e-3).
Other options have other keys: python train.py model=r2 optim=muon --help
"""


def help_text(overrides: Sequence[str]) -> str:
    """The help of a command with `overrides`. Raises InputError for wrong ones."""
    if overrides:
        compose_config(overrides)
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("train", list(overrides), return_hydra_config=True)
    choices = cfg.hydra.runtime.choices
    groups = [path.name for path in sorted(conf_folder().iterdir()) if path.is_dir()]
    options = [
        (group, choices[group] or "null", _others(group, choices[group])) for group in groups
    ]
    sections = [
        _section("Groups, the chosen option, the others:", options),
        _section("Keys:", _rows(cfg, "", conf_folder() / "train.yaml")),
    ]
    for group in groups:
        if isinstance(cfg.get(group), DictConfig):
            path = conf_folder() / group / f"{choices[group]}.yaml"
            title = f"Keys of {group}={choices[group]}:"
            sections.append(_section(title, _rows(cfg[group], f"{group}.", path)))
    return USAGE + "\n".join(sections)


def _others(group: str, chosen: str | None) -> str:
    return ", ".join(name for name in options_of(group) if name != chosen)


def _rows(node: DictConfig, prefix: str, path: Path) -> Iterator[tuple[str, str, str]]:
    """Key, value and comment of each key of a node that is no node itself."""
    meant = comments(path)
    for key, value in OmegaConf.to_container(node, resolve=False).items():
        if not key.startswith("_") and not isinstance(value, dict):
            yield prefix + key, _yaml(value), meant.get(key, "")


def _yaml(value: object) -> str:
    """A value as it is typed: null, true, [1, 2], words without quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _section(title: str, rows: Iterable[tuple[str, str, str]]) -> str:
    listed = list(rows)
    first = max((len(key) for key, _, _ in listed), default=0)
    second = min(20, max((len(value) for _, value, _ in listed), default=0))
    width = max(40, shutil.get_terminal_size((110, 24)).columns - first - second - 6)
    lines = ["", title]
    for key, value, comment in listed:
        text = textwrap.wrap(comment, width) or [""]
        if len(value) > second:  # a long list has a line of its own
            lines.append(f"  {key:<{first}}  {value}")
            key, value = "", ""
        lines.append(f"  {key:<{first}}  {value:<{second}}  {text[0]}".rstrip())
        lines += [" " * (first + second + 6) + more for more in text[1:]]
    return "\n".join(lines)


def comments(path: Path) -> dict[str, str]:
    """The comment of each key in a YAML file and in those that its defaults name.

    It stands at the end of the key's line, continues in indented lines, or stands in lines above.
    """
    found: dict[str, str] = {}
    if not path.is_file():  # an own recipe of --config-dir
        return found
    text = path.read_text()
    if path.parent != conf_folder():
        for parent in re.findall(r"^  - (\w+)$", text, re.M):
            found |= comments(path.with_name(f"{parent}.yaml"))
    above: list[str] = []
    key = ""
    for line in text.splitlines():
        comment = line.partition("# ")[2].strip()
        if line.startswith("#"):
            above.append(comment)
        elif line.startswith(" ") and line.strip().startswith("# ") and key in found:
            found[key] += f" {comment}"
        elif opened := re.match(r"(\w+):", line):
            key = opened[1]
            if comment or above:
                found[key] = comment or " ".join(above)
            above = []
    return found
