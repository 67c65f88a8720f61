"""Images of any size made into faces of one size, so that ONNX and a browser can repeat it exactly."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = TypeVar("Images", NDArray[np.float32], Tensor)


@lru_cache(maxsize=256)  # 2 MB at most for images of 480 pixels
def area_weights(length: int, size: int) -> NDArray[np.float32]:
    """The weights of `length` pixels in `size` equal parts of a line: float32 [size, length].

    Part i is [i * length / size, (i + 1) * length / size), pixel j is [j, j + 1). A weight is the
    fraction of the part that lies in the pixel. All products are of whole numbers: the division alone
    rounds.
    """
    parts, pixels = np.arange(size)[:, None] * length, np.arange(length) * size
    overlap = np.minimum(parts + length, pixels + size) - np.maximum(parts, pixels)
    return (overlap.clip(min=0) / length).astype(np.float32)


def resize(images: Images, size: int) -> Images:
    """The centre square of images, resized by area: float32 [..., H, W] -> [..., size, size].

    Datasets of image files and crops for a network are both resized here. The square keeps the
    proportions. The result is weights @ square @ weights.T, in float32 and not rounded.

    - Smaller: each pixel is the mean over its area, as in OpenCV's INTER_AREA.
    - Equal: exactly the image.
    - Larger: each pixel is the mean over its small area, which lies in one source pixel or in two
      neighbours a side. This looks like the nearest neighbour. OpenCV's INTER_AREA interpolates here.
    """
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[..., top : top + side, left : left + side]
    if side == size:
        return square
    weights = area_weights(side, size)
    if isinstance(square, Tensor):
        across = torch.from_numpy(weights).to(square)
        return across @ square @ across.T
    return (weights @ square @ weights.T).astype(np.float32, copy=False)
