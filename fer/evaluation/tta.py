"""Views of a face for measuring: a network's probabilities are averaged over them.

Each choice is fixed and the same for every set, so that nothing in it is tuned on the faces that are
measured. A view takes and gives images [B, 1, S, S], uint8 or float.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

Tta = Literal["none", "flip", "shift"]
View = Callable[[Tensor], Tensor]

# Pixels of a shift: 2 of 48, as far as the corner crops of the usual ten-crop test on FER2013 (44 of
# 48 pixels) lie from the middle one.
STEP = 1 / 24


def same(images: Tensor) -> Tensor:
    return images


def mirrored(images: Tensor) -> Tensor:
    return images.flip(-1)


def shifted(images: Tensor, *, across: int, down: int, mirror: bool) -> Tensor:
    """The face moved by steps to the right and down, its border repeated; mirrored first or not."""
    side = images.shape[-1]
    places = torch.arange(side, device=images.device)
    pixels = round(side * STEP)
    rows, columns = ((places - pixels * move).clamp(0, side - 1) for move in (down, across))
    images = mirrored(images) if mirror else images
    return images[..., rows, :][..., columns]


# none: the face; flip: and its mirror image; shift: both at nine places, eighteen views.
VIEWS: dict[Tta, tuple[View, ...]] = {
    "none": (same,),
    "flip": (same, mirrored),
    "shift": tuple(
        partial(shifted, across=across, down=down, mirror=mirror)
        for mirror in (False, True)
        for across in (0, -1, 1)
        for down in (0, -1, 1)
    ),
}
