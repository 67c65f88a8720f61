"""Face crops in any common form, made into the faces that a network takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fer.common.errors import InputError
from fer.data.colours import rgb
from fer.data.planes import unit
from fer.data.resize import resize

if TYPE_CHECKING:
    from PIL.Image import Image

Crop: TypeAlias = "NDArray[Any] | Tensor | Image | str | PathLike[str]"
Crops: TypeAlias = "Crop | Sequence[Crop]"

BATCH = 256  # faces a forward pass, which bounds the memory for any number of crops

# Weights of red, green and blue (ITU-R BT.601), and the same times 2^15 as in OpenCV's cvtColor.
WEIGHTS = (0.299, 0.587, 0.114)
WHOLE_WEIGHTS = (9798, 19235, 3735)

ARRAYS = "(H, W), (N, H, W), (H, W, 3) or (N, H, W, 3)"
TENSORS = "(H, W), (1, H, W), (3, H, W), (N, 1, H, W) or (N, 3, H, W)"


def batches(crops: Crops, size: int) -> Iterator[Tensor]:
    """Faces float32 [B, 1, size, size] in [0, 1], B at most BATCH, in the order of the crops.

    Raises InputError for a crop that is none, and where there are none at all.
    """
    waiting: list[Tensor] = []
    number = 0
    for crop in crops if isinstance(crops, list | tuple) else [crops]:
        pixels = _pixels(crop, f"crop {number}")
        _check_values(pixels, number)
        for part in torch.split(pixels, BATCH):
            if sum(map(len, waiting)) + len(part) > BATCH:
                yield torch.cat(waiting)
                waiting = []
            waiting.append(resize(unit(grey(part)), size))
        number += len(pixels)
    if not waiting:
        raise InputError("crops: an empty list, expected one face or more")
    yield torch.cat(waiting)


def grey(pixels: Tensor) -> Tensor:
    """Grey images [N, 1, H, W] of grey or RGB ones [N, 1 or 3, H, W], uint8 or float as they are."""
    if pixels.shape[1] == 1:
        return pixels
    if pixels.is_floating_point():
        return (pixels * pixels.new_tensor(WEIGHTS).view(3, 1, 1)).sum(1, keepdim=True).clamp(max=1)
    whole = pixels.int() * torch.tensor(WHOLE_WEIGHTS).view(3, 1, 1)
    return ((whole.sum(1, keepdim=True) + 2**14) >> 15).to(torch.uint8)


def _pixels(crop: Any, name: str) -> Tensor:
    """The pixels of a crop as they are: uint8 or float32 [N, 1 or 3, H, W]."""
    if isinstance(crop, str | PathLike):
        crop = _read(Path(crop), name)
    elif type(crop).__module__.startswith("PIL."):
        crop = _of_pil(crop, name)
    if not isinstance(crop, np.ndarray | Tensor):
        raise InputError(
            f"{name}: {type(crop).__name__}, expected an array, a tensor, a PIL image or a path"
        )
    kind = str(getattr(crop.dtype, "name", crop.dtype)).removeprefix("torch.")
    if kind != "uint8" and "float" not in kind:
        raise InputError(f"{name}: values of type {kind}, expected uint8, or float in [0, 1]")
    pixels = crop.detach().cpu() if isinstance(crop, Tensor) else _of_array(crop)
    if pixels.ndim in (2, 3):
        pixels = pixels[(None,) * (4 - pixels.ndim)]
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or not pixels.numel():
        forms = TENSORS if isinstance(crop, Tensor) else ARRAYS
        raise InputError(f"{name}: shape {tuple(crop.shape)}, expected {forms}")
    return pixels.float() if pixels.is_floating_point() else pixels


def _of_array(array: NDArray[Any]) -> Tensor:
    """An array with its channels in front of its rows, as a tensor has them."""
    if array.ndim in (3, 4) and array.shape[-1] <= 4:
        array = np.moveaxis(array, -1, -3)
    elif array.ndim in (2, 3):
        array = array[..., None, :, :]
    # A copy: torch warns of arrays that are read-only and refuses those that are reversed.
    dtype = np.uint8 if array.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.array(array, dtype=dtype, order="C"))


def _of_pil(image: Image, name: str) -> NDArray[Any]:
    from PIL import ImageOps

    if image.mode == "F" or image.mode.startswith("I"):
        raise InputError(f"{name}: PIL image of mode {image.mode}, expected L or RGB")
    upright = ImageOps.exif_transpose(image)
    plain = image.mode in ("1", "L") and "transparency" not in image.info
    return np.asarray(upright.convert("L") if plain else rgb(upright))


def _read(path: Path, name: str) -> NDArray[Any]:
    from fer.data.readers.images import decode  # loads OpenCV

    try:
        return decode(path.read_bytes())
    except OSError as fault:
        raise InputError(f"{name}: {path}: {fault.strerror}") from None
    except ValueError as fault:
        raise InputError(f"{name}: {path}: {fault}") from None


def _check_values(pixels: Tensor, number: int) -> None:
    """Raises InputError for the first face with a value outside [0, 1], or NaN."""
    if not pixels.is_floating_point():
        return
    low, high = pixels.amin((1, 2, 3)), pixels.amax((1, 2, 3))
    wrong = ~((low >= 0) & (high <= 1))  # NaN too, which compares as false
    if wrong.any():
        first = int(wrong.nonzero()[0])
        raise InputError(
            f"crop {number + first}: values from {low[first]:.4g} to {high[first]:.4g}, expected "
            "uint8 from 0 to 255, or float in [0, 1]"
        )
