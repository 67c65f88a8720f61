"""The annotations of constructors are the schema: key, value and expectation in one line."""

from collections.abc import Sequence
from typing import Annotated, Literal

import pytest
from annotated_types import Interval, MinLen
from omegaconf import OmegaConf
from typing_extensions import NotRequired, TypedDict

from fer.common.errors import InputError
from fer.config import schema

Keys = TypedDict(
    "Keys",
    {
        "whole": NotRequired[int],
        "share": NotRequired[Annotated[float, Interval(ge=0, lt=1)]],
        "sizes": NotRequired[Annotated[Sequence[int], MinLen(1)]],
        "pair": NotRequired[tuple[float, float]],
        "name": NotRequired[Literal["none", "batch"]],
        "switch": NotRequired[bool],
        "path": NotRequired[str | None],
        "either": NotRequired[int | Literal["auto"]],
    },
)


@pytest.mark.parametrize(
    "values",
    [
        {"share": 0, "sizes": [1, 2], "pair": [1, 0.5], "path": None, "switch": True},
        {"whole": 3, "name": "batch", "path": "a.csv", "either": "auto"},
        {"either": 2},
        {},
    ],
)
def test_what_the_annotations_allow_passes(values: dict) -> None:
    schema.check("node.", values, Keys)


@pytest.mark.parametrize(
    ("values", "place", "parts"),
    [
        ({"whole": "1"}, "whole", ["'1'", "integer"]),
        ({"whole": True}, "whole", ["true", "integer"]),
        ({"whole": 1.5}, "whole", ["1.5", "integer"]),
        ({"whole": None}, "whole", ["null", "integer"]),
        ({"share": 1.5}, "share", ["1.5", "less than 1"]),
        ({"share": float("nan")}, "share", ["nan", "finite"]),
        ({"sizes": 64}, "sizes", ["64", "array"]),
        ({"sizes": []}, "sizes", ["[]", "at least 1 item"]),
        ({"sizes": [1, "a"]}, "sizes[1]", ["'a'", "integer"]),
        ({"pair": [1, 2, 3]}, "pair", ["[1, 2, 3]", "2 items"]),
        ({"pair": [1]}, "pair[1]", ["missing"]),
        ({"name": "layer"}, "name", ["'layer'", "'none' or 'batch'"]),
        ({"switch": 1}, "switch", ["1", "boolean"]),
        ({"path": 3}, "path", ["3", "string"]),
        ({"either": "all"}, "either", ["'all'", "integer", "'auto'"]),
        ({"shaer": 0.1, "whole": "1"}, "shaer", ["no such key", "'share'"]),
    ],
)
def test_what_they_refuse_is_one_line(values: dict, place: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as fault:
        schema.check("node.", values, Keys)
    line = str(fault.value)
    assert line.startswith(f"node.{place}: ") and "\n" not in line
    assert [part for part in parts if part not in line] == []


R1 = {"_target_": "fer.models.R1", "channels": [8], "repeats": [1]}


@pytest.mark.parametrize(
    ("node", "line"),
    [
        ({"chanels": [8]}, "model.chanels: no such key; did you mean 'channels'?"),
        ({"classes": 8}, "model.classes: no such key"),  # the program supplies it
        ({"_target_": "fer.models.R9"}, "model._target_: there is no fer.models.R9"),
    ],
)
def test_a_node_is_held_against_its_constructor(node: dict, line: str) -> None:
    schema.check_node("model", OmegaConf.create(R1))
    with pytest.raises(InputError, match="^" + line.replace("?", r"\?")):
        schema.check_node("model", OmegaConf.create(R1 | node))


@pytest.mark.parametrize("key", ["channels", "_target_"])
def test_a_missing_key_is_named(key: str) -> None:
    node = OmegaConf.create({name: value for name, value in R1.items() if name != key})
    with pytest.raises(InputError, match=rf"^model\.{key}: missing"):
        schema.check_node("model", node)
