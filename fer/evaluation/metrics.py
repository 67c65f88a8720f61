"""What is measured of predictions: exact sums, divided once, over all processes' rows."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)
from torchmetrics.utilities.data import dim_zero_cat

ECE_BINS = 15  # Guo et al., arXiv:1706.04599
BELOW_ONE = 1 - 2**-24  # the next float32: torchmetrics gives a confidence of 1 a sixteenth bin


class Predictions(Metric):
    """Every row's label and probabilities, gathered over all processes and sorted by row.

    compute() gives rows int64 [N], labels int64 [N], probabilities float32 [N, classes].
    """

    full_state_update = False
    rows: list[Tensor]
    labels: list[Tensor]
    probabilities: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("rows", "labels", "probabilities"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, rows: Tensor, labels: Tensor, probabilities: Tensor) -> None:
        self.rows.append(rows)
        self.labels.append(labels)
        self.probabilities.append(probabilities)

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        rows, labels = dim_zero_cat(self.rows), dim_zero_cat(self.labels)
        probabilities = dim_zero_cat(self.probabilities)
        order = rows.argsort()
        return rows[order], labels[order], probabilities[order]


def confusion_matrix(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Rows true, columns predicted: int64 [classes, classes]."""
    classes = probabilities.shape[1]
    return multiclass_confusion_matrix(probabilities.argmax(1), labels, num_classes=classes)


def recalls(matrix: Tensor) -> Tensor:
    """The fraction of each class's rows that were predicted as it, NaN without rows: [classes]."""
    return matrix.diagonal() / matrix.sum(1)


def names(classes: Sequence[str]) -> list[str]:
    """The names of `scores`."""
    return ["acc", "mean_acc", "macro_f1", "ece", *(f"recall_{name}" for name in classes)]


def scores(probabilities: Tensor, labels: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """acc, mean_acc (the mean recall of the classes), macro_f1, ece and recall_<class>.

    probabilities: float [N, classes]
    labels: int64 [N]

    The calibration error (ece) has 15 bins of equal width, weighted by their rows. Without rows every
    number is NaN.
    """
    if len(labels) == 0:
        return dict.fromkeys(names(classes), float("nan"))
    matrix = confusion_matrix(probabilities, labels)
    own = recalls(matrix)
    numbers = [
        matrix.diagonal().sum() / matrix.sum(),
        own.nanmean(),
        multiclass_f1_score(probabilities, labels, num_classes=len(classes), average="macro"),
        multiclass_calibration_error(
            probabilities.clamp(max=BELOW_ONE),
            labels,
            num_classes=len(classes),
            n_bins=ECE_BINS,
            norm="l1",
        ),
        *own,
    ]
    return dict(zip(names(classes), torch.stack(numbers).tolist(), strict=True))


class ClassRecall(NamedTuple):
    """Rows of a class that were predicted right and missed; recall is NaN without rows."""

    name: str
    right: int
    missed: int
    recall: float


def class_recalls(matrix: Tensor, classes: Sequence[str]) -> list[ClassRecall]:
    """A line for each class of a confusion matrix, int64 [classes, classes]."""
    right, total = matrix.diagonal().tolist(), matrix.sum(1).tolist()
    return [
        ClassRecall(name, hits, rows - hits, hits / rows if rows else float("nan"))
        for name, hits, rows in zip(classes, right, total, strict=True)
    ]
