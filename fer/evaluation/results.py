"""What was measured of a part, and what a run or an evaluation was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fer.data.faces import Faces
from fer.evaluation import metrics
from fer.evaluation.metrics import ClassRecall


@dataclass(frozen=True, eq=False)
class Measured:
    """The predictions of one part, sorted by row.

    part: train, val or test
    faces: the dataset, with the labels that count
    positions: int64 [N], which of the faces were measured
    probabilities: float32 [N, classes]
    clean: bool [N], rows without an identical image in what the network was trained on or, for test,
        validated on
    elsewhere: bool [N], rows with such an image in another dataset. They are no test: where there is
        one, only clean rows are counted.
    """

    part: str
    faces: Faces
    positions: np.ndarray
    probabilities: Tensor
    clean: Tensor
    elsewhere: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.faces.classes

    @property
    def rows(self) -> Tensor:
        """Row numbers in the source: int64 [N]."""
        return torch.from_numpy(self.faces.rows[self.positions])

    @property
    def files(self) -> list[str] | None:
        """The file of each row below the source. None where images have none."""
        files = self.faces.files
        return None if files is None else [files[row] for row in self.rows.tolist()]

    @property
    def images(self) -> np.ndarray:
        """uint8 [N, H, W]."""
        return self.faces.images[self.positions]

    @property
    def labels(self) -> Tensor:
        """int64 [N]."""
        return torch.from_numpy(self.faces.labels[self.positions])

    @property
    def predictions(self) -> Tensor:
        """int64 [N]."""
        return self.probabilities.argmax(1)

    @property
    def confidence(self) -> Tensor:
        """The probability of the predicted class: float32 [N]."""
        return self.probabilities.amax(1)

    @property
    def only_clean(self) -> bool:
        """Whether only clean rows are counted."""
        return bool(self.elsewhere.any())

    @property
    def counted(self) -> Tensor:
        """Which rows give the numbers and figures: bool [N]."""
        return self.clean if self.only_clean else torch.ones_like(self.clean)

    def calibration(self) -> tuple[np.ndarray, np.ndarray]:
        """Confidence, float [n], and whether the prediction is right, bool [n], of counted rows."""
        correct = self.predictions == self.labels
        return self.confidence[self.counted].numpy(), correct[self.counted].numpy()

    def matrix(self, *, clean: bool = False) -> Tensor:
        """The confusion matrix of counted or of clean rows, true classes in rows: [classes, classes]."""
        chosen = self.clean if clean else self.counted
        return metrics.confusion_matrix(self.probabilities[chosen], self.labels[chosen])

    def scores(self, *, clean: bool = False) -> dict[str, float]:
        """acc, mean_acc, macro_f1, ece and recall_<class> of counted or of clean rows."""
        chosen = self.clean if clean else self.counted
        return metrics.scores(self.probabilities[chosen], self.labels[chosen], self.classes)

    def recalls(self, *, clean: bool = False) -> list[ClassRecall]:
        """A line for each class, of counted or of clean rows."""
        return metrics.class_recalls(self.matrix(clean=clean), self.classes)

    def confusions(self, most: int) -> list[tuple[str, str, int]]:
        """The most frequent mistakes of counted rows: true class, predicted class, number of rows."""
        wrong = self.matrix().fill_diagonal_(0).numpy()
        largest = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = zip(*np.unravel_index(largest, wrong.shape), strict=True)
        names = self.classes
        return [(names[t], names[p], int(wrong[t, p])) for t, p in pairs if wrong[t, p]]

    def numbers(self) -> dict[str, float]:
        """Its numbers in summary.json: `test/acc` ..., `test/clean_acc` ..., and how many rows gave them."""
        if self.only_clean:
            numbers: dict[str, float] = {"seen_rows": int(self.elsewhere.sum())}
        else:
            numbers = self.scores() | {"rows": len(self)}
        clean = self.scores(clean=True) | {"rows": int(self.clean.sum())}
        numbers |= {f"clean_{name}": number for name, number in clean.items()}
        return {f"{self.part}/{name}": number for name, number in numbers.items()}


@dataclass(frozen=True, eq=False)
class Summary:
    """What a run or an evaluation was, and all that it found.

    numbers: the content of summary.json
    title: networks and dataset
    command: what was typed
    overrides: those of the config among it
    config: the resolved config, YAML
    counts: images of each class, for each part
    """

    numbers: Mapping[str, Any]
    title: str
    command: str
    overrides: Sequence[str]
    config: str
    counts: Mapping[str, Sequence[int]]
