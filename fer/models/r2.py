"""R2: the lab's network with inception modules and a channel multiplier."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch import Tensor, nn

from fer.models.blocks import Attention, Conv, Count, Fraction, Head, Norm, SqueezeExcitation
from fer.models.r1 import R1

# 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool: module 3a of GoogLeNet (Szegedy et al., arXiv:1409.4842).
WIDTHS = (64, 96, 128, 16, 32, 32)


class Inception(nn.Module):
    """Four parallel paths (1x1, 3x3, 5x5, max-pooling), concatenated.

    [B, inputs, H, W] -> [B, outputs, H, W], where `outputs` is the sum of the paths' widths.

    widths: output channels of the six convolutions, in the order of `WIDTHS`.
    relu: whether a ReLU follows each convolution.
    residual: whether the input is added to the output.
    attention: `se` weighs the concatenated maps by squeeze-excitation, before the sum.
    scale: factor of each path's initial output. 1/sqrt(modules) keeps the variance of a long
        residual sum near that of its input.
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        *,
        norm: Norm,
        relu: bool,
        residual: bool,
        attention: Attention,
        scale: float,
    ) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pool = widths
        first = partial(Conv, norm=norm, relu=relu)
        last = partial(first, scale=scale)
        self.one = last(inputs, one, kernel=1)
        self.three = nn.Sequential(first(inputs, reduce3, kernel=1), last(reduce3, three))
        self.five = nn.Sequential(first(inputs, reduce5, kernel=1), last(reduce5, five, kernel=5))
        self.pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), last(inputs, pool, kernel=1)
        )
        self.outputs = one + three + five + pool
        self.attention = SqueezeExcitation(self.outputs) if attention == "se" else nn.Identity()
        self.residual = residual

    def forward(self, maps: Tensor) -> Tensor:
        paths = [self.one(maps), self.three(maps), self.five(maps), self.pool(maps)]
        joined = self.attention(torch.cat(paths, dim=1))
        return maps + joined if self.residual else joined


class R2(R1):
    """R1 with inception modules between the blocks and the linear part.

    incep_layers: number of inception modules.
    incep_mult: factor of every width in `incep_widths`.
    incep_widths: output channels of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5 and pool.
    incep_dropout: probability of Dropout2d before the modules.
    incep_relu: whether a ReLU follows each convolution of a module. Google's have it, the lab's not.
    residual: whether each module's input is added to its output, from the second module on. The
        first changes the number of channels. R1's sums within blocks are off.
    others: the other parameters of `R1`.
    """

    def __init__(
        self,
        *,
        norm: Norm = "none",
        attention: Attention = "none",
        incep_layers: Count = 1,
        incep_mult: Count = 1,
        incep_widths: Annotated[Sequence[Count], Len(len(WIDTHS), len(WIDTHS))] = WIDTHS,
        incep_dropout: Fraction = 0.0,
        incep_relu: bool = False,
        residual: bool = True,
        **others: Any,
    ) -> None:
        widths = [width * incep_mult for width in incep_widths]
        self.inception = partial(
            Inception, widths=widths, norm=norm, relu=incep_relu, attention=attention
        )
        self.incep_layers, self.incep_dropout, self.residual = incep_layers, incep_dropout, residual
        super().__init__(norm=norm, attention=attention, **others)

    def tail(self, inputs: int, head: Callable[[int], Head]) -> nn.Module:
        first = self.inception(inputs, residual=False, scale=1.0)
        scale = self.incep_layers**-0.5 if self.residual else 1.0
        others = (
            self.inception(first.outputs, residual=self.residual, scale=scale)
            for _ in range(self.incep_layers - 1)
        )
        dropout = nn.Dropout2d(self.incep_dropout)
        return nn.Sequential(dropout, first, *others, head(first.outputs))
