"""The object that `fer.load` returns."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from fer.common.errors import InputError
from fer.inference.crops import Crop, Crops, batches
from fer.inference.prediction import SMOOTH, Prediction
from fer.models import checkpoint
from fer.models.classifier import Classifier, restore
from fer.models.exported import Exported

if TYPE_CHECKING:
    from fer.inference import detect
    from fer.inference.pictures import Picture
    from fer.inference.settings import Finder
    from fer.inference.sources import Source

Given: TypeAlias = "Crop | int | Sequence[Crop | int]"  # what fer.inference.sources.expand takes
OnBad: TypeAlias = Literal["raise", "skip"]

log = logging.getLogger(__name__)


class Model:
    """A finished network for face crops. Several threads may call it at once.

    classes: names, in the order of the probabilities.
    channels: the planes that the network sees (`fer.data.planes.PLANES`).
    size: side in pixels to which crops are resized.
    margin: the numbers of fer.inference.cut.Place, which crops it expects. None: the default.
    """

    def __init__(
        self,
        classifier: Classifier | Exported,
        device: torch.device,
        margin: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes, self.channels = classifier.classes, classifier.channels
        self.size, self.device, self.margin = classifier.size, device, margin
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

    def predict(
        self,
        source: Given,
        *,
        detector: detect.Name | Finder = "yunet",
        tiles: bool = False,
        crops: bool = False,
        every: int | None = None,
        seconds: float | None = None,
        abstain: float = 0.0,
        smooth: float = SMOOTH,
        on_bad: OnBad = "raise",
    ) -> list[Prediction]:
        """The faces of each picture and frame, as `stream` gives them, without the pixels of videos.

        A camera ends after `seconds` alone. Raises InputError for one without them.
        """
        streamed = self._stream(
            source,
            on_bad,
            endless=seconds is not None,
            detector=detector,
            tiles=tiles,
            crops=crops,
            every=every,
            seconds=seconds,
            abstain=abstain,
            smooth=smooth,
        )
        return [
            each if each.time is None else dataclasses.replace(each, pixels=None)
            for each in streamed
        ]

    def stream(
        self,
        source: Given,
        *,
        detector: detect.Name | Finder = "yunet",
        tiles: bool = False,
        crops: bool = False,
        every: int | None = None,
        seconds: float | None = None,
        abstain: float = 0.0,
        smooth: float = SMOOTH,
        on_bad: OnBad = "raise",
    ) -> Iterator[Prediction]:
        """The faces of each picture and frame, one by one, in the order of the sources.

        source: path, folder, glob, `@list.txt`, number of a camera, array (RGB or grey), tensor, PIL
            image, or a list of these.
        detector: `yunet`, `haar`, or an object with `find(pixels)` as fer.inference.detect.Detector.
        tiles: search large pictures again in parts, for small faces.
        crops: the pictures are faces that were cut out already.
        every: analyse each so many frames of videos and animated pictures. None: every frame of a
            video, the first one of a picture.
        seconds: of each video or camera, from its start.
        abstain: a face with a lower confidence has the label `unsure`.
        smooth: time constant in seconds of `Face.smoothed`.
        on_bad: what cannot be read raises InputError, or is skipped with a line in the log.

        Pictures in memory and frames keep their `pixels`, picture files keep none. Memory does not
        grow with the number of pictures. Closing the generator stops its threads.
        """
        return self._stream(
            source,
            on_bad,
            endless=True,
            detector=detector,
            tiles=tiles,
            crops=crops,
            every=every,
            seconds=seconds,
            abstain=abstain,
            smooth=smooth,
        )

    def _stream(
        self, given: Given, on_bad: OnBad, *, endless: bool, **settings: Any
    ) -> Iterator[Prediction]:
        """The predictions without pixels that nobody asked for. `endless`: whether it may last."""
        from fer.inference import predict, sources  # OpenCV, which crops do not need
        from fer.inference.settings import Settings

        if on_bad not in get_args(OnBad):
            raise InputError(f"on_bad: {on_bad!r}, expected one of {', '.join(get_args(OnBad))}")
        chosen = Settings(**settings)
        answers = predict.predictions(self, _ending(sources.expand(given), endless), chosen)
        with contextlib.closing(answers):
            for answer in answers:
                if isinstance(answer, predict.Answer):
                    yield _with_pixels(*answer)
                elif on_bad == "raise":
                    raise answer
                else:
                    log.warning("%s", answer)


def _with_pixels(source: Source, picture: Picture, prediction: Prediction) -> Prediction:
    """The prediction, with the pixels of a frame or a picture in memory."""
    if source.kind == "picture" and picture.time is None:
        return prediction
    return dataclasses.replace(prediction, pixels=picture.pixels)


def _ending(sources: Iterable[Source], endless: bool) -> Iterator[Source]:
    """The sources. Raises InputError for a camera unless it may last."""
    for source in sources:
        if source.kind == "camera" and not endless:
            raise InputError(
                f"{source.name}: a list of its frames never ends; use model.stream, or seconds="
            )
        yield source


def load(place: str | PathLike[str] = "shipped", device: str | torch.device = "cpu") -> Model:
    """The network that `place` names, on a device.

    place: a finished run's folder, a checkpoint, a packed network's folder, an ONNX file of
        `fer export`, or `shipped`.
    device: as torch names it. Raises InputError for a place without a network and a device that is
    not here.
    """
    try:
        there = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as fault:  # torch without CUDA asserts
        raise InputError(f"device: {device}: {str(fault).splitlines()[0]}") from None
    found = checkpoint.read(Path(place))
    return Model(restore(found), there, found.margin)
