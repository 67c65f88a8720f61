"""Optimizers of a network.

lr: learning rate, its largest value under a schedule. weight_decay: fraction of the weights that a step
subtracts, times the learning rate.
"""

from typing import Annotated

from annotated_types import Ge, Interval
from torch import nn, optim

Rate = Annotated[float, Ge(0)]
Momentum = Annotated[float, Interval(ge=0, lt=1)]
Betas = tuple[Momentum, Momentum]

ADAM_BETAS = (0.9, 0.999)  # Kingma and Ba, arXiv:1412.6980


def _groups(network: nn.Module, weight_decay: float) -> list[dict]:
    """Return weights that decay, and biases and norms (one-dimensional) that do not (arXiv:1812.01187)."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def adamw(
    network: nn.Module, *, lr: Rate, weight_decay: Rate, betas: Betas = ADAM_BETAS
) -> optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter, arXiv:1711.05101) without decay of biases and norms.

    betas: decay of the running means of the gradient and of its square.
    """
    return optim.AdamW(_groups(network, weight_decay), lr=lr, betas=tuple(betas), fused=True)


def adam(
    network: nn.Module, *, lr: Rate, weight_decay: Rate, betas: Betas = ADAM_BETAS
) -> optim.Optimizer:
    """Return Adam (Kingma and Ba, arXiv:1412.6980) with the lab's decay, added to every gradient.

    betas: decay of the running means of the gradient and of its square.
    """
    return optim.Adam(
        network.parameters(), lr=lr, weight_decay=weight_decay, betas=tuple(betas), fused=True
    )


def sgd(
    network: nn.Module,
    *,
    lr: Rate,
    weight_decay: Rate,
    momentum: Rate = 0.9,
    nesterov: bool = True,
) -> optim.Optimizer:
    """Return stochastic gradient descent with momentum, without decay of biases and norms."""
    return optim.SGD(
        _groups(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov, fused=True
    )
