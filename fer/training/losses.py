"""Losses of logits [B, classes] against target probabilities [B, classes], averaged over the batch."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Interval
from torch import Tensor, nn

ClassWeights = Literal["none", "balanced"]
NonNegative = Annotated[float, Ge(0)]
Smoothing = Annotated[float, Interval(ge=0, lt=1)]


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Return a weight for each class, total / (classes * count), as scikit-learn's "balanced": [classes]."""
    numbers = torch.tensor(counts, dtype=torch.float32)
    return numbers.sum() / (len(counts) * numbers.clamp(min=1))


class CrossEntropy(nn.Module):
    """Cross entropy with label smoothing (arXiv:1512.00567) and class weights.

    counts: training images of each class.
    label_smoothing: weight of the uniform distribution in the targets.
    class_weights: `balanced` weighs each class by the inverse of its count.
    """

    def __init__(
        self,
        *,
        counts: Sequence[int],
        label_smoothing: Smoothing = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        weight = balanced_weights(counts) if class_weights == "balanced" else None
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            logits.float(), targets, weight=self.weight, label_smoothing=self.label_smoothing
        )


class Focal(CrossEntropy):
    """Cross entropy times (1 - p)^gamma, where p is the target's probability (Lin et al., arXiv:1708.02002)."""

    def __init__(
        self,
        *,
        counts: Sequence[int],
        gamma: NonNegative = 2.0,
        label_smoothing: Smoothing = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__(
            counts=counts, label_smoothing=label_smoothing, class_weights=class_weights
        )
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        targets = torch.lerp(
            targets, torch.full_like(targets, 1 / targets.shape[1]), self.label_smoothing
        )
        logs = logits.float().log_softmax(1)
        # At 0 a power below 1 has no finite slope.
        wrong = (-logs.expm1()).clamp(min=torch.finfo(logs.dtype).tiny)
        terms = -targets * wrong**self.gamma * logs
        if self.weight is not None:
            terms = terms * self.weight
        return terms.sum(1).mean()


class LogitAdjusted(CrossEntropy):
    """Cross entropy of the logits plus `tau` times the log of each class's frequency in training.

    Nothing is added where the network predicts, so that it aims at the mean recall of the classes
    (Menon et al., arXiv:2007.07314, equation 10).

    counts: training images of each class.
    tau: 0 is plain cross entropy, 1 is the paper's choice.
    """

    shift: Tensor

    def __init__(
        self, *, counts: Sequence[int], tau: NonNegative = 1.0, label_smoothing: Smoothing = 0.0
    ) -> None:
        super().__init__(counts=counts, label_smoothing=label_smoothing)
        numbers = torch.tensor(counts, dtype=torch.float32).clamp(min=1)
        self.register_buffer("shift", tau * (numbers / numbers.sum()).log(), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return super().forward(logits.float() + self.shift, targets)
