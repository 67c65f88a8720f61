"""A program that uses fer: mypy checks it in `make check`, it is not run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import fer
from fer.inference import Model
from fer.inference.prediction import Prediction

model = fer.load(Path("runs/mine"), device="cpu")
assert_type(model, Model)
assert_type(model.classes, tuple[str, ...])
assert_type(model.size, int)
faces = np.zeros((2, 60, 60), np.uint8)
assert_type(model.probabilities(faces), NDArray[np.float32])
model.probabilities(["face.jpg", Path("other.png"), faces, torch.zeros(1, 48, 48)])
for photo in model.predict(["photo.jpg", faces[0]], every=2, detector="haar", abstain=0.5):
    assert_type(photo, Prediction)
    assert_type([face.label for face in photo.faces], list[str])
assert_type(model.stream(0, seconds=3), Iterator[Prediction])
assert_type(fer.to_rows(model.predict("photos")), list[dict[str, Any]])
model.predict("photo.jpg", detector="dlib")  # type: ignore[arg-type]
model.probabilities(3)  # type: ignore[arg-type]  # a number is no crop
