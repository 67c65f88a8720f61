"""A packed network holds what its checkpoint did, is half the size, and is refused when damaged."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from fer.common.errors import InputError
from fer.data.exposure import Seen
from fer.models import checkpoint, packed
from fer.models.classifier import restore

SEEN = (
    Seen("first", torch.tensor([[0, 3], [7, -7]]), torch.tensor([[5], [2**62]])),
    Seen("second", torch.tensor([[9], [1]]), torch.empty(2, 0, dtype=torch.int64)),
)
KERNEL = torch.linspace(-1, 1, 54).view(2, 3, 3, 3).contiguous(memory_format=torch.channels_last)
VARIANCE = torch.tensor([1e-9, 3.0])  # half precision takes the first for 0
WEIGHTS = {
    "network.conv.weight": KERNEL,
    "network.norm.running_var": VARIANCE,
    "network.norm.num_batches_tracked": torch.tensor(2**40),
    "preprocess.mean": torch.tensor([[[0.1]]]),
    "preprocess.std": torch.tensor([[[0.3]]]),
}


def kept(**changes: Any) -> dict[str, Any]:
    recipe = {name: {"_target_": f"fer.things.{name}"} for name in checkpoint.NODES}
    recipe |= dict.fromkeys(checkpoint.KEYS)
    own = {"recipe": recipe, "classes": ("sad", "happy"), "channels": ("original",), "size": 48}
    return own | {"seen": SEEN} | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    packed.save(tmp_path, weights=WEIGHTS, kept=kept(), results={"test/acc": 0.5})
    assert {file.name for file in tmp_path.iterdir()} == {packed.TENSORS, packed.FACTS}
    return tmp_path


def test_others_may_read_it(folder: Path) -> None:
    (folder / "mine").touch()
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1


def test_what_is_read_is_what_was_packed(folder: Path) -> None:
    for place in (folder, folder / packed.TENSORS):
        read = checkpoint.read(place)
        assert read.path == folder / packed.TENSORS
        assert {name: getattr(read, name) for name in checkpoint.KEPT} == kept()
        assert set(read.weights) == set(WEIGHTS)
    kernel = read.weights["network.conv.weight"]
    assert kernel.dtype == torch.float32
    assert np.array_equal(kernel, KERNEL.numpy().astype(np.float16).astype(np.float32))
    assert not torch.equal(kernel, KERNEL)
    for name in set(WEIGHTS) - {"network.conv.weight"}:
        assert torch.equal(read.weights[name], WEIGHTS[name])
    assert checkpoint.read(folder, device="meta").weights["network.conv.weight"].is_meta


def test_the_files_speak_for_themselves(folder: Path) -> None:
    facts = json.loads((folder / packed.FACTS).read_text())
    assert facts["sha256"] == hashlib.sha256((folder / packed.TENSORS).read_bytes()).hexdigest()
    assert facts["preprocess"] == {"mean": [pytest.approx(0.1)], "std": [pytest.approx(0.3)]}
    assert facts["recipe"]["model"] == {"_target_": "fer.things.model"}
    assert (facts["results"], facts["precision"]) == ({"test/acc": 0.5}, "float16")
    assert {"classes", "channels", "size", "versions", "git"} <= set(facts)
    with safe_open(folder / packed.TENSORS, "np") as file:
        assert file.get_slice("network.conv.weight").get_dtype() == "F16"
        assert file.get_tensor("seen.0.train.rows").tolist() == [0, 3]
        assert file.get_tensor("seen.0.train.hashes").tolist() == [7, -7]


def test_two_bytes_a_weight_and_twelve_a_row(tmp_path: Path) -> None:
    weights = WEIGHTS | {"network.linear.weight": torch.zeros(300, 1000)}
    rows = torch.zeros(2, 20_000, dtype=torch.int64)
    seen = (Seen("f", rows, rows[:, :4000]),)
    packed.save(tmp_path, weights=weights, kept=kept(seen=seen), results=None)
    size = (tmp_path / packed.TENSORS).stat().st_size
    assert 0 < size - 2 * 300_000 - 12 * 24_000 < 2000  # the header, and what WEIGHTS has


def test_temperature_and_margin_are_read_where_a_file_has_them(folder: Path) -> None:
    older = checkpoint.read(folder)
    assert (older.temperature, older.margin) == (1.0, None)
    fact(temperature=2, margin={"side": 1.5})(folder)
    read = checkpoint.read(folder)
    assert (read.temperature, read.margin) == (2.0, {"side": 1.5})


def test_a_copy_has_the_same_weights_and_other_facts(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    for _ in range(2):  # also in its own place
        packed.copy(folder / packed.TENSORS, tmp_path / "copy", temperature=1.5)
        folder = tmp_path / "copy"
    assert (folder / packed.TENSORS).read_bytes() == (tmp_path / packed.TENSORS).read_bytes()
    facts = [json.loads((each / packed.FACTS).read_text()) for each in (folder, tmp_path)]
    assert facts[0] == facts[1] | {"temperature": 1.5}
    assert checkpoint.read(folder).temperature == 1.5


def changed(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes()))


def fact(**values: Any) -> Callable[[Path], None]:
    return changed(packed.FACTS, lambda text: json.dumps(json.loads(text) | values).encode())


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (changed(packed.TENSORS, lambda file: file[:-1] + bytes([file[-1] ^ 1])),
         r"safetensors: its SHA-256 is \w{12}\.\.\., but network.json has \w{12}\.\.\."),
        (changed(packed.TENSORS, lambda file: file[:100]), "network.safetensors: its SHA-256 is"),
        (lambda folder: (folder / packed.TENSORS).unlink(), "network.safetensors: no such file"),
        (lambda folder: (folder / packed.FACTS).unlink(),
         "network.json: no such file"),
        (changed(packed.FACTS, lambda text: text[:70]), "is no checkpoint of this project, or a dam"),
        (changed(packed.FACTS, lambda _: b"[]"), "is no checkpoint of this project, or a damaged"),
        (changed(packed.FACTS, lambda _: b"{}"), r"or a damaged one \(KeyError: 'sha256'\)"),
        (fact(seen=["f"] * 3), "record of training images is not that of network.json"),
        (fact(seen=["f"]), "record of training images is not that of network.json"),
        (fact(seen=[]), "record of training images is not that of network.json"),
        (fact(seen=None), "is no checkpoint of this project, or a damaged one"),
        (fact(temperature=0), r"\(its 'temperature' is 0, no number above 0\)"),
        (fact(temperature=float("nan")), r"\(its 'temperature' is nan, no number above 0\)"),
        (fact(temperature=None), r"\(its 'temperature' is None, no number above 0\)"),
        (fact(margin=[1]), r"\(its 'margin' is no object\)"),
        (fact(size="48"), r"\(its 'size' is missing or no int\)"),
        (fact(recipe={}), r"\(its recipe holds no 'model' to build\)"),
    ],
)  # fmt: skip
def test_a_fault_gets_one_line(folder: Path, damage: Callable, line: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=line) as fault:
        checkpoint.read(folder)
    assert str(fault.value).startswith(str(folder)) and "\n" not in str(fault.value)


def test_a_network_that_says_it_has_seen_nothing_is_refused(tmp_path: Path) -> None:
    packed.save(tmp_path, weights=WEIGHTS, kept=kept(seen=()), results=None)
    with pytest.raises(InputError, match="keeps no record"):
        checkpoint.read(tmp_path)


def test_what_half_precision_cannot_hold_is_not_packed(folder: Path) -> None:
    before = {file: file.read_bytes() for file in folder.iterdir()}
    weights = WEIGHTS | {"network.linear.weight": torch.full((2, 2), 7e4)}
    with pytest.raises(InputError, match="^network.linear.weight: holds a weight that half"):
        packed.save(folder, weights=weights, kept=kept(), results=None)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_strangers_network_builds_only_what_a_config_names(
    tmp_path: Path, monkeypatch, pack_untrained: Callable
) -> None:
    monkeypatch.chdir(tmp_path)
    pack_untrained(tmp_path, "data=drawn", "data.count=700")
    held = checkpoint.read(tmp_path)
    assert restore(held).classes == held.classes
    held.recipe["model"] = {"_target_": "os.mkdir", "path": "harm"}
    with pytest.raises(InputError, match="^os.mkdir: no config in .* builds it"):
        restore(held)
    assert not Path("harm").exists()


def test_shipped_is_the_packages_own(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "WEIGHTS", folder / "none")
    with pytest.raises(InputError, match="^shipped: no network in .*none, this copy of fer came"):
        checkpoint.read(Path("shipped"))
    monkeypatch.setattr(checkpoint, "WEIGHTS", folder)
    assert checkpoint.read(Path("shipped")).path == folder / packed.TENSORS
    monkeypatch.chdir(folder.parent)  # committed files must not tell where a checkout lies
    assert checkpoint.read(Path("shipped")).path == Path(folder.name) / packed.TENSORS
