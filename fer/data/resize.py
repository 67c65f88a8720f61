"""Images of any size made into faces of one size, so that ONNX and a browser can repeat it exactly."""

import torch
from torch import Tensor


def area_weights(length: int, size: int) -> Tensor:
    """The weights of `length` pixels in `size` equal parts of a line: float32 [size, length].

    Part i is [i * length / size, (i + 1) * length / size), pixel j is [j, j + 1). A weight is the
    fraction of the part that lies in the pixel. All products are of whole numbers: the division alone
    rounds.
    """
    parts, pixels = torch.arange(size)[:, None] * length, torch.arange(length) * size
    overlap = torch.minimum(parts + length, pixels + size) - torch.maximum(parts, pixels)
    return overlap.clamp(min=0).float() / length


def resize(images: Tensor, size: int) -> Tensor:
    """The centre square of images, resized by area: float [..., H, W] -> [..., size, size].

    The square keeps the proportions, as `data=folder` does. The result is weights @ square @ weights.T.

    - Smaller: each pixel is the mean over its area, as in OpenCV's INTER_AREA.
    - Equal: exactly the image.
    - Larger: each pixel is the mean over its small area, which lies in one source pixel or in two
      neighbours a side. This looks like the nearest neighbour. OpenCV's INTER_AREA interpolates here.
    """
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[..., top : top + side, left : left + side]
    weights = area_weights(side, size).to(images)
    return weights @ square @ weights.T
