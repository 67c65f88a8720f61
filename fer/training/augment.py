"""Augmentation of whole batches on the device: what changes a face but not its label.

Each operation is a pair: its probability an image (a batch for mixup and cutmix) and its range.
Random numbers come from torch's global generator, which the training step seeds.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = Sequence[float]
OFF = (0.0, 0.0)


class Augment(nn.Module):
    """Augmented images and their targets: [B, 1, H, W] float in [0, 1] -> the same.

    flip: probability. The others are [probability, range]:
    rotate, shear: degrees, either way; shift: share of the side, either way and each axis;
    scale: 1 +- range; crop: whole pixels of padding, cut back at random;
    brightness: added, either way; contrast, gamma: factor or power e^(+-range);
    blur: standard deviation in pixels, at most; noise: standard deviation, at most;
    erase: share of the image covered by a grey rectangle, at most;
    mixup, cutmix: alpha of the beta distribution that a batch's mixing share is drawn from.

    Raises ValueError, opening with the parameter's name, for pairs out of range.
    """

    def __init__(
        self,
        *,
        flip: float = 0.0,
        rotate: Pair = OFF,
        shear: Pair = OFF,
        shift: Pair = OFF,
        scale: Pair = OFF,
        crop: Pair = OFF,
        brightness: Pair = OFF,
        contrast: Pair = OFF,
        gamma: Pair = OFF,
        blur: Pair = OFF,
        noise: Pair = OFF,
        erase: Pair = OFF,
        mixup: Pair = OFF,
        cutmix: Pair = OFF,
    ) -> None:
        super().__init__()
        pairs = dict(rotate=rotate, shear=shear, shift=shift, scale=scale, crop=crop)
        pairs |= dict(brightness=brightness, contrast=contrast, gamma=gamma, blur=blur, noise=noise)
        pairs |= dict(erase=erase, mixup=mixup, cutmix=cutmix)
        if not 0 <= flip <= 1:
            raise ValueError(f"flip: {flip}, expected a probability")
        for name, pair in pairs.items():
            if len(pair) != 2 or not 0 <= pair[0] <= 1 or pair[1] < 0:
                raise ValueError(
                    f"{name}: {list(pair)}, expected [probability 0 to 1, range 0 or more]"
                )
        for name in ("scale", "erase"):
            if pairs[name][1] >= 1:
                raise ValueError(f"{name}: range {pairs[name][1]}, expected below 1")
        if mixup[0] + cutmix[0] > 1:
            raise ValueError("mixup: its probability and that of cutmix exceed 1 together")
        self.flip = flip
        self.pairs = {name: (float(p), float(r)) for name, (p, r) in pairs.items()}

    def forward(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Targets [B, classes] float: rows of probabilities, mixed as the images are."""
        # In bf16 a place in the image would be rounded to a tenth of a pixel.
        with torch.autocast(images.device.type, enabled=False):
            images = self._texture(self._tone(self._geometry(images)))
            return self._mix(images, targets)

    def beside_plain(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, and between the two the same images before blur, noise and erasing took
        anything from them: what teachers are shown."""
        with torch.autocast(images.device.type, enabled=False):
            plain = self._tone(self._geometry(images))
            both, targets = self._mix(torch.cat([self._texture(plain), plain], 1), targets)
        return both[:, :1], both[:, 1:], targets

    def _chosen(self, name: str, images: Tensor) -> Tensor:
        """Which images an operation falls on: bool [B]."""
        return torch.rand(len(images), device=images.device) < self.pairs[name][0]

    def _either_way(self, name: str, images: Tensor, *, axes: int = 1) -> Tensor:
        """Numbers uniform in +-range for the images an operation falls on, else 0: [B] or [axes, B]."""
        draw = torch.rand(axes, len(images), device=images.device).squeeze(0) * 2 - 1
        return draw * self.pairs[name][1] * self._chosen(name, images)

    def _on(self, *names: str) -> bool:
        return any(self.pairs[name][0] > 0 and self.pairs[name][1] > 0 for name in names)

    def _geometry(self, images: Tensor) -> Tensor:
        if self.flip > 0:
            mirrored = torch.rand(len(images), device=images.device) < self.flip
            images = torch.lerp(images, images.flip(-1), _column(mirrored.to(images.dtype)))
        if self._on("rotate", "shear", "shift", "scale", "crop"):
            grid = _grid(self._matrices(images), *images.shape[-2:])
            images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        return images

    def _matrices(self, images: Tensor) -> Tensor:
        """One affine map an image, from output to input in units of half a side: [B, 2, 3]."""
        turn = torch.deg2rad(self._either_way("rotate", images))
        slant = torch.tan(torch.deg2rad(self._either_way("shear", images)))
        zoom = 1 / (1 + self._either_way("scale", images))
        moves = 2 * self._either_way("shift", images, axes=2) + self._crop(images)
        cosine, sine = zoom * turn.cos(), zoom * turn.sin()
        rows = [cosine, cosine * slant - sine, moves[0], sine, sine * slant + cosine, moves[1]]
        return torch.stack(rows, dim=1).view(-1, 2, 3)

    def _crop(self, images: Tensor) -> Tensor:
        """Moves by whole pixels, as cutting the image back out of a padded one makes them: [2, B]."""
        pixels = self.pairs["crop"][1]
        draw = torch.rand(2, len(images), device=images.device)
        moves = (draw * (2 * pixels + 1)).floor() - pixels
        return moves * 2 / images.shape[-1] * self._chosen("crop", images)

    def _tone(self, images: Tensor) -> Tensor:
        if self._on("gamma"):
            images = images.clamp(1e-6, 1) ** _column(self._either_way("gamma", images).exp())
        if self._on("contrast", "brightness"):
            factor = _column(self._either_way("contrast", images).exp())
            middle = images.mean((2, 3), keepdim=True)
            added = middle - middle * factor + _column(self._either_way("brightness", images))
            images = images.mul(factor).add_(added).clamp_(0, 1)
        return images

    def _texture(self, images: Tensor) -> Tensor:
        if self._on("blur"):
            images = self._blurred(images)
        if self._on("noise"):
            strength = _column(self._either_way("noise", images))
            images = torch.randn_like(images).mul_(strength).add_(images).clamp_(0, 1)
        if self._on("erase"):
            area = self.pairs["erase"][1] * torch.rand(len(images), device=images.device)
            hole = _rectangles(images, area * self._chosen("erase", images))
            grey = _column(torch.rand(len(images), device=images.device))
            images = torch.lerp(images, grey, hole)
        return images

    def _blurred(self, images: Tensor) -> Tensor:
        """Each image under a Gaussian of its own width, cut off at three of the widest deviations or an image's side."""
        most = self.pairs["blur"][1]
        radius = min(math.ceil(3 * most), *(side - 1 for side in images.shape[-2:]))
        # An untouched image has a deviation of nearly 0: its kernel is a single one.
        sigma = self._either_way("blur", images).abs().clamp(min=1e-3)
        taps = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
        kernels = torch.softmax(-(taps**2) / (2 * sigma[:, None] ** 2), dim=1)
        padded = F.pad(images, [radius] * 4, mode="reflect")
        across = torch.einsum("bchwt,bt->bchw", padded.unfold(-1, len(taps), 1), kernels)
        return torch.einsum("bchwt,bt->bchw", across.unfold(-2, len(taps), 1), kernels)

    def _mix(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """At most one of mixup (Zhang et al., arXiv:1710.09412) and cutmix (Yun et al., arXiv:1905.04899)."""
        if not self._on("mixup", "cutmix"):
            return images, targets
        draw = torch.rand(()).item()
        name = "mixup" if draw < self.pairs["mixup"][0] else "cutmix"
        if draw >= self.pairs["mixup"][0] + self.pairs["cutmix"][0] or not self._on(name):
            return images, targets
        alpha = self.pairs[name][1]
        share = torch.distributions.Beta(alpha, alpha).sample().item()
        partner = torch.randperm(len(images), device=images.device)
        if name == "mixup":
            images = torch.lerp(images[partner], images, share)
        else:
            area = torch.full((1,), 1 - share, device=images.device)
            patch = _rectangles(images[:1], area, square=True)
            images = torch.lerp(images, images[partner], patch)
            share = 1 - patch.mean().item()
        return images, torch.lerp(targets[partner], targets, share)


def _column(numbers: Tensor) -> Tensor:
    """One number an image, [B], in the shape of images: [B, 1, 1, 1]."""
    return numbers[:, None, None, None]


def _grid(maps: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel comes from, for grid_sample: [B, 2, 3] -> [B, H, W, 2].

    What torch's affine_grid gives, but as the sum of a row's and a column's share, x and y in planes
    of their own: a thirtieth of the time that its product of matrices takes.
    """
    down, across = (
        (torch.arange(side, device=maps.device) * 2 + 1) / side - 1 for side in (height, width)
    )
    rows = maps[:, :, 1:2] * down + maps[:, :, 2:]
    columns = maps[:, :, :1] * across
    return (rows[:, :, :, None] + columns[:, :, None, :]).permute(0, 2, 3, 1)


def _rectangles(images: Tensor, area: Tensor, *, square: bool = False) -> Tensor:
    """One rectangle an image covering `area` [B] of it, cut off at the border: 1 in it, else 0, float
    [B, 1, H, W].

    Sides between 1:3 and 3:1 (Zhong et al., arXiv:1708.04896), or the image's own proportions.
    """
    height, width = images.shape[-2:]
    device, many = images.device, len(images)
    ratio = torch.ones(many, device=device)
    if not square:
        ratio = ((torch.rand(many, device=device) * 2 - 1) * math.log(3)).exp()
    masks = []
    for length, side in ((height, (area * ratio).sqrt()), (width, (area / ratio).sqrt())):
        centre = torch.rand(many, device=device)
        places = (torch.arange(length, device=device) + 0.5) / length
        masks.append((places - centre[:, None]).abs() < side[:, None] / 2)
    rows, columns = (mask.to(images.dtype)[:, None] for mask in masks)
    return rows[:, :, :, None] * columns[:, :, None, :]
