"""What is no checkpoint, is damaged, or would do harm is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fer.common.errors import InputError
from fer.config import compose
from fer.config.recipe import revise
from fer.data.exposure import Seen
from fer.models import checkpoint
from fer.training import patches

NODES = {name: {"_target_": f"fer.{name}.Thing"} for name in checkpoint.NODES}


def content() -> dict[str, Any]:
    pairs = torch.tensor([[0, 3], [7, -7]])
    return {
        "state_dict": {"network.weight": torch.ones(2)},
        "fer": {
            "recipe": NODES | dict.fromkeys(checkpoint.KEYS),
            "classes": ["sad", "happy"],
            "channels": ["original"],
            "size": 48,
            "seen": [{"fingerprint": "f", "train": pairs, "val": pairs[:, :1]}],
        },
    }


def test_a_file_or_its_run(tmp_path: Path) -> None:
    file = tmp_path / "run/checkpoints/best.ckpt"
    file.parent.mkdir(parents=True)
    torch.save(content(), file)
    (tmp_path / "run/summary.json").write_text("{}")
    for place in (file, tmp_path / "run"):
        read = checkpoint.read(place)
        assert (read.path, read.classes, read.channels, read.size) == (
            file, ("sad", "happy"), ("original",), 48
        )  # fmt: skip
        pairs = torch.tensor([[0, 3], [7, -7]])
        assert read.seen == (Seen("f", pairs, pairs[:, :1]),)
        assert read.seen[0].hashes("train").tolist() == [7, 2**64 - 7]
        assert read.weights["network.weight"].tolist() == [1, 1]
    assert checkpoint.read(file, device="meta").weights["network.weight"].is_meta


def without(*keys: str) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (without("fer"), "is no checkpoint of this project, or a damaged one (it holds no 'fer')"),
        (without("state_dict"), "(its 'state_dict' is missing or no dict of tensors)"),
        (without("fer", "seen"), "keeps no record"),
        (without("fer", "recipe", "model"), "(its recipe holds no 'model' to build)"),
        (lambda c: c["fer"].update(classes=[0, 1]), "(its 'classes' are no words)"),
        (lambda c: c["fer"].update(size="48"), "(its 'size' is missing or no int)"),
        (lambda c: c["fer"]["seen"].append({}), "(its 'seen' holds no fingerprint, train, val)"),
        (lambda c: c["fer"]["seen"][0].update(val=torch.ones(2, 3)),
         "('val' of its 'seen' is no list of rows and hashes)"),
    ],
)  # fmt: skip
def test_what_it_lacks_is_named(tmp_path: Path, change: Callable, line: str) -> None:
    changed = content()
    change(changed)
    torch.save(changed, tmp_path / "x.ckpt")
    with pytest.raises(InputError) as fault:
        checkpoint.read(tmp_path / "x.ckpt")
    assert line in str(fault.value) and str(fault.value).startswith(f"{tmp_path / 'x.ckpt'}")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (without("fer", "recipe", "monitor"), "(its recipe holds no 'monitor')"),
        (lambda c: c["fer"]["recipe"].update(optim={"lr": 1.0}), "(its recipe holds no 'optim' to build)"),
    ],
)  # fmt: skip
def test_a_network_at_work_needs_less_than_a_resumed_run(
    tmp_path: Path, change: Callable, line: str
) -> None:
    changed = content()
    change(changed)
    torch.save(changed, tmp_path / "x.ckpt")
    found = checkpoint.read(tmp_path / "x.ckpt")
    with pytest.raises(InputError) as fault:
        checkpoint.require_whole_recipe(found)
    assert line in str(fault.value) and str(fault.value).startswith(f"{tmp_path / 'x.ckpt'}")


class Harm:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("harm"),)


def test_strange_files(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content(), "whole.ckpt")
    Path("cut.ckpt").write_bytes(Path("whole.ckpt").read_bytes()[:-300])
    Path("text.ckpt").write_text("weights")
    Path("empty.ckpt").write_bytes(b"")
    torch.save(content() | {"more": Harm()}, "harm.ckpt")
    torch.save([1, 2], "list.ckpt")
    for name in ("cut", "text", "empty", "harm", "list"):
        with pytest.raises(InputError, match=f"^{name}.ckpt is no checkpoint of this project"):
            checkpoint.read(Path(f"{name}.ckpt"))
    with pytest.raises(InputError, match="checkpoints/best.ckpt: no such file"):
        checkpoint.read(tmp_path)
    assert not Path("harm").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    path, files = tmp_path / "checkpoints/last.ckpt", patches.WholeFiles()
    files.save_checkpoint({"epoch": 1}, path)

    def half(source: str, place: str) -> None:  # as from another disk, which is full
        Path(place).write_bytes(Path(source).read_bytes()[:10])
        raise OSError("no space")

    monkeypatch.setattr("shutil.move", half)
    with pytest.raises(OSError, match="no space"):
        files.save_checkpoint({"epoch": 2}, path)
    assert torch.load(path) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_recipe_builds_only_what_a_config_names() -> None:
    cfg = compose.compose_config(["data=drawn"])
    recipe = compose.OmegaConf.to_container(cfg)
    assert revise(recipe, ["data.count=700"]).data.count == 700
    assert revise(recipe, ["++data.of_my_own=3"]).data.of_my_own == 3
    assert revise(recipe, ["trainer=cpu"]).trainer.accelerator == "cpu"
    built = {"_target_": "os.mkdir"}
    for node in (built, {"channels": [built]}, {"channels": ({"deep": (built,)},)}):
        with pytest.raises(InputError, match="^os.mkdir: no config in .* builds it"):
            revise(recipe | {"model": recipe["model"] | node}, [])
    hidden = {"channels": "${oc.create:{_target_:os.mkdir}}"}
    with pytest.raises(InputError, match="^channels: .* a finished recipe holds values alone"):
        revise(recipe | {"model": recipe["model"] | hidden}, [])
