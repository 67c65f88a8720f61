"""R1, the lab's plain convolutional network: few wide blocks, a linear part."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from fer.models.blocks import Attention, Blocks, Head, HeadKind, Norm, StemStride, fork


class R1(nn.Module):
    """Blocks of 3x3 convolutions with a max-pooling after each, then dropout and the linear part.

    [B, in_channels, size, size] -> logits [B, classes]; in training with branches, each one's:
    [B, branches, classes].

    channels: outputs of each block's convolutions; repeats: convolutions in each block.
    branches: how many times the blocks after the first `shared` and the head are there (`fork`).
    residual: sums around the convolutions of a block after its first, in pairs.
    attention: squeeze-excitation closes each block. stem_stride: of the very first convolution.
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
        residual: bool = False,
        attention: Attention = "none",
        stem_stride: StemStride = 1,
        block_dropout: float = 0.0,
        dropout: float = 0.0,
        head: HeadKind = "flatten",
        linear: Sequence[int] = (),
        branches: int = 1,
        shared: int = 2,
    ) -> None:
        super().__init__()
        blocks = partial(
            Blocks,
            in_channels,
            channels,
            repeats,
            size=size,
            norm=norm,
            residual=residual,
            attention=attention,
            stem_stride=stem_stride,
            block_dropout=block_dropout,
        )

        def tail(side: int) -> Head:
            return Head(
                channels[-1], side=side, head=head, dropout=dropout, linear=linear, classes=classes
            )

        self.blocks, self.head = fork(
            blocks, tail, many=len(channels), branches=branches, shared=shared
        )

    def forward(self, planes: Tensor) -> Tensor:
        return self.head(self.blocks(planes))
