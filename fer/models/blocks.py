"""The parts that the networks share: convolution units, pooled blocks, the head, branches."""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Interval
from torch import Tensor, nn

Count = Annotated[int, Ge(1)]
Fraction = Annotated[float, Interval(ge=0, lt=1)]
Norm = Literal["none", "batch"]
Attention = Literal["none", "se"]
HeadKind = Literal["flatten", "mean"]
StemStride = Literal[1, 2]

# Channels for each hidden unit of a squeeze-excitation. Hu et al. (arXiv:1709.01507, table 10) find 4 to 16
# equally good and take 16. That leaves the narrow networks of this project too few hidden units.
REDUCTION = 8


class Conv2d(nn.Conv2d):
    """nn.Conv2d that computes a single face on a CPU by oneDNN, as torch computes batches.

    For one small image torch uses im2col, which is slower (`use_mkldnn` in its Convolution.cpp,
    pytorch#40610). Only in inference mode: elsewhere torch's tracers and counters must see the call.
    Needed until ONNX Runtime serves single faces (see also fer.training.patches).
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if (
            torch.is_inference_mode_enabled()  # first: a tracer warns where a length is read
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

    scale: factor of initial weights that keep the variance of the signal (He et al., arXiv:1502.01852).

    There is no bias before a norm, which would cancel it. Pooling comes before norm and ReLU, which then
    have a quarter of the positions. After a ReLU it would give the same numbers.
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
    """relu(maps + convolutions(maps)), [B, width, H, W] -> the same (He et al., arXiv:1512.03385).

    scale: factor of the convolutions' initial output. 1/sqrt(sums in the network) keeps the variance after
        all sums near that before the first.
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
    """Each channel times a weight between 0 and 1 that depends on all channels' means (arXiv:1709.01507).

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


class Block(nn.Sequential):
    """`repeat` convolutions with a 2x2 max-pooling after them, then attention and dropout if asked for.

    [B, inputs, side, side] -> [B, outputs, side // stride // 2, side // stride // 2], where the
    stride rounds up.

    repeat: number of convolutions. The first one changes the number of channels.
    stride: of the first convolution.
    sum_scale: initial scale of each residual branch, whose sums go around the convolutions after the
        first, in pairs. None: no sums.
    attention: `se` closes the block with squeeze-excitation.
    dropout: probability of Dropout2d at the end.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        repeat: int,
        stride: int,
        *,
        norm: Norm,
        sum_scale: float | None,
        attention: Attention,
        dropout: float,
    ) -> None:
        first = Conv(inputs, outputs, stride=stride, norm=norm, pool=repeat == 1)
        layers = [first, *_later(outputs, repeat - 1, norm=norm, sum_scale=sum_scale)]
        if attention == "se":  # after the pooling: a quarter of the positions to multiply
            layers.append(SqueezeExcitation(outputs))
        if dropout > 0:
            layers.append(nn.Dropout2d(dropout))
        super().__init__(*layers)


def _later(width: int, count: int, *, norm: Norm, sum_scale: float | None) -> list[nn.Module]:
    """Return a block's convolutions after its first with the pooling, in residual pairs or plain."""
    if sum_scale is None:
        return [Conv(width, width, norm=norm, pool=left == 1) for left in range(count, 0, -1)]
    pairs = [min(2, count - done) for done in range(0, count, 2)]
    residuals = [Residual(width, pair, norm=norm, scale=sum_scale) for pair in pairs]
    return [*residuals, nn.MaxPool2d(2)] if pairs else []


def halved(side: int, channels: Sequence[int], repeats: Sequence[int]) -> int:
    """Return the side of the maps after all blocks, in positions.

    side: of the maps that the first block pools.
    Raises ValueError where the blocks do not fit together or halve `side` too often.
    """
    if len(channels) != len(repeats):
        raise ValueError(
            f"repeats: {len(repeats)} numbers for the {len(channels)} blocks of channels; "
            "expected one number per block"
        )
    if side >> len(channels) < 1:
        raise ValueError(
            f"channels: {len(channels)} blocks halve {side} pixels {len(channels)} times; "
            f"at most {side.bit_length() - 1} fit"
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


class Branches(nn.ModuleList):
    """Parallel networks on the same maps, trained by the mean of their losses.

    In training: maps -> logits of each branch, [B, branches, classes]. In evaluation: maps -> logarithm
    of the branches' mean probabilities, [B, classes]. This is an ensemble that shares its first layers
    (Lee et al., arXiv:1511.06314).
    """

    def forward(self, maps: Tensor) -> Tensor:
        logits = torch.stack([branch(maps) for branch in self], dim=1)
        if self.training:
            return logits
        return logits.float().log_softmax(2).logsumexp(1) - math.log(len(self))


def fork(
    blocks: Sequence[Callable[[], nn.Module]],
    tail: Callable[[], nn.Module],
    *,
    branches: int,
    shared: int,
) -> tuple[nn.Module, nn.Module]:
    """Return the blocks that all branches share, and what follows them.

    blocks: makers of the blocks, in order. tail: maker of what follows the last block.
    branches: 1 shares all blocks and adds one tail. With more, each branch has its own copy of the
        blocks after the first `shared`, and its own tail.
    Raises ValueError where `shared` leaves the branches no block of their own.
    """

    def made(makers: Sequence[Callable[[], nn.Module]]) -> nn.Sequential:
        return nn.Sequential(*(make() for make in makers))

    if branches == 1:
        return made(blocks), tail()
    if shared >= len(blocks):
        raise ValueError(
            f"shared: {shared}, expected fewer than the {len(blocks)} blocks of channels"
        )
    common = made(blocks[:shared])
    # All blocks before all tails: recorded runs drew their weights in this order.
    own = [made(blocks[shared:]) for _ in range(branches)]
    tails = [tail() for _ in range(branches)]
    return common, Branches(nn.Sequential(*pair) for pair in zip(own, tails, strict=True))
