"""R1, the lab's plain convolutional network: few wide blocks, a linear part."""

from collections.abc import Sequence
from typing import get_args

from torch import Tensor, nn

from fer.models.blocks import Head, HeadKind, Norm, check_shape, conv_blocks


class R1(nn.Module):
    """Blocks of 3x3 convolutions with a max-pooling after each, then dropout and the linear part.

    [B, in_channels, size, size] -> logits [B, classes].

    channels: outputs of each block's convolutions; repeats: convolutions in each block.
    block_dropout: Dropout2d closing each block (the report's CDrop-Block; 0 is its C-Block).
    dropout: Dropout2d before the linear part. head: flatten the maps or take their mean.
    linear: sizes of the hidden linear layers; the last one, with `classes` outputs, is added.

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
        block_dropout: float = 0.0,
        dropout: float = 0.0,
        head: HeadKind = "flatten",
        linear: Sequence[int] = (),
    ) -> None:
        super().__init__()
        side = check_shape(
            channels,
            repeats,
            size=size,
            linear=linear,
            choices=[("norm", norm, get_args(Norm)), ("head", head, get_args(HeadKind))],
            dropouts=[("block_dropout", block_dropout), ("dropout", dropout)],
        )
        self.blocks = conv_blocks(
            in_channels, channels, repeats, norm=norm, block_dropout=block_dropout
        )
        self.head = Head(
            channels[-1], side=side, kind=head, dropout=dropout, linear=linear, classes=classes
        )

    def forward(self, planes: Tensor) -> Tensor:
        return self.head(self.blocks(planes))
