"""The files of a measured part: predictions, tables, confusion matrix, figures, summary."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fer.evaluation import metrics


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
