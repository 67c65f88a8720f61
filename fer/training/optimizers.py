"""Optimizers of a network."""

import math
from collections.abc import Sequence

from torch import nn, optim

ADAM_BETAS = (0.9, 0.999)  # Kingma and Ba, arXiv:1412.6980


def _groups(network: nn.Module, weight_decay: float) -> list[dict]:
    """Weights that decay, and biases and norms (one-dimensional) that do not (arXiv:1812.01187)."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def check_numbers(**numbers: float) -> None:
    for name, number in numbers.items():
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"{name}: {number}, expected 0 or more")


def _check_betas(betas: Sequence[float]) -> None:
    if len(betas) != 2:
        raise ValueError(f"betas: {list(betas)}, expected two numbers")


def adamw(
    network: nn.Module, *, lr: float, weight_decay: float, betas: Sequence[float] = ADAM_BETAS
) -> optim.Optimizer:
    """AdamW (Loshchilov and Hutter, arXiv:1711.05101), no decay on biases and norms."""
    check_numbers(lr=lr, weight_decay=weight_decay)
    _check_betas(betas)
    return optim.AdamW(_groups(network, weight_decay), lr=lr, betas=tuple(betas), fused=True)


def adam(
    network: nn.Module, *, lr: float, weight_decay: float, betas: Sequence[float] = ADAM_BETAS
) -> optim.Optimizer:
    """Adam (Kingma and Ba, arXiv:1412.6980), the decay in every parameter's gradient as the lab has it."""
    check_numbers(lr=lr, weight_decay=weight_decay)
    _check_betas(betas)
    return optim.Adam(
        network.parameters(), lr=lr, weight_decay=weight_decay, betas=tuple(betas), fused=True
    )


def sgd(
    network: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    momentum: float = 0.9,
    nesterov: bool = True,
) -> optim.Optimizer:
    """Stochastic gradient descent with momentum, no decay on biases and norms."""
    check_numbers(lr=lr, weight_decay=weight_decay, momentum=momentum)
    return optim.SGD(
        _groups(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov, fused=True
    )
