"""The parts that the networks share: convolution units, pooled blocks, the head.

Each part checks what it takes and raises ValueError, opening with the parameter's name.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["none", "batch"]
Attention = Literal["none", "se"]
HeadKind = Literal["flatten", "mean"]
StemStride = Literal[1, 2]

# Channels to one hidden unit of a squeeze-excitation. Hu et al. (arXiv:1709.01507, table 10) find 4 to
# 16 equally good and take 16; the narrow networks of this project are left too few units by that.
REDUCTION = 8


def check_choice(name: str, value: object, known: Any) -> None:
    """known: a Literal."""
    if value not in get_args(known):
        raise ValueError(f"{name}: {value!r}, expected {' or '.join(map(str, get_args(known)))}")


def check_share(name: str, share: float) -> None:
    if not 0 <= share < 1:
        raise ValueError(f"{name}: {share}, expected 0 or more and below 1")


def check_sizes(name: str, sizes: Sequence[int]) -> None:
    if any(number < 1 for number in sizes):
        raise ValueError(f"{name}: {list(sizes)}, expected whole numbers of 1 or more")


class Conv2d(nn.Conv2d):
    """nn.Conv2d that gives a single face to oneDNN on a CPU, as torch itself gives it batches.

    For one small image torch takes im2col, half as fast on one core (`use_mkldnn` in its
    Convolution.cpp). In inference mode alone: elsewhere torch's tracers and counters must know it.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if (
            torch.is_inference_mode_enabled()  # first: a tracer warns of who asks for a length
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()
            and input.device.type == "cpu"
            and input.dtype == torch.float32
            and len(input) == 1
        ):
            return torch.mkldnn_convolution(
                input, weight, bias, self.padding, self.stride, self.dilation, self.groups
            )
        return super()._conv_forward(input, weight, bias)


