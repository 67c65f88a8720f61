"""A program that uses fer: mypy checks it in `make check`, it is not run."""

from pathlib import Path
from typing import assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import fer
from fer.inference import Model

model = fer.load(Path("runs/mine"), device="cpu")
assert_type(model, Model)
assert_type(model.classes, tuple[str, ...])
assert_type(model.size, int)
faces = np.zeros((2, 60, 60), np.uint8)
assert_type(model.probabilities(faces), NDArray[np.float32])
model.probabilities(["face.jpg", Path("other.png"), faces, torch.zeros(1, 48, 48)])
model.probabilities(3)  # type: ignore[arg-type]  # a number is no crop
