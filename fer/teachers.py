"""Distillation: what finished networks, or a network itself so far, say of a face joins its label."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

OLDER = 0.7  # the share of all earlier epochs in a memory, when one more is added


class Teachers:
    """The mean of finished networks' probabilities, mixed into targets (Hinton et al., arXiv:1503.02531).

    networks: from images [B, 1, S, S] float in [0, 1] to probabilities [B, classes]; weight: the share
    of what they say in the new targets; temperature: above 1 what they say is spread, each
    probability to the power of 1 / temperature, and normalised again.

    No nn.Module: a checkpoint of the network that is taught holds its own weights alone. Raises
    ValueError, opening with the parameter's name, for numbers out of range.
    """

    def __init__(self, networks: Sequence[nn.Module], *, weight: float, temperature: float) -> None:
        if not 0 < weight <= 1:
            raise ValueError(f"weight: {weight}, expected above 0 and at most 1")
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature: {temperature}, expected above 0")
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.weight, self.temperature = weight, temperature

    def to(self, device: torch.device) -> None:
        for network in self.networks:
            network.to(device)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """New targets of a batch as it is trained on, augmented and mixed: [B, classes]."""
        said = torch.stack([network(images) for network in self.networks]).mean(0)
        said = said ** (1 / self.temperature)
        return torch.lerp(targets, said / said.sum(1, keepdim=True), self.weight)


class Memory:
    """What a network itself has said of its training faces so far, mixed into their targets.

    A mean over epochs, the older the less (Laine and Aila, arXiv:1610.02242), of whole faces as they
    were augmented; its share in the targets grows from 0 to `weight` over a run, as the network
    learns (Kim et al., arXiv:2006.12000). A label that the network keeps to doubt counts for less.

    faces: one more than the greatest row number. Raises ValueError for a weight out of range.
    """

    def __init__(self, faces: int, classes: int, *, weight: float) -> None:
        if not 0 < weight < 1:
            raise ValueError(f"self_teaching: {weight}, expected above 0 and below 1, or null")
        self.weight = weight
        self.said = torch.zeros(faces, classes)  # 0: nothing yet

    def to(self, device: torch.device) -> None:
        self.said = self.said.to(device)

    def targets(self, rows: Tensor, labels: Tensor, *, progress: float) -> Tensor:
        """labels: rows of probabilities [B, classes]; progress: of the run, 0 to 1. New targets."""
        return torch.lerp(labels, self._said(rows, labels), self.weight * progress)

    def keep(self, rows: Tensor, labels: Tensor, probabilities: Tensor) -> None:
        """Takes in what the network has just said, [B, classes]; a label stands for the time before."""
        self.said[rows] = torch.lerp(probabilities, self._said(rows, labels), OLDER)

    def _said(self, rows: Tensor, labels: Tensor) -> Tensor:
        said = self.said[rows]
        return torch.where(said.any(1, keepdim=True), said, labels)
