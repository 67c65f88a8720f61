"""Distillation: what finished networks say of a batch becomes a part of what it is trained towards."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Teachers:
    """Finished networks' probabilities, mixed into targets (Hinton et al., arXiv:1503.02531).

    A batch is shared out: each face is told by one of the networks. Every loss of this project is linear in its
    targets, so that over a run a face is trained towards the mean of what all say, at the price of one.

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
        shares = images.tensor_split(len(self.networks))
        said = torch.cat([network(share) for network, share in zip(self.networks, shares)])
        said = said ** (1 / self.temperature)
        return torch.lerp(targets, said / said.sum(1, keepdim=True), self.weight)
