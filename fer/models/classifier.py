"""The network that can be used: from faces to the probabilities of their classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import fer.models
from fer.common.errors import InputError
from fer.config.instantiate import construct
from fer.data.planes import Preprocess
from fer.models import exported
from fer.models.checkpoint import Checkpoint
from fer.models.exported import Exported


class Classifier(nn.Module):
    """Planes, normalisation and a network: faces [B, 1, size, size] -> probabilities [B, classes].

    Faces are uint8, or float in [0, 1]. Training, measuring, inference and export share this module.
    Its state is what checkpoints and packed files hold.

    network: from planes [B, len(channels), size, size] to logits [B, classes].
    classes: names, in the order of the outputs.
    channels: names of planes (`fer.data.planes.PLANES`), in the order of the network's inputs.
    size: side of the faces in pixels.
    channels_last: keep weights and planes in that memory format. The numbers differ by rounding alone.
    temperature: divides the logits before the softmax (fer.evaluation.calibration). It changes
        confidences and no label. Training does without it.

    Raises ValueError for a plane without a name in `PLANES`.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str],
        channels: Sequence[str],
        size: int,
        channels_last: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        self.preprocess = Preprocess(channels)
        self.classes, self.channels, self.size = tuple(classes), tuple(channels), size
        self.temperature = temperature

    def logits(self, faces: Tensor) -> Tensor:
        """The network's outputs [B, classes]. In training with branches: [B, branches, classes]."""
        # The planes keep single precision under autocast.
        with torch.autocast(faces.device.type, enabled=False):
            planes = self.preprocess(faces)
        logits: Tensor = self.network(planes.contiguous(memory_format=self.memory_format))
        return logits

    def forward(self, faces: Tensor) -> Tensor:
        """Calibrated probabilities [B, classes], float32. For a network in eval mode."""
        return (self.logits(faces).float() / self.temperature).softmax(1)


def build_network(model: Mapping[str, Any], *, channels: int, classes: int, size: int) -> nn.Module:
    """The network that a config's `model` node describes, with new weights.

    channels, classes: how many of them. Raises InputError for what the constructor refuses.
    """
    network: nn.Module = construct("model", model, in_channels=channels, classes=classes, size=size)
    return network


def restore(found: Checkpoint) -> Classifier | Exported:
    """The network of a file with its weights, in eval mode. An ONNX file is run by ONNX Runtime.

    Raises InputError as `rebuild`.
    """
    return Exported(found).eval() if found.path.suffix == exported.SUFFIX else rebuild(found)


def rebuild(found: Checkpoint) -> Classifier:
    """The network of a file of weights, in eval mode. Only the recipe's `model` node is built.

    Raises InputError for a node that no config of this project names, and for weights of another
    network.
    """
    model = found.recipe["model"]
    _check_target(model)
    sizes = {"channels": len(found.channels), "classes": len(found.classes), "size": found.size}
    try:
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, and replaced
            classifier = Classifier(
                build_network(model, **sizes),
                classes=found.classes,
                channels=found.channels,
                size=found.size,
                channels_last=found.recipe.get("channels_last", False),
                temperature=found.temperature,
            )
        classifier.load_state_dict(found.weights, assign=True)
    except RuntimeError:
        raise InputError(
            f"{found.path}: its weights are not of the network that its recipe describes, or an older "
            "version named them (CHANGELOG.md)"
        ) from None
    except ValueError as fault:
        raise InputError(f"{found.path}: {fault}") from None
    classifier.network.to(memory_format=classifier.memory_format)
    return classifier.eval()


def _check_target(model: Mapping[str, Any]) -> None:
    """Raises InputError where the node names a constructor that no config names: files come from strangers."""
    own = {f"fer.models.{name}" for name in fer.models.__all__}
    if model["_target_"] not in own:
        from fer.config.recipe import check_recipe  # reads all configs

        check_recipe({"model": model})
