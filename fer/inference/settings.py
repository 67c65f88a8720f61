"""How faces are found and named: the options that `Model.predict` and `fer predict` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fer.common.errors import InputError
from fer.inference import detect
from fer.inference.detect import Found
from fer.inference.prediction import SMOOTH, Pixels


class Finder(Protocol):
    """What finds faces: `fer.inference.detect.Detector`, or an object with its `find`."""

    def find(self, pixels: Pixels) -> list[Found]: ...


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How faces are found and named.

    detector: `yunet`, `haar`, or an object that finds faces.
    tiles: search large pictures again in parts, for small faces.
    crops: the pictures are faces that were cut out already.
    every: analyse each so many frames. None: every frame of a video, the first one of a picture.
    seconds: of each video or camera, from its start. None: all.
    abstain: a face with a lower confidence is `unsure`.
    smooth: time constant of the average over a video, in seconds.
    """

    detector: detect.Name | Finder = "yunet"
    tiles: bool = False
    crops: bool = False
    every: int | None = None
    seconds: float | None = None
    abstain: float = 0.0
    smooth: float = SMOOTH

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise InputError(f"every: {self.every}, expected 1 or more")
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"seconds: {self.seconds}, expected more than 0")
        if not 0 <= self.abstain <= 1:
            raise InputError(f"abstain: {self.abstain}, expected 0 to 1")
        if not 0 <= self.smooth < float("inf"):
            raise InputError(f"smooth: {self.smooth}, expected 0 or more")
