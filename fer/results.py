"""The files of a measured part: predictions, tables, confusion matrix, figures, summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fer import figures, metrics
from fer.common.files import write_csv
from fer.data.faces import Faces


@dataclass(frozen=True, eq=False)
class Measured:
    """Predictions of one part, sorted by row.

    clean: rows that are pixel-identical to no face the network was trained on or, for test, selected
    on; seen: rows that are identical to one of another set. Those were no test at all: where there
    are any, numbers are given of the clean rows alone.
    """

    rows: Tensor
    labels: Tensor
    probabilities: Tensor
    clean: Tensor
    seen: Tensor
    classes: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether all rows may give numbers."""
        return not self.seen.any()

    @property
    def predictions(self) -> Tensor:
        return self.probabilities.argmax(1)

    @property
    def confidence(self) -> Tensor:
        return self.probabilities.amax(1)

    @property
    def counted(self) -> Tensor:
        """Which rows give the numbers and figures: all, or only the clean ones where some were seen."""
        return torch.ones_like(self.clean) if self.whole else self.clean

    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """Confidence, float [n], and whether the prediction is right, bool [n], of counted rows."""
        correct = self.predictions == self.labels
        return self.confidence[self.counted].numpy(), correct[self.counted].numpy()

    def matrix(self, *, clean: bool = False) -> Tensor:
        chosen = self.clean if clean else torch.ones_like(self.clean)
        return metrics.confusion_matrix(self.probabilities[chosen], self.labels[chosen])

    def numbers(self, *, clean: bool = False) -> dict[str, float]:
        chosen = self.clean if clean else torch.ones_like(self.clean)
        return metrics.measure(self.probabilities[chosen], self.labels[chosen], self.classes)

    def summary(self, part: str) -> dict[str, float]:
        """The numbers of summary.json: `part`/acc ..., `part`/clean_acc ..., and how many rows gave them."""
        numbers = {f"{part}/{name}": number for name, number in self._all_numbers().items()}
        clean = self.numbers(clean=True)
        numbers |= {f"{part}/clean_{name}": number for name, number in clean.items()}
        return numbers | {f"{part}/clean_rows": int(self.clean.sum())}

    def _all_numbers(self) -> dict[str, float]:
        if not self.whole:
            return {"seen_rows": int(self.seen.sum())}
        return self.numbers() | {"rows": len(self.labels)}

    def tables(self) -> dict[str, list[dict[str, str | int | float]]]:
        """The lab's table of `all` rows, where they may give numbers, and of `clean` rows."""
        matrices = {"all": self.matrix()} if self.whole else {}
        matrices["clean"] = self.matrix(clean=True)
        return {name: metrics.table(matrix, self.classes) for name, matrix in matrices.items()}


def write_measured(folder: Path, measured: Measured) -> None:
    """predictions.csv, summary.csv, confusion_matrix.csv and .png, calibration.png, in `folder`.

    Where some rows were seen, predictions.csv marks them in a column `seen`, and the others hold
    the clean rows alone.
    """
    columns = {
        "row": measured.rows.tolist(),
        "label": measured.labels.tolist(),
        "prediction": measured.predictions.tolist(),
    }
    for name, numbers in zip(measured.classes, measured.probabilities.T.tolist(), strict=True):
        columns[f"p_{name}"] = [f"{number:.9g}" for number in numbers]
    if not measured.whole:
        columns["seen"] = measured.seen.int().tolist()
    write_csv(folder / "predictions.csv", tuple(columns), zip(*columns.values(), strict=True))
    matrix = measured.matrix(clean=not measured.whole)
    table = metrics.table(matrix, measured.classes)
    write_csv(folder / "summary.csv", tuple(table[0]), (line.values() for line in table))
    counts = zip(measured.classes, matrix.tolist(), strict=True)
    write_csv(
        folder / "confusion_matrix.csv",
        ("true", *measured.classes),
        ((name, *row) for name, row in counts),
    )
    figures.save(
        figures.confusion(matrix.numpy(), measured.classes), folder / "confusion_matrix.png"
    )
    figures.save(figures.reliability(*measured.calibration()), folder / "calibration.png")


def mistakes(
    measured: Measured, faces: Faces, *, most: int = 32
) -> tuple[np.ndarray, Sequence[str]]:
    """The most confident wrong predictions of counted rows: faces [n, H, W] and their captions."""
    wrong = (measured.predictions != measured.labels) & measured.counted
    wrong = torch.nonzero(wrong).flatten()
    worst = wrong[measured.confidence[wrong].argsort(descending=True)][:most]
    captions = [
        f"true {measured.classes[measured.labels[i]]}\n"
        f"{measured.classes[measured.predictions[i]]} {100 * measured.confidence[i]:.0f} %"
        for i in worst.tolist()
    ]
    return faces.images[np.searchsorted(faces.rows, measured.rows[worst].numpy())], captions
