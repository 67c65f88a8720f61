"""From a face's pixels to a network's input: filter planes and their normalisation.

Training, evaluation and prediction all use this code. The planes are the lab's filters (its
"fer2021" images have the face, its edges and its contrast). They are computed per batch on the
device. A plane maps images float [B, 1, H, W] in [0, 1] to such images, with a zero-padded border.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The 3x3 kernels of Sobel and Feldman, for x and for y, equal to OpenCV's Sobel(ksize=3).
SOBEL = torch.tensor(
    [
        [[[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]],
        [[[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]],
    ]
)


def _gradients(images: Tensor) -> Tensor:
    """The x and y derivatives divided by 4: [B, 2, H, W]. An edge from black to white has 1."""
    return F.conv2d(images, SOBEL.to(images), padding=1) / 4


def sobel(images: Tensor) -> Tensor:
    """The length of the gradient divided by 4, clipped to 1."""
    return _gradients(images).square().sum(1, keepdim=True).sqrt().clamp(max=1)


def edges(images: Tensor, *, axis: int) -> Tensor:
    """The absolute derivative divided by 4, clipped to 1; axis: 0 for vertical edges, 1 for horizontal."""
    return _gradients(images)[:, axis : axis + 1].abs().clamp(max=1)


def contrast(images: Tensor, *, power: float) -> Tensor:
    """The pixels raised to `power` and stretched to [0, 1]; an image of one grey is returned unchanged."""
    raised = images**power
    low, high = raised.amin((2, 3), keepdim=True), raised.amax((2, 3), keepdim=True)
    constant = high == low
    return torch.where(constant, images, (raised - low) / (high - low + constant))


def flip(images: Tensor) -> Tensor:
    """The mirror image."""
    return images.flip(-1)


def rotate(images: Tensor, *, degrees: float) -> Tensor:
    """The image rotated about its centre, bilinear, zeros outside; degrees: positive is counter-clockwise."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = images.new_tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    count = images.shape[0]  # not len(images), which torch.export takes for a constant
    grid = F.affine_grid(turn.expand(count, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


# The lab's planes by name. Its second name for `contrast`, `contrast_high`, is left out.
PLANES: dict[str, Callable[[Tensor], Tensor]] = {
    "original": lambda images: images,
    "sobel": sobel,
    "vertical": partial(edges, axis=0),
    "horizontal": partial(edges, axis=1),
    "contrast": partial(contrast, power=2),
    "contrast_low": partial(contrast, power=0.5),
    "contrast_very_high": partial(contrast, power=3),
    "flip": flip,
    **{f"rot_left_{angle}": partial(rotate, degrees=angle) for angle in (20, 40, 60)},
    **{f"rot_right_{angle}": partial(rotate, degrees=-angle) for angle in (20, 40, 60)},
}


def unit(images: Tensor) -> Tensor:
    """uint8 images as float in [0, 1]; float images are returned unchanged."""
    return images if images.is_floating_point() else images.float().div_(255)


class Preprocess(nn.Module):
    """Faces to normalised planes: [B, 1, S, S] uint8, or float in [0, 1] -> [B, len(channels), S, S].

    Each plane is shifted and scaled by its mean and standard deviation over training images, which
    `fit` computes and a checkpoint contains.

    channels: names in PLANES, in the order of the network's input

    Raises ValueError for an unknown name or none.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: Sequence[str]) -> None:
        super().__init__()
        for name in channels:
            if name not in PLANES:
                raise ValueError(f"channels: {name!r}, expected some of {', '.join(PLANES)}")
        if not channels:
            raise ValueError(f"channels: empty, expected some of {', '.join(PLANES)}")
        self.channels = tuple(channels)
        self.register_buffer("mean", torch.zeros(len(self.channels), 1, 1))
        self.register_buffer("std", torch.ones(len(self.channels), 1, 1))

    def planes(self, images: Tensor) -> Tensor:
        """The planes before normalisation: [B, 1, S, S] -> [B, len(channels), S, S] float in [0, 1]."""
        images = unit(images)
        return torch.cat([PLANES[name](images) for name in self.channels], dim=1)

    def fit(self, images: Tensor) -> None:
        """Set each plane's mean and standard deviation to those of `images` [N, 1, S, S]."""
        planes = self.planes(images)
        self.mean.copy_(planes.mean((0, 2, 3)).view_as(self.mean))
        self.std.copy_(planes.std((0, 2, 3)).clamp(min=1 / 255).view_as(self.std))

    def forward(self, images: Tensor) -> Tensor:
        return (self.planes(images) - self.mean) / self.std
