"""Distillation: the probabilities of finished networks become part of the training targets."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Teachers:
    """Mix the probabilities of finished networks into targets (Hinton et al., arXiv:1503.02531).

    A batch is split between the teachers: each image gets the probabilities of one of them. Every loss of this
    project is linear in its targets, so over a run an image is trained towards the mean of all teachers,
    at the cost of one.

    networks: from images [B, 1, S, S] float in [0, 1] to probabilities.
    outputs: for each network, which of its outputs are the student's classes; others are left out.
    weight: of the teachers' probabilities in the targets, above 0 and at most 1.
    temperature: exponent 1 / temperature of their probabilities, which are then normalised again.
        Above 1 it makes them more even.

    No nn.Module: the student's checkpoints hold its own weights alone.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        outputs: Sequence[Sequence[int]],
        *,
        weight: float,
        temperature: float,
    ) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.outputs = outputs
        self.weight, self.temperature = weight, temperature

    def to(self, device: torch.device) -> None:
        for network in self.networks:
            network.to(device)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return new targets for a batch that is augmented and mixed: [B, classes]."""
        parts = images.tensor_split(len(self.networks))
        each = zip(self.networks, parts, self.outputs)
        outputs = torch.cat([network(part)[:, chosen] for network, part, chosen in each])
        outputs = outputs ** (1 / self.temperature)
        return torch.lerp(targets, outputs / outputs.sum(1, keepdim=True), self.weight)
