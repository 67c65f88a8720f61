"""Schedules of the learning rate."""

import math
from collections.abc import Callable
from functools import partial

from torch import optim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from fer.training.optimizers import (
    check_numbers,
)


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
    check_numbers(start=start, end=end)
    factor = partial(_rise_and_fall, warmup=warmup, start=start, end=end)
    return _scheduled(optimizer, total_steps, factor)


def cosine(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: float, end: float
) -> LRScheduler:
    """A short rise from nearly nothing, then down along a cosine (arXiv:1608.03983)."""
    _check_warmup(warmup)
    check_numbers(end=end)
    factor = partial(_rise_and_fall, warmup=warmup, start=0.01, end=end)
    return _scheduled(optimizer, total_steps, factor)


def linear(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: float, end: float
) -> LRScheduler:
    """Up to the full rate and down again, both along a line: the best of short runs (arXiv:2310.07831)."""
    _check_warmup(warmup)
    check_numbers(end=end)

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
