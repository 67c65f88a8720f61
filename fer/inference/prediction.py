"""What a network says of pictures: one Prediction a picture or video frame, one Face a face."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels: TypeAlias = NDArray[np.uint8]  # an upright picture [H, W, 3], RGB
Box: TypeAlias = tuple[float, float, float, float]  # x, y, width, height in pixels

# What every page and window says of its purpose and limits.
PURPOSE = (
    "fer names the expression that a face shows, as people labelled photographs. It does not know "
    "what a person feels. Decide about nobody by it. Limits: the model card, docs/model_card.md."
)
UNSURE = "unsure"  # the label of a face whose confidence is below the one asked for
# Seconds of the average over a video. Expressions last 0.5 to 4 s (Ekman, Emotions Revealed, 2003):
# this follows the shortest of them.
SMOOTH = 0.3


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found, and the probabilities of its expressions.

    box: x, y, width, height in pixels of the upright picture. It may reach over the border.
    score: of the detector, 0 to 1.
    label: the most probable class, or `unsure`.
    confidence: calibrated probability of the most probable class.
    probabilities: float32 [classes], in the order of `Model.classes`.
    track: number of the person within a video, from 0. None in a picture.
    landmarks: float32 [5, 2], in pixels: the eye on the left of the picture, the one on the right,
        nose, corners of the mouth on the left and on the right. None where the detector has none.
    roll: degrees by which the face is turned in the plane of the picture, clockwise. 0 is upright.
    warnings: of `fer.inference.warnings.WARNINGS`, why this face may be judged worse than others.
    smoothed: the probabilities averaged over time in a video, float32 [classes]. None in a picture.
    """

    box: Box
    score: float
    label: str
    confidence: float
    probabilities: NDArray[np.float32]
    track: int | None = None
    landmarks: NDArray[np.float32] | None = None
    roll: float = 0.0
    warnings: tuple[str, ...] = ()
    smoothed: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """The faces of one picture or video frame. No face is `faces == ()`.

    source: path as it was given, `camera 0`, or `picture 3` for an array or image in memory.
    frame: number of the frame in a video or an animated picture, from 0.
    time: seconds from the start, by the container's timestamps. None for a picture.
    size: width and height of the upright picture in pixels.
    classes: names, in the order of the probabilities.
    pixels: the upright picture [H, W, 3], RGB, where it is still in memory. None for files.
    """

    source: str
    frame: int
    time: float | None
    size: tuple[int, int]
    faces: tuple[Face, ...]
    classes: tuple[str, ...]
    pixels: Pixels | None = field(default=None, repr=False)

    def draw(
        self, pixels: Pixels | None = None, *, names: bool = True, blur: bool = False
    ) -> Image:
        """The picture with boxes, labels and bars, as `fer.inference.draw.draw` draws them.

        pixels: the upright picture. None: those in memory, else the file is read again. Raises
        InputError for a video's frame, which is not kept.
        """
        from fer.inference import draw  # loads Pillow

        pixels = draw.again(self) if pixels is None else pixels
        return draw.draw(pixels, self, names=names, blur=blur)
