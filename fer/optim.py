"""Optimizers of a network, schedules of a learning rate, the average of weights."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau
from torch.optim.swa_utils import get_ema_multi_avg_fn

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


def _check(**numbers: float) -> None:
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
    _check(lr=lr, weight_decay=weight_decay)
    _check_betas(betas)
    return optim.AdamW(_groups(network, weight_decay), lr=lr, betas=tuple(betas), fused=True)


def adam(
    network: nn.Module, *, lr: float, weight_decay: float, betas: Sequence[float] = ADAM_BETAS
) -> optim.Optimizer:
    """Adam (Kingma and Ba, arXiv:1412.6980), the decay in every parameter's gradient as the lab has it."""
    _check(lr=lr, weight_decay=weight_decay)
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
    _check(lr=lr, weight_decay=weight_decay, momentum=momentum)
    return optim.SGD(
        _groups(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov, fused=True
    )


class Muon(optim.Optimizer):
    """Momentum whose direction is made orthogonal where a group says so, AdamW elsewhere.

    A convolution's weights are taken as a matrix [outputs, inputs * kernel * kernel]. All its singular
    values become about 1, so that no direction of the gradient is learned later than another (Jordan
    et al., 2024, kellerjordan.github.io/posts/muon). torch.optim.Muon takes matrices only, and not
    two kinds of groups.
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
        # Tall matrices move by more: a change then has the same share in every output.
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
    """`matrix` [m, n] with singular values between about 0.7 and 1.2, its directions kept: bfloat16.

    Five Newton-Schulz steps with Jordan's quintic polynomial, in bf16 as there: exactness gains nothing.
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
    lr: float,
    weight_decay: float,
    momentum: float = 0.95,
    adam_lr: float = 3e-3,
) -> optim.Optimizer:
    """Muon for every convolution but the first, which reads pixels; AdamW without decay for the rest."""
    _check(lr=lr, weight_decay=weight_decay, momentum=momentum, adam_lr=adam_lr)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    convolutions = [parameter for parameter in parameters if parameter.ndim == 4][1:]
    known = set(map(id, convolutions))
    others = [parameter for parameter in parameters if id(parameter) not in known]
    groups = [
        {"params": convolutions, "orthogonal": True, "weight_decay": weight_decay},
        {"params": others, "orthogonal": False, "lr": adam_lr},
    ]
    return Muon([group for group in groups if group["params"]], lr=lr, momentum=momentum)


def average(decay: float) -> Callable[[list[Tensor], list[Tensor], int], None]:
    """What moves averaged weights towards the present ones at step n.

    The decay is min(`decay`, (1 + n) / (10 + n)), as TensorFlow's ExponentialMovingAverage has it: a
    short run's average is not one of the random weights it began with.
    """

    def move(averaged: list[Tensor], present: list[Tensor], n: int) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, present, n)

    return move


def _between(first: float, last: float, progress: float) -> float:
    """Half a cosine from `first` to `last` as `progress` goes from 0 to 1."""
    return last + (first - last) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def _scheduled(
    optimizer: optim.Optimizer, total_steps: int, factor: Callable[[float], float]
) -> LRScheduler:
    """The rate at a step is its `factor` at step / (total_steps - 1), from 0 to 1."""
    last = max(1, total_steps - 1)
    return LambdaLR(optimizer, lambda step: factor(step / last))


def _rise_and_fall(progress: float, *, warmup: float, start: float, end: float) -> float:
    if progress < warmup:
        return _between(start, 1.0, progress / warmup)
    return _between(1.0, end, (progress - warmup) / (1 - warmup))


def _check_warmup(warmup: float) -> None:
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup: {warmup}, expected 0 or more and below 1")


def constant(optimizer: optim.Optimizer, total_steps: int) -> LRScheduler:
    """The same rate at every step."""
    return _scheduled(optimizer, total_steps, lambda progress: 1.0)


def one_cycle(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: float, start: float, end: float
) -> LRScheduler:
    """Up to the full rate and down to nearly nothing, both along a cosine (arXiv:1708.07120)."""
    _check_warmup(warmup)
    _check(start=start, end=end)
    factor = partial(_rise_and_fall, warmup=warmup, start=start, end=end)
    return _scheduled(optimizer, total_steps, factor)


def cosine(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: float, end: float
) -> LRScheduler:
    """A short rise from nearly nothing, then down along a cosine (arXiv:1608.03983)."""
    _check_warmup(warmup)
    _check(end=end)
    factor = partial(_rise_and_fall, warmup=warmup, start=0.01, end=end)
    return _scheduled(optimizer, total_steps, factor)


def linear(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: float, end: float
) -> LRScheduler:
    """Up to the full rate and down again, both along a line: the best of short runs (arXiv:2310.07831)."""
    _check_warmup(warmup)
    _check(end=end)

    def factor(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return 1 + (end - 1) * min(1.0, (progress - warmup) / (1 - warmup))

    return _scheduled(optimizer, total_steps, factor)


def plateau(
    optimizer: optim.Optimizer, total_steps: int, *, factor: float, patience: int, higher: bool
) -> ReduceLROnPlateau:
    """Multiplies the rate by `factor` after `patience` epochs without a better monitor.

    higher: whether a higher monitor is the better one.
    """
    if not 0 < factor < 1:
        raise ValueError(f"factor: {factor}, expected between 0 and 1")
    return ReduceLROnPlateau(
        optimizer, mode="max" if higher else "min", factor=factor, patience=patience
    )
