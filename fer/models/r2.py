"""R2, the lab's network with inception modules and a channel multiplier."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from fer.models.blocks import (
    Attention,
    Blocks,
    Conv,
    Head,
    HeadKind,
    Norm,
    SqueezeExcitation,
    StemStride,
    check_share,
    fork,
)

# 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool: module 3a of GoogLeNet (Szegedy et al., arXiv:1409.4842).
WIDTHS = (64, 96, 128, 16, 32, 32)


class Inception(nn.Module):
    """Four paths (1x1, 3x3, 5x5, max-pooling) side by side, concatenated.

    [B, inputs, H, W] -> [B, outputs, H, W]; `outputs` is the sum of the paths' widths.
    `scale`: what each path's output starts with; 1/sqrt(modules) keeps the variance of a long
    residual sum near that of its input. Attention weighs the concatenated maps, before the sum.
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

        def conv(inputs: int, outputs: int, kernel: int, start: float = 1.0) -> Conv:
            return Conv(inputs, outputs, kernel=kernel, norm=norm, relu=relu, scale=start)

        def last(inputs: int, outputs: int, kernel: int) -> Conv:
            return conv(inputs, outputs, kernel, scale)

        self.one = last(inputs, one, 1)
        self.three = nn.Sequential(conv(inputs, reduce3, 1), last(reduce3, three, 3))
        self.five = nn.Sequential(conv(inputs, reduce5, 1), last(reduce5, five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), last(inputs, pool, 1))
        self.outputs = one + three + five + pool
        self.attention = SqueezeExcitation(self.outputs) if attention == "se" else nn.Identity()
        self.residual = residual

    def forward(self, maps: Tensor) -> Tensor:
        paths = [self.one(maps), self.three(maps), self.five(maps), self.pool(maps)]
        joined = self.attention(torch.cat(paths, dim=1))
        return maps + joined if self.residual else joined


class R2(nn.Module):
    """R1's blocks, dropout, inception modules, dropout, the linear part.

    [B, in_channels, size, size] -> logits [B, classes]; in training with branches, each one's:
    [B, branches, classes].

    incep_layers: inception modules; incep_mult: multiplies every width of `incep_widths`
    (1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool). incep_dropout: Dropout2d before the modules.
    incep_relu: a ReLU after each convolution inside them, as Google's have and the lab's have not.
    residual: add each module's input to its output, from the second module on (the first changes
    the number of channels). attention: squeeze-excitation closes each block and each module. The
    other parameters are those of `R1`.

    Raises ValueError, opening with the parameter's name, for sizes that cannot make a network.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        repeats: Sequence[int],
        in_channels: int,
        classes: int,
        size: int,
        norm: Norm = "none",
        attention: Attention = "none",
        stem_stride: StemStride = 1,
        block_dropout: float = 0.0,
        incep_layers: int = 1,
        incep_mult: int = 1,
        incep_widths: Sequence[int] = WIDTHS,
        incep_dropout: float = 0.0,
        incep_relu: bool = False,
        residual: bool = True,
        dropout: float = 0.0,
        head: HeadKind = "flatten",
        linear: Sequence[int] = (),
        branches: int = 1,
        shared: int = 2,
    ) -> None:
        super().__init__()
        for name, number in (("incep_layers", incep_layers), ("incep_mult", incep_mult)):
            if number < 1:
                raise ValueError(f"{name}: {number}, expected a whole number of 1 or more")
        if len(incep_widths) != len(WIDTHS) or min(incep_widths) < 1:
            raise ValueError(
                f"incep_widths: {list(incep_widths)}, expected six numbers of 1 or more "
                "(1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool)"
            )
        check_share("incep_dropout", incep_dropout)
        widths = [width * incep_mult for width in incep_widths]
        blocks = partial(
            Blocks,
            in_channels,
            channels,
            repeats,
            size=size,
            norm=norm,
            attention=attention,
            stem_stride=stem_stride,
            block_dropout=block_dropout,
        )

        def tail(side: int) -> nn.Sequential:
            modules: list[Inception] = []
            for index in range(incep_layers):
                summed = residual and index > 0
                modules.append(
                    Inception(
                        modules[-1].outputs if modules else channels[-1],
                        widths,
                        norm=norm,
                        relu=incep_relu,
                        residual=summed,
                        attention=attention,
                        scale=incep_layers**-0.5 if summed else 1.0,
                    )
                )
            closing = Head(
                modules[-1].outputs,
                side=side,
                head=head,
                dropout=dropout,
                linear=linear,
                classes=classes,
            )
            return nn.Sequential(nn.Dropout2d(incep_dropout), *modules, closing)

        self.blocks, self.head = fork(
            blocks, tail, many=len(channels), branches=branches, shared=shared
        )

    def forward(self, planes: Tensor) -> Tensor:
        return self.head(self.blocks(planes))
