"""Augmentation of whole batches on the device: changes of a face that keep its label.

Random numbers come from torch's global generator, which the training step seeds.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Interval
from torch import Tensor

Probability = Annotated[float, Interval(ge=0, le=1)]
Pair = tuple[Probability, Annotated[float, Ge(0)]]
FractionPair = tuple[Probability, Annotated[float, Interval(ge=0, lt=1)]]
OFF = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Augment a batch of images and their targets.

    flip: probability of mirroring an image. All other operations are pairs of a probability and a range.
    The probability is that of an image, for mixup that of a batch. A pair with a 0 is off.

    rotate, shear: at most this many degrees, either way.
    shift: at most this fraction of the side, either way, on each axis.
    scale: factor between 1 - range and 1 + range.
    brightness: at most this is added, either way, where white is 1.
    contrast, gamma: factor or power between e^-range and e^range.
    blur: standard deviation in pixels, at most.
    noise: standard deviation, at most, where white is 1.
    erase: fraction of the image that a grey rectangle covers, at most.
    mixup: alpha of the beta distribution of the mixing weight (Zhang et al., arXiv:1710.09412).
    """

    flip: Probability = 0.0
    rotate: Pair = OFF
    shear: Pair = OFF
    shift: Pair = OFF
    scale: FractionPair = OFF
    brightness: Pair = OFF
    contrast: Pair = OFF
    gamma: Pair = OFF
    blur: Pair = OFF
    noise: Pair = OFF
    erase: FractionPair = OFF
    mixup: Pair = OFF

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return augmented images, and targets mixed as the images are.

        images: [B, 1, H, W] float in [0, 1]. targets: [B, classes] rows of probabilities.
        """
        # bf16 would round a position in the image to a tenth of a pixel.
        with torch.autocast(images.device.type, enabled=False):
            images = self._degrade(self._tone(self._geometry(images)))
            return self._mix(images, targets)

    def with_plain(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return augmented images, the same images without blur, noise and erasing, and targets.

        Distillation shows the plain images to the teachers. Shapes are those of a call.
        """
        with torch.autocast(images.device.type, enabled=False):
            plain = self._tone(self._geometry(images))
            both, targets = self._mix(torch.cat([self._degrade(plain), plain], 1), targets)
        return both[:, :1], both[:, 1:], targets

    def _chosen(self, pair: Pair, images: Tensor) -> Tensor:
        """Draw which images an operation changes: bool [B]."""
        return torch.rand(len(images), device=images.device) < pair[0]

    def _either_way(self, pair: Pair, images: Tensor, *, axes: int = 1) -> Tensor:
        """Draw uniformly from +-range, 0 for images that stay unchanged: [B], or [axes, B]."""
        draw = torch.rand(axes, len(images), device=images.device).squeeze(0) * 2 - 1
        return draw * pair[1] * self._chosen(pair, images)

    def _geometry(self, images: Tensor) -> Tensor:
        if self.flip > 0:
            mirrored = torch.rand(len(images), device=images.device) < self.flip
            images = torch.lerp(images, images.flip(-1), _column(mirrored.to(images.dtype)))
        if _on(self.rotate, self.shear, self.shift, self.scale):
            grid = _grid(self._matrices(images), *images.shape[-2:])
            images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        return images

    def _matrices(self, images: Tensor) -> Tensor:
        """Draw an affine map for each image, from output to input in units of half a side: [B, 2, 3]."""
        turn = torch.deg2rad(self._either_way(self.rotate, images))
        slant = torch.tan(torch.deg2rad(self._either_way(self.shear, images)))
        zoom = 1 / (1 + self._either_way(self.scale, images))
        moves = 2 * self._either_way(self.shift, images, axes=2)
        # An operation that is gone drew here. Recorded runs keep their random numbers.
        for axes in (2, 1):
            torch.rand(axes, len(images), device=images.device)
        cosine, sine = zoom * turn.cos(), zoom * turn.sin()
        rows = [cosine, cosine * slant - sine, moves[0], sine, sine * slant + cosine, moves[1]]
        return torch.stack(rows, dim=1).view(-1, 2, 3)

    def _tone(self, images: Tensor) -> Tensor:
        if _on(self.gamma):
            images = images.clamp(1e-6, 1) ** _column(self._either_way(self.gamma, images).exp())
        if _on(self.contrast, self.brightness):
            factor = _column(self._either_way(self.contrast, images).exp())
            middle = images.mean((2, 3), keepdim=True)
            added = middle - middle * factor + _column(self._either_way(self.brightness, images))
            images = images.mul(factor).add_(added).clamp_(0, 1)
        return images

    def _degrade(self, images: Tensor) -> Tensor:
        if _on(self.blur):
            images = self._blurred(images)
        if _on(self.noise):
            strength = _column(self._either_way(self.noise, images))
            images = torch.randn_like(images).mul_(strength).add_(images).clamp_(0, 1)
        if _on(self.erase):
            area = self.erase[1] * torch.rand(len(images), device=images.device)
            hole = _rectangles(images, area * self._chosen(self.erase, images))
            grey = _column(torch.rand(len(images), device=images.device))
            images = torch.lerp(images, grey, hole)
        return images

    def _blurred(self, images: Tensor) -> Tensor:
        """Blur each image by a Gaussian of its own width.

        The kernel ends at three of the largest standard deviations, or at an image's side.
        """
        most = self.blur[1]
        radius = min(math.ceil(3 * most), *(side - 1 for side in images.shape[-2:]))
        # An unchanged image has a deviation of nearly 0: its kernel is a single one.
        sigma = self._either_way(self.blur, images).abs().clamp(min=1e-3)
        taps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
        kernels = torch.softmax(-(taps**2) / (2 * sigma[:, None] ** 2), dim=1)
        padded = F.pad(images, [radius] * 4, mode="reflect")
        across = torch.einsum("bchwt,bt->bchw", padded.unfold(-1, len(taps), 1), kernels)
        return torch.einsum("bchwt,bt->bchw", across.unfold(-2, len(taps), 1), kernels)

    def _mix(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mix each image and target with those of a random partner, by one weight for the batch."""
        if not _on(self.mixup) or torch.rand(()).item() >= self.mixup[0]:
            return images, targets
        weight = torch.distributions.Beta(self.mixup[1], self.mixup[1]).sample().item()
        partner = torch.randperm(len(images), device=images.device)
        return (
            torch.lerp(images[partner], images, weight),
            torch.lerp(targets[partner], targets, weight),
        )


def _on(*pairs: Pair) -> bool:
    return any(probability > 0 and most > 0 for probability, most in pairs)


def _column(numbers: Tensor) -> Tensor:
    """Reshape one number per image, [B], for arithmetic with images: [B, 1, 1, 1]."""
    return numbers[:, None, None, None]


def _grid(maps: Tensor, height: int, width: int) -> Tensor:
    """Return where each pixel comes from, for grid_sample: [B, 2, 3] -> [B, H, W, 2].

    The values are those of torch's affine_grid. Sums over rows and columns replace its matrix products
    of three numbers per pixel, and x and y lie in planes of their own.
    """
    down, across = (
        (torch.arange(side, device=maps.device) * 2 + 1) / side - 1 for side in (height, width)
    )
    rows = maps[:, :, 1:2] * down + maps[:, :, 2:]
    columns = maps[:, :, :1] * across
    return (rows[:, :, :, None] + columns[:, :, None, :]).permute(0, 2, 3, 1)


def _rectangles(images: Tensor, area: Tensor) -> Tensor:
    """Draw one rectangle per image, cut off at the border: 1 inside, else 0, float [B, 1, H, W].

    area: [B], the covered fraction of the image. Sides are between 1:3 and 3:1 (Zhong et al.,
    arXiv:1708.04896).
    """
    height, width = images.shape[-2:]
    device, many = images.device, len(images)
    ratio = ((torch.rand(many, device=device) * 2 - 1) * math.log(3)).exp()
    masks = []
    for length, side in ((height, (area * ratio).sqrt()), (width, (area / ratio).sqrt())):
        centre = torch.rand(many, device=device)
        places = (torch.arange(length, device=device) + 0.5) / length
        masks.append((places - centre[:, None]).abs() < side[:, None] / 2)
    rows, columns = (mask.to(images.dtype)[:, None] for mask in masks)
    return rows[:, :, :, None] * columns[:, :, None, :]