class Conv(nn.Sequential):
    """A convolution, then 2x2 max-pooling, batch norm and a ReLU, each if asked for.

    [B, inputs, H, W] -> [B, outputs, H / stride, W / stride], rounded up, and halved by the pooling.
    The weights start so that the signal keeps its variance (He et al., arXiv:1502.01852), times
    `scale`. The bias is left out in front of a norm, which cancels it. Pooling comes first: norm and
    ReLU then have a quarter of the positions, and behind a ReLU it would give the same.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        norm: Norm = "none",
        relu: bool = True,
        scale: float = 1.0,
        pool: bool = False,
    ) -> None:
        conv = Conv2d(
            inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=norm == "none"
        )
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if relu else "linear")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers: list[nn.Module] = [conv]
        if norm == "batch":
            layers.append(nn.BatchNorm2d(outputs))
        with torch.no_grad():
            layers[-1].weight.mul_(scale)
        if pool:
            layers.insert(1, nn.MaxPool2d(2))
        if relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """relu(maps + the convolutions of maps): [B, width, H, W] -> the same (arXiv:1512.03385).

    scale: what the convolutions' output starts with: 1/sqrt(sums of the network) keeps the variance
    of all sums together near that of what they begin with.
    """

    def __init__(self, width: int, convolutions: int, *, norm: Norm, scale: float) -> None:
        super().__init__()
        inner = [Conv(width, width, norm=norm) for _ in range(convolutions - 1)]
        self.convolutions = nn.Sequential(
            *inner, Conv(width, width, norm=norm, relu=False, scale=scale)
        )

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(maps + self.convolutions(maps), inplace=True)


class SqueezeExcitation(nn.Module):
    """Each channel times a weight between 0 and 1, made of all channels' means (arXiv:1709.01507).

    [B, channels, H, W] -> the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(REDUCTION, channels // REDUCTION)
        self.weigh = nn.Sequential(
            nn.Linear(channels, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return maps * self.weigh(maps.mean((2, 3)))[:, :, None, None]


class Blocks(nn.Sequential):
    """Blocks of `repeats[i]` convolutions with `channels[i]` outputs, each closed by a 2x2 max-pooling.

    [B, inputs, size, size] -> [B, channels[-1], side, side]. With `block_dropout` above 0 these are
    the lab's CDrop-Blocks, else its C-Blocks.

    residual: the convolutions of a block after its first, which alone changes the width, are taken
    in pairs, a last odd one alone, with a sum around each; attention: what closes each block;
    stem_stride: the stride of the very first convolution. part: which of the blocks are here, the
    others standing elsewhere in the network. side: of the maps after all of them.
    """

    def __init__(
        self,
        inputs: int,
        channels: Sequence[int],
        repeats: Sequence[int],
        *,
        size: int,
        norm: Norm,
        residual: bool = False,
        attention: Attention,
        stem_stride: StemStride,
        block_dropout: float,
        part: range,
    ) -> None:
        check_sizes("channels", channels)
        check_sizes("repeats", repeats)
        check_choice("norm", norm, Norm)
        check_choice("attention", attention, Attention)
        check_choice("stem_stride", stem_stride, StemStride)
        check_share("block_dropout", block_dropout)
        side = _halved(-(-size // stem_stride), channels, repeats)
        sums = sum(repeat // 2 for repeat in repeats) if residual else None
        blocks, stride = [], int(stem_stride)
        for index, (outputs, repeat) in enumerate(zip(channels, repeats, strict=True)):
            if index not in part:
                inputs, stride = outputs, 1
                continue
            first = Conv(inputs, outputs, stride=stride, norm=norm, pool=repeat == 1)
            others = _others(outputs, repeat - 1, norm=norm, sums=sums)
            layers = [first, *others]
            if attention == "se":  # behind the pooling: a quarter of the positions to multiply
                layers.append(SqueezeExcitation(outputs))
            if block_dropout > 0:
                layers.append(nn.Dropout2d(block_dropout))
            blocks.append(nn.Sequential(*layers))
            inputs, stride = outputs, 1
        super().__init__(*blocks)
        self.side = side


def _others(width: int, many: int, *, norm: Norm, sums: int | None) -> list[nn.Module]:
    """A block's convolutions after its first, pooled; as residuals where the network has so many sums."""
    if sums is None:
        return [Conv(width, width, norm=norm, pool=left == 1) for left in range(many, 0, -1)]
    pairs = [min(2, many - done) for done in range(0, many, 2)]
    residuals = [Residual(width, pair, norm=norm, scale=sums**-0.5) for pair in pairs]
    return [*residuals, nn.MaxPool2d(2)] if pairs else []


def _halved(side: int, channels: Sequence[int], repeats: Sequence[int]) -> int:
    """The side of the maps after all blocks, in positions."""
    if not channels:
        raise ValueError("channels: empty, expected one number a block")
    if len(channels) != len(repeats):
        raise ValueError(
            f"repeats: {len(repeats)} numbers for the {len(channels)} blocks of channels; expected as many"
        )
    if side >> len(channels) < 1:
        most = side.bit_length() - 1
        raise ValueError(
            f"channels: {len(channels)} blocks halve {side} pixels {len(channels)} times; at most {most} fit"
        )
    return side >> len(channels)


class Head(nn.Sequential):
    """Dropout2d, flattening or the mean over positions, then linear layers with ReLUs between.

    [B, channels, side, side] -> logits [B, classes].
    """

    def __init__(
        self,
        channels: int,
        *,
        side: int,
        head: HeadKind,
        dropout: float,
        linear: Sequence[int],
        classes: int,
    ) -> None:
        check_choice("head", head, HeadKind)
        check_share("dropout", dropout)
        check_sizes("linear", linear)
        pool = [nn.AdaptiveAvgPool2d(1)] if head == "mean" else []
        width = channels if head == "mean" else channels * side * side
        layers: list[nn.Module] = [nn.Dropout2d(dropout), *pool, nn.Flatten()]
        for size in linear:
            hidden = nn.Linear(width, size)
            nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
            nn.init.zeros_(hidden.bias)
            layers += [hidden, nn.ReLU(inplace=True)]
            width = size
        super().__init__(*layers, nn.Linear(width, classes))


class Branches(nn.ModuleList):
    """Networks side by side on the same maps, trained by the mean of their losses, measured by their mean.

    maps -> in training the logits of each, [B, branches, classes]; else the logarithm of their mean
    probabilities, [B, classes]. An ensemble that shares its first layers (Lee et al., arXiv:1511.06314).
    """

    def forward(self, maps: Tensor) -> Tensor:
        logits = torch.stack([branch(maps) for branch in self], dim=1)
        if self.training:
            return logits
        return logits.float().log_softmax(2).logsumexp(1) - math.log(len(self))


def fork(
    blocks: Callable[..., Blocks],
    tail: Callable[..., nn.Module],
    *,
    many: int,
    branches: int,
    shared: int,
) -> tuple[Blocks, nn.Module]:
    """The blocks that all branches share, and what stands on them.

    blocks(part=...): the blocks of these indices, of `many` in all; tail(side=...): a new tail for maps of that
    side. With one branch all blocks are shared and what stands on them is a tail; with more, each branch
    has the blocks after the first `shared` and a tail of its own.
    """
    if branches < 1:
        raise ValueError(f"branches: {branches}, expected a whole number of 1 or more")
    if branches == 1:
        common = blocks(part=range(many))
        return common, tail(side=common.side)
    if not 0 < shared < many:
        raise ValueError(
            f"shared: {shared}, expected 1 or more, and fewer than the {many} blocks of channels"
        )
    common = blocks(part=range(shared))
    # All blocks before all tails: recorded runs drew their weights in this order.
    own = [blocks(part=range(shared, many)) for _ in range(branches)]
    tails = [tail(side=common.side) for _ in range(branches)]
    return common, Branches(nn.Sequential(*pair) for pair in zip(own, tails, strict=True))
