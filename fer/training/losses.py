"""Losses from logits [B, classes] and target probabilities [B, classes]: the mean over the batch."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ClassWeights = Literal["none", "balanced"]


def balanced_weights(counts: Sequence[int]) -> Tensor:
    """Each class's weight, total over classes times count, as scikit-learn's "balanced": [classes]."""
    numbers = torch.tensor(counts, dtype=torch.float32)
    return numbers.sum() / (len(counts) * numbers.clamp(min=1))


class CrossEntropy(nn.Module):
    """Cross entropy, the targets smoothed towards uniform by `label_smoothing` (arXiv:1512.00567).

    counts: training images of each class, which class_weights=balanced weighs by.
    """

    def __init__(
        self,
        *,
        counts: Sequence[int],
        label_smoothing: float = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing: {label_smoothing}, expected 0 or more and below 1")
        if class_weights not in get_args(ClassWeights):
            raise ValueError(f"class_weights: {class_weights!r}, expected none or balanced")
        self.label_smoothing = label_smoothing
        weight = balanced_weights(counts) if class_weights == "balanced" else None
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            logits.float(), targets, weight=self.weight, label_smoothing=self.label_smoothing
        )


class Focal(CrossEntropy):
    """Cross entropy times (1 - p)^gamma, p the target's probability (Lin et al., arXiv:1708.02002)."""

    def __init__(
        self,
        *,
        counts: Sequence[int],
        gamma: float = 2.0,
        label_smoothing: float = 0.0,
        class_weights: ClassWeights = "none",
    ) -> None:
        super().__init__(
            counts=counts, label_smoothing=label_smoothing, class_weights=class_weights
        )
        if gamma < 0:
            raise ValueError(f"gamma: {gamma}, expected 0 or more")
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        targets = torch.lerp(
            targets, torch.full_like(targets, 1 / targets.shape[1]), self.label_smoothing
        )
        logs = logits.float().log_softmax(1)
        # Kept from 0, where a power below 1 has no finite slope.
        wrong = (-logs.expm1()).clamp(min=torch.finfo(logs.dtype).tiny)
        terms = -targets * wrong**self.gamma * logs
        if self.weight is not None:
            terms = terms * self.weight
        return terms.sum(1).mean()


class LogitAdjusted(CrossEntropy):
    """Cross entropy of the logits plus `tau` times the log of each class's share in training.

    Menon et al., arXiv:2007.07314, equation 10. The network itself, whose logits have nothing added
    where it predicts, then aims at the mean of the classes' recalls.

    counts: training images of each class; tau: 0 is plain cross entropy, 1 the paper's own choice.
    """

    shift: Tensor

    def __init__(
        self, *, counts: Sequence[int], tau: float = 1.0, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(counts=counts, label_smoothing=label_smoothing)
        if tau < 0:
            raise ValueError(f"tau: {tau}, expected 0 or more")
        numbers = torch.tensor(counts, dtype=torch.float32).clamp(min=1)
        self.register_buffer("shift", tau * (numbers / numbers.sum()).log(), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return super().forward(logits.float() + self.shift, targets)
