"""docs/interface.md has a row for every config key, option, command and plain key of summary.json."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fer.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/interface.md").read_text()
GROUPS = sorted(path for path in (ROOT / "conf").iterdir() if path.is_dir())
HYDRAS = {"defaults", "hydra", "_target_"}


def section(heading: str) -> str:
    """The text from a heading to the next one of its level or above."""
    level, rest = heading.split()[0], PAGE.partition(f"\n{heading}\n")[2]
    return re.split(rf"\n#{{2,{len(level)}}} ", rest)[0]


def names(text: str) -> set[str]:
    """The words in backquotes, without their group."""
    return {
        word.rpartition(".")[2] for cell in re.findall("`([^`]+)`", text) for word in cell.split()
    }


def listed(heading: str) -> set[str]:
    """The names in the first column of a section's tables."""
    return names(" ".join(re.findall(r"^\| ([^|]*) \|", section(heading), re.M)))


def settings(path: Path) -> set[str]:
    return set(yaml.safe_load(path.read_text())) - HYDRAS


def options() -> Iterator[tuple[str, Path]]:
    for group in GROUPS:
        for path in sorted(group.glob("*.yaml")):
            yield group.name, path


@pytest.mark.parametrize(
    ("group", "path"), list(options()), ids=lambda each: getattr(each, "stem", each)
)
def test_each_option_and_each_of_its_keys_is_listed(group: str, path: Path) -> None:
    (row,) = re.findall(rf"^\| `{group}` \|.*", section("## Config keys"), re.M)
    assert path.stem in names(row) or path.stem.startswith("_")  # shared by options
    if group != "experiment" and path.stem != "debug":  # debug adds what Lightning documents
        assert settings(path) <= listed("## Config keys")


def test_each_key_at_the_top_is_listed() -> None:
    assert settings(ROOT / "conf/train.yaml") <= listed("### Top level")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_section(name: str) -> None:
    assert f"fer {name}" in section(f"### fer {name}")


@pytest.mark.parametrize("recorded", ["default/summary.json", "shipped/summary.json"])
def test_each_plain_key_of_a_summary_is_listed(recorded: str) -> None:
    keys = json.loads((ROOT / "results" / recorded).read_text())
    assert {key for key in keys if "/" not in key} <= listed("## summary.json")
