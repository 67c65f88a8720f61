"""Muon: an optimizer that makes the momentum of convolutions orthogonal."""

from collections.abc import Callable

import torch
from torch import Tensor, nn, optim

from fer.training.optimizers import ADAM_BETAS, Momentum, Rate


class Muon(optim.Optimizer):
    """Orthogonal momentum for groups with `orthogonal`, AdamW for the others.

    A convolution's weights are a matrix [outputs, inputs * kernel * kernel]. All singular values of
    its step become about 1, so that no direction of the gradient is learned later than another
    (Jordan et al., 2024, kellerjordan.github.io/posts/muon). torch.optim.Muon takes matrices only,
    and one kind of group.
    """

    def __init__(self, groups: list[dict], *, lr: float, momentum: float) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    move = self._orthogonal if group["orthogonal"] else self._adam
                    weights.mul_(1 - group["lr"] * group["weight_decay"])
                    weights.sub_(move(weights, group), alpha=group["lr"])
        return loss

    def _orthogonal(self, weights: Tensor, group: dict) -> Tensor:
        state = self.state[weights]
        if not state:
            state["momentum"] = torch.zeros_like(weights)
        mean = state["momentum"].lerp_(weights.grad, 1 - group["momentum"])
        ahead = weights.grad.lerp(mean, group["momentum"])  # Nesterov's
        matrix = ahead.flatten(1)
        # A taller matrix takes a larger step, so that every output changes by as much.
        stretch = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        return (stretch * orthogonalised(matrix).to(weights.dtype)).view_as(ahead)

    def _adam(self, weights: Tensor, group: dict) -> Tensor:
        state = self.state[weights]
        if not state:
            state["step"] = 0
            state["first"], state["second"] = torch.zeros_like(weights), torch.zeros_like(weights)
        state["step"] += 1
        first = state["first"].lerp_(weights.grad, 1 - ADAM_BETAS[0])
        second = state["second"].lerp_(weights.grad.square(), 1 - ADAM_BETAS[1])
        first, second = (
            moment / (1 - beta ** state["step"])
            for moment, beta in zip((first, second), ADAM_BETAS, strict=True)
        )
        return first / (second.sqrt() + 1e-8)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return `matrix` [m, n] with singular values between about 0.7 and 1.2, in bfloat16.

    Five Newton-Schulz steps with Jordan's quintic polynomial, in bf16 as in Jordan's code.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.shape[0] <= matrix.shape[1]
    x = (matrix if wide else matrix.T).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T


def muon(
    network: nn.Module,
    *,
    lr: Rate,
    weight_decay: Rate,
    momentum: Momentum = 0.95,
    adam_lr: Rate = 3e-3,
) -> optim.Optimizer:
    """Return Muon for all convolutions after the first, which reads pixels, and AdamW for the rest.

    lr, weight_decay, momentum: of these convolutions. adam_lr: learning rate of the rest, which does
        not decay.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    convolutions = [parameter for parameter in parameters if parameter.ndim == 4][1:]
    known = set(map(id, convolutions))
    others = [parameter for parameter in parameters if id(parameter) not in known]
    groups = [
        {"params": convolutions, "orthogonal": True, "weight_decay": weight_decay},
        {"params": others, "orthogonal": False, "lr": adam_lr},
    ]
    return Muon([group for group in groups if group["params"]], lr=lr, momentum=momentum)
