"""The network as it leaves Python: faces of any size in, probabilities and class activation out.

All of it is one graph, so that no other program has to repeat a step of it.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from fer.data.planes import unit
from fer.models.blocks import Conv, Head
from fer.models.classifier import Classifier
from fer.models.exported import MAPS, PROBABILITIES


class Portable(nn.Module):
    """Faces [N, H, W] -> probabilities [N, classes], and class activation [N, classes, h, w].

    Faces are grey, uint8 or float in [0, 1], of any size. Their centre square is resized as
    fer.data.resize does it. Class activation is there where a linear layer alone follows the maps.

    The mean of a class's activation over positions, plus the layer's bias, is its logit. With
    branches both are means over these.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.heads = plain_heads(classifier.network)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what is returned."""
        return (PROBABILITIES, MAPS) if self.heads else (PROBABILITIES,)

    def forward(self, faces: Tensor) -> tuple[Tensor, ...]:
        found: list[Tensor] = []
        hooks = [
            head.register_forward_hook(
                lambda head, given, _: found.append(activation(head, *given))
            )
            for head in self.heads
        ]
        try:
            probabilities = self.classifier(square(unit(faces), self.classifier.size)[:, None])
        finally:
            for hook in hooks:
                hook.remove()
        return (probabilities, torch.stack(found).mean(0)) if found else (probabilities,)


def plain_heads(network: nn.Module) -> list[Head]:
    """The heads of a network, one a branch. None where hidden layers follow the maps."""
    heads = [module for module in network.modules() if isinstance(module, Head)]
    linear = [sum(isinstance(layer, nn.Linear) for layer in head) for head in heads]
    return heads if set(linear) == {1} else []


def activation(head: nn.Module, maps: Tensor) -> Tensor:
    """What each position adds to each class: [N, channels, h, w] -> [N, classes, h, w].

    head: one linear layer, which sees all positions (flatten) or their mean.
    Source: Zhou et al., "Learning Deep Features for Discriminative Localization" (arXiv:1512.04150).
    """
    (weight,) = (layer.weight for layer in head.children() if isinstance(layer, nn.Linear))
    channels, height, width = maps.shape[1:]
    if weight.shape[1] == channels:
        return torch.einsum("kc,nchw->nkhw", weight, maps)
    each = weight.view(-1, channels, height, width) * (height * width)
    return torch.einsum("kchw,nchw->nkhw", each, maps)


def square(faces: Tensor, size: int) -> Tensor:
    """The centre square resized by area, as fer.data.resize: float [N, H, W] -> [N, size, size].

    The weights of rows and columns outside the square are 0, so that nothing has to be cut. There
    are two matrix products and no resizing operator, which runtimes implement differently.
    """
    height, width = faces.shape[1:]
    side: int = torch.sym_min(height, width)  # type: ignore[no-untyped-call]
    return weights(height, side, size) @ faces @ weights(width, side, size).T


def weights(length: int, side: int, size: int) -> Tensor:
    """The weights of `length` pixels in `size` parts of their middle `side` pixels: [size, length].

    As fer.data.resize.area_weights. All products are of whole numbers: the division alone rounds.
    """
    parts = ((length - side) // 2 * size + torch.arange(size) * side)[:, None]
    pixels = torch.arange(length) * size
    overlap = torch.minimum(parts + side, pixels + size) - torch.maximum(parts, pixels)
    return overlap.clamp(min=0).float() / side


def folded(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose batch norms are part of the convolutions before them.

    A max-pooling between the two stays where it is. It can change place with positive factors alone,
    so a batch norm with another factor stays too. The numbers differ by rounding.
    """
    network = copy.deepcopy(network).eval()
    for layers in [module for module in network.modules() if isinstance(module, Conv)]:
        _fold(layers)
    return network


def _fold(layers: Conv) -> None:
    conv: Any = layers[0]
    norms: list[Any] = [each for each in layers if isinstance(each, nn.BatchNorm2d)]
    pooled = any(isinstance(each, nn.MaxPool2d) for each in layers)
    if not norms or (pooled and bool((norms[0].weight <= 0).any())):
        return
    (norm,) = norms
    statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
    layers[list(layers).index(norm)] = nn.Identity()
