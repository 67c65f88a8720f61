"""The object that `fer.load` returns."""

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fer.common.errors import InputError
from fer.inference.crops import Crops, batches
from fer.models import checkpoint
from fer.models.classifier import Classifier, restore


class Model:
    """A finished network for face crops. Several threads may call it at once.

    classes: names, in the order of the probabilities.
    channels: the planes that the network sees (`fer.data.planes.PLANES`).
    size: side in pixels to which crops are resized.
    """

    def __init__(self, classifier: Classifier, device: torch.device) -> None:
        self.classes, self.channels = classifier.classes, classifier.channels
        self.size, self.device = classifier.size, device
        self._classifier = classifier.to(device).eval().requires_grad_(False)

    def __repr__(self) -> str:
        return f"Model(classes={self.classes}, channels={self.channels}, size={self.size})"

    def probabilities(self, crops: Crops) -> NDArray[np.float32]:
        """The probabilities of each class for each face: float32 [N, classes], also of one face.

        crops: faces cut out of photos, uint8 or float in [0, 1], grey or RGB, of any size.
        One of these, or a list of them:

        - array (H, W), (N, H, W), (H, W, 3) or (N, H, W, 3). A last axis of up to 4 is channels.
        - tensor (H, W), (1, H, W), (3, H, W), (N, 1, H, W) or (N, 3, H, W).
        - PIL image, turned as its EXIF data says.
        - path of an image file, read as `data=folder` reads it.

        A crop that is not square is cut to its centre square. Raises InputError with the number of
        the crop, counted from 0 in the order of the rows.
        """
        with torch.inference_mode():
            found = [
                self._classifier(faces.to(self.device)).cpu() for faces in batches(crops, self.size)
            ]
            rows: NDArray[np.float32] = torch.cat(found).numpy()
        return rows


def load(place: str | PathLike[str] = "shipped", device: str | torch.device = "cpu") -> Model:
    """The network that `place` names, on a device.

    place: a finished run's folder, a checkpoint, a packed network's folder, or `shipped`.
    device: as torch names it. Raises InputError for a place without a network and a device that is
    not here.
    """
    try:
        there = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as fault:  # torch without CUDA asserts
        raise InputError(f"device: {device}: {str(fault).splitlines()[0]}") from None
    return Model(restore(checkpoint.read(Path(place))), there)
