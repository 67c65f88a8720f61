"""The files of a measured part: predictions, tables, confusion matrix, figures, summary."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fer import figures, metrics
from fer.callbacks import write_csv


@dataclass(frozen=True, eq=False)
class Measured:
    """Predictions of one part, sorted by row; clean: rows without a twin in train or validation."""

    rows: Tensor
    labels: Tensor
    probabilities: Tensor
    clean: Tensor
    classes: tuple[str, ...]

    @property
    def predictions(self) -> Tensor:
        return self.probabilities.argmax(1)

    @property
    def confidence(self) -> Tensor:
        return self.probabilities.amax(1)

    def matrix(self, *, clean: bool = False) -> Tensor:
        chosen = self.clean if clean else torch.ones_like(self.clean)
        return metrics.confusion_matrix(self.probabilities[chosen], self.labels[chosen])

    def numbers(self, *, clean: bool = False) -> dict[str, float]:
        chosen = self.clean if clean else torch.ones_like(self.clean)
        return metrics.measure(self.probabilities[chosen], self.labels[chosen], self.classes)


def write_measured(folder: Path, measured: Measured) -> None:
    """predictions.csv, summary.csv, confusion_matrix.csv and .png of a part, in `folder`."""
    names = [f"p_{name}" for name in measured.classes]
    columns = zip(
        measured.rows.tolist(),
        measured.labels.tolist(),
        measured.predictions.tolist(),
        measured.probabilities.tolist(),
        strict=True,
    )
    lines = [
        {"row": row, "label": label, "prediction": prediction}
        | {name: f"{number:.9g}" for name, number in zip(names, numbers, strict=True)}
        for row, label, prediction, numbers in columns
    ]
    write_csv(folder / "predictions.csv", ("row", "label", "prediction", *names), lines)
    matrix = measured.matrix()
    table = metrics.table(matrix, measured.classes)
    write_csv(folder / "summary.csv", ("emotions", "true_preds", "false_preds", "accuracy"), table)
    counts = [
        {"true": name} | dict(zip(measured.classes, row, strict=True))
        for name, row in zip(measured.classes, matrix.tolist(), strict=True)
    ]
    write_csv(folder / "confusion_matrix.csv", ("true", *measured.classes), counts)
    figures.save(
        figures.confusion(matrix.numpy(), measured.classes), folder / "confusion_matrix.png"
    )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes json whole or not at all; a number that is none (no such rows) becomes null."""
    plain = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in content.items()
    }
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(plain, indent=2, allow_nan=False) + "\n")
    os.replace(temporary, path)


def mistakes(
    measured: Measured, images: Mapping[int, np.ndarray], *, most: int = 32
) -> tuple[np.ndarray, Sequence[str]]:
    """The most confident wrong predictions: faces [n, H, W] and their captions."""
    wrong = torch.nonzero(measured.predictions != measured.labels).flatten()
    worst = wrong[measured.confidence[wrong].argsort(descending=True)][:most].tolist()
    captions = [
        f"true {measured.classes[measured.labels[i]]}\n"
        f"{measured.classes[measured.predictions[i]]} {100 * measured.confidence[i]:.0f} %"
        for i in worst
    ]
    faces = [images[int(measured.rows[i])] for i in worst]
    return (np.stack(faces) if faces else np.empty((0, 1, 1), np.uint8)), captions
