"""R1: the lab's plain convolutional network."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from annotated_types import MinLen
from torch import Tensor, nn

from fer.models.blocks import (
    Attention,
    Block,
    Count,
    Fraction,
    Head,
    HeadKind,
    Norm,
    StemStride,
    fork,
    halved,
)


class R1(nn.Module):
    """Blocks of 3x3 convolutions, each with a 2x2 max-pooling, then dropout and linear layers.

    [B, in_channels, size, size] -> logits [B, classes]. With branches, training gives the logits of
    each branch: [B, branches, classes].

    channels: output channels of each block.
    repeats: convolutions in each block.
    residual: whether sums go around the convolutions of a block after its first, in pairs.
    attention: `se` closes each block with squeeze-excitation.
    stem_stride: stride of the very first convolution.
    block_dropout: probability of Dropout2d at the end of each block. Above 0 these are the lab's
        CDrop-Blocks, at 0 its C-Blocks.
    dropout: probability of Dropout2d before the linear layers.
    head: `flatten` keeps every position of the maps, `mean` averages over them.
    linear: widths of the hidden linear layers. The last layer, with `classes` outputs, is added.
    branches: number of parallel copies of what follows the first `shared` blocks (see `fork`).

    Raises ValueError, opening with the parameter's name, for parameters that do not fit together.
    """

    def __init__(
        self,
        *,
        channels: Annotated[Sequence[Count], MinLen(1)],
        repeats: Annotated[Sequence[Count], MinLen(1)],
        in_channels: Count,
        classes: Count,
        size: Count,
        norm: Norm = "none",
        residual: bool = False,
        attention: Attention = "none",
        stem_stride: StemStride = 1,
        block_dropout: Fraction = 0.0,
        dropout: Fraction = 0.0,
        head: HeadKind = "flatten",
        linear: Sequence[Count] = (),
        branches: Count = 1,
        shared: Count = 2,
    ) -> None:
        super().__init__()
        side = halved(-(-size // stem_stride), channels, repeats)
        sums = sum(repeat // 2 for repeat in repeats)
        block = partial(
            Block,
            norm=norm,
            sum_scale=max(1, sums) ** -0.5 if residual else None,
            attention=attention,
            dropout=block_dropout,
        )
        strides = [int(stem_stride)] + [1] * (len(channels) - 1)
        sizes = zip((in_channels, *channels), channels, repeats, strides)
        last = partial(Head, side=side, kind=head, dropout=dropout, linear=linear, classes=classes)
        self.blocks, self.head = fork(
            [partial(block, *each) for each in sizes],
            partial(self.tail, channels[-1], last),
            branches=branches,
            shared=shared,
        )

    def tail(self, inputs: int, head: Callable[[int], Head]) -> nn.Module:
        """Return what follows the blocks: maps [B, inputs, side, side] -> logits [B, classes].

        head: makes the linear part for maps of so many channels.
        """
        return head(inputs)

    def forward(self, planes: Tensor) -> Tensor:
        return self.head(self.blocks(planes))
