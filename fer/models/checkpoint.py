"""A finished network as its file holds it: weights, recipe, and the images it was trained on."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fer.common.errors import InputError
from fer.common.run_folder import RunFolder
from fer.config.renamed import todays_planes, with_todays_names
from fer.data.exposure import Seen
from fer.models import exported, packed

SHIPPED = "shipped"  # names the network in WEIGHTS, in place of a run or a checkpoint
WEIGHTS = Path(__file__).resolve().parent / "shipped"

# What FaceModule.on_save_checkpoint writes next to the weights.
KEPT = {"recipe": dict, "classes": list, "channels": list, "size": int, "seen": list}
# What the recipe of a whole run holds. A network at work needs the node `model` alone.
KEYS = ("seed", "monitor", "channels_last", "resolutions")
NODES = ("model", "data", "augment", "optim", "schedule", "loss", "trainer")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds of a finished network.

    path: the file with the weights.
    recipe: the whole config of its training, with today's names.
    classes, channels, size: as of fer.models.classifier.Classifier.
    seen: every set of images that it was trained or validated on.
    weights: the Classifier's state. Empty for an ONNX file, which has its own.
    temperature: what its logits are divided by, so that a confidence is a frequency. 1 where none
        was fitted.
    margin: the numbers of fer.inference.cut.Place, which face crops it expects. None: the default.
    """

    path: Path
    recipe: dict[str, Any]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    size: int
    seen: tuple[Seen, ...]
    weights: dict[str, Tensor]
    temperature: float = 1.0
    margin: Mapping[str, Any] | None = None


def read(place: Path, *, device: Literal["cpu", "meta"] = "cpu") -> Checkpoint:
    """The network that `place` names (see `find`), in single precision.

    device: `meta` reads shapes alone. Raises InputError for another file, a damaged one, and one
    without the record of its training images. Nothing in the file is executed.
    """
    path = find(place)
    kept, weights = _content(path, device)
    return Checkpoint(
        path=path,
        recipe=with_todays_names(kept["recipe"]),
        classes=tuple(kept["classes"]),
        channels=tuple(todays_planes(kept["channels"])),
        size=kept["size"],
        seen=tuple(_seen(path, each) for each in kept["seen"]),
        weights=weights,
        temperature=float(kept.get("temperature", 1)),
        margin=kept.get("margin"),
    )


def _content(path: Path, device: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file keeps of its network (KEPT), and the weights, both checked."""
    try:
        if path.name == packed.TENSORS:
            content = packed.load(path, device=device)
        elif path.suffix == exported.SUFFIX:
            content = exported.load(path)
        else:
            content = torch.load(path, map_location=device, weights_only=True)
    except InputError:
        raise
    except Exception as fault:  # a strange file makes torch raise many things
        raise _none(path, f"{type(fault).__name__}: {fault}") from None
    if not isinstance(content, dict) or not isinstance(content.get("fer"), dict):
        raise _none(path, "it holds no 'fer'")
    kept, weights = content["fer"], content.get("state_dict")
    _check_kept(path, kept)
    if not isinstance(weights, dict) or not all(map(torch.is_tensor, weights.values())):
        raise _none(path, "its 'state_dict' is missing or no dict of tensors")
    return kept, weights


def _check_kept(path: Path, kept: dict[str, Any]) -> None:
    if not kept.get("seen", ()):
        raise InputError(
            f"{path}: keeps no record of the images it was trained on; train it again with this version"
        )
    for key, kind in KEPT.items():
        if not isinstance(kept.get(key), kind):
            raise _none(path, f"its {key!r} is missing or no {kind.__name__}")
    for key in ("classes", "channels"):
        if not all(isinstance(name, str) for name in kept[key]):
            raise _none(path, f"its {key!r} are no words")
    _check_use(path, kept)
    _check_nodes(path, kept["recipe"], ("model",))


def _check_use(path: Path, kept: Mapping[str, Any]) -> None:
    """Raises InputError for a temperature or margin that is none. Older files have neither."""
    temperature = kept.get("temperature", 1)
    if type(temperature) not in (int, float) or not 0 < temperature < math.inf:
        raise _none(path, f"its 'temperature' is {temperature!r}, no number above 0")
    if not isinstance(kept.get("margin"), dict | None):
        raise _none(path, "its 'margin' is no object")


def require_whole_recipe(found: Checkpoint) -> None:
    """Raises InputError where a file's recipe lacks what training and measuring need (KEYS, NODES)."""
    for key in KEYS:
        if key not in found.recipe:
            raise _none(found.path, f"its recipe holds no {key!r}")
    _check_nodes(found.path, found.recipe, NODES)


def _check_nodes(path: Path, recipe: dict[str, Any], nodes: Iterable[str]) -> None:
    for name in nodes:
        node = recipe.get(name)
        if not (isinstance(node, dict) and isinstance(node.get("_target_"), str)):
            raise _none(path, f"its recipe holds no {name!r} to build")


def find(place: Path) -> Path:
    """The file that holds the weights of `place`.

    place: a checkpoint, the folder of a finished run (its best epoch), the folder of a packed
    network, an ONNX file of `fer export`, or `shipped`. Raises InputError where there is none.
    """
    if place == Path(SHIPPED):
        return _shipped()
    path = place = place.expanduser()
    if place.is_dir():
        files = [place / name for name in (packed.TENSORS, packed.FACTS)]
        given = any(file.exists() for file in files)
        place = place.parent if (place / RunFolder(place).best.name).is_file() else place
        path = files[0] if given else RunFolder(place).best
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected a run's folder, a checkpoint, a packed network's folder, "
            f"an ONNX file or {SHIPPED!r}"
        )
    run = RunFolder(place)
    if path == run.best and not run.finished:
        raise InputError(
            f"{place}: has no {run.summary.name}, so this run has not ended; resume it with "
            f"ckpt_path={run.last}, or name its best epoch so far, {run.best}"
        )
    return path


def _shipped() -> Path:
    path, here = WEIGHTS / packed.TENSORS, Path.cwd()
    if not path.is_file():
        raise InputError(
            f"{SHIPPED}: no network in {WEIGHTS}, this copy of fer came without one; name a run or a "
            "checkpoint"
        )
    return path.relative_to(here) if path.is_relative_to(here) else path


def _none(path: Path, why: str) -> InputError:
    return InputError(f"{path} is no checkpoint of this project, or a damaged one ({why:.80})")


def _seen(path: Path, content: Any) -> Seen:
    keys = ("fingerprint", "train", "val")
    if not isinstance(content, dict) or set(content) != set(keys):
        raise _none(path, f"its 'seen' holds no {', '.join(keys)}")
    for part in ("train", "val"):
        pairs = content[part]
        if not torch.is_tensor(pairs) or pairs.dtype != torch.int64 or pairs.shape[:-1] != (2,):
            raise _none(path, f"{part!r} of its 'seen' is no list of rows and hashes")
    return Seen(**content)
