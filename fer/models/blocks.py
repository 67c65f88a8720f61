"""The parts that the networks share: convolution units, pooled blocks, the head."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["none", "batch"]
HeadKind = Literal["flatten", "mean"]


class Conv(nn.Sequential):
    """A same-size convolution, then batch norm if asked for, then a ReLU if asked for.

    [B, inputs, H, W] -> [B, outputs, H, W]. The weights start so that the signal keeps its variance
    (He et al., arXiv:1502.01852). The bias is left out in front of a norm, which cancels it.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int = 3, norm: Norm = "none", relu: bool = True
    ) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=norm == "none")
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if relu else "linear")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers: list[nn.Module] = [conv]
        if norm == "batch":
            layers.append(nn.BatchNorm2d(outputs))
        if relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


def conv_blocks(
    inputs: int,
    channels: Sequence[int],
    repeats: Sequence[int],
    *,
    norm: Norm,
    block_dropout: float,
) -> nn.Sequential:
    """Blocks of `repeats[i]` convolutions with `channels[i]` outputs, each closed by a 2x2 max-pooling.

    [B, inputs, S, S] -> [B, channels[-1], S // 2**len(channels), same]. With `block_dropout` above 0
    these are the lab's CDrop-Blocks, else its C-Blocks.
    """
    blocks = []
    for outputs, repeat in zip(channels, repeats, strict=True):
        layers: list[nn.Module] = []
        for _ in range(repeat):
            layers.append(Conv(inputs, outputs, norm=norm))
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
        if block_dropout > 0:
            layers.append(nn.Dropout2d(block_dropout))
        blocks.append(nn.Sequential(*layers))
    return nn.Sequential(*blocks)


class Head(nn.Sequential):
    """Dropout2d, flattening or the mean over positions, then linear layers with ReLUs between.

    [B, channels, side, side] -> logits [B, classes].
    """

    def __init__(
        self,
        channels: int,
        *,
        side: int,
        kind: HeadKind,
        dropout: float,
        linear: Sequence[int],
        classes: int,
    ) -> None:
        pool = [nn.AdaptiveAvgPool2d(1)] if kind == "mean" else []
        width = channels if kind == "mean" else channels * side * side
        layers: list[nn.Module] = [nn.Dropout2d(dropout), *pool, nn.Flatten()]
        for size in linear:
            hidden = nn.Linear(width, size)
            nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
            nn.init.zeros_(hidden.bias)
            layers += [hidden, nn.ReLU(inplace=True)]
            width = size
        super().__init__(*layers, nn.Linear(width, classes))


def check_shape(
    channels: Sequence[int],
    repeats: Sequence[int],
    *,
    size: int,
    linear: Sequence[int],
    choices: Sequence[tuple[str, str, tuple[str, ...]]],
    dropouts: Sequence[tuple[str, float]],
) -> int:
    """The side of the feature maps after all blocks, in positions.

    Raises ValueError, opening with the parameter's name, where the sizes cannot make a network.
    """
    for name, sizes in (("channels", channels), ("repeats", repeats), ("linear", linear)):
        if any(number < 1 for number in sizes):
            raise ValueError(f"{name}: {list(sizes)}, expected whole numbers of 1 or more")
    if not channels:
        raise ValueError("channels: empty, expected one number a block")
    if len(channels) != len(repeats):
        raise ValueError(
            f"repeats: {len(repeats)} numbers for the {len(channels)} blocks of channels; expected as many"
        )
    for name, value, known in choices:
        if value not in known:
            raise ValueError(f"{name}: {value!r}, expected {' or '.join(known)}")
    for name, share in dropouts:
        if not 0 <= share < 1:
            raise ValueError(f"{name}: {share}, expected 0 or more and below 1")
    side = size >> len(channels)
    if side < 1:
        most = size.bit_length() - 1
        raise ValueError(
            f"channels: {len(channels)} blocks halve {size} pixels {len(channels)} times; at most {most} fit"
        )
    return side


def count_parameters(network: nn.Module) -> int:
    """The number of trainable numbers in `network`."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_gflop(network: nn.Module, *, in_channels: int, size: int) -> float:
    """The GFLOP of one image's forward pass, two to a multiply-add, as torch's own counter has it."""
    from torch.utils.flop_counter import FlopCounterMode

    device = next(network.parameters()).device
    training = network.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, in_channels, size, size, device=device))
    network.train(training)
    return counter.get_total_flops() / 1e9


def scale_(layer: Tensor, factor: float) -> None:
    """Multiplies a parameter in place, outside of autograd."""
    with torch.no_grad():
        layer.mul_(factor)
