"""Schedules of the learning rate. `warmup`, `start` and `end` are relative: to the steps, and to the optimizer's lr.

The steps are those of the whole run, `total_steps`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated

from annotated_types import Ge, Interval
from torch import optim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

Factor = Annotated[float, Ge(0)]
Warmup = Annotated[float, Interval(ge=0, lt=1)]


def _between(first: float, last: float, progress: float) -> float:
    """Return half a cosine from `first` to `last` as `progress` goes from 0 to 1."""
    return last + (first - last) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def _scheduled(
    optimizer: optim.Optimizer, total_steps: int, factor: Callable[[float], float]
) -> LRScheduler:
    """Return a schedule that multiplies lr by `factor` of step / (total_steps - 1), from 0 to 1."""
    last = max(1, total_steps - 1)
    return LambdaLR(optimizer, lambda step: factor(step / last))


def _rise_and_fall(progress: float, *, warmup: float, start: float, end: float) -> float:
    if progress < warmup:
        return _between(start, 1.0, progress / warmup)
    return _between(1.0, end, (progress - warmup) / (1 - warmup))


def constant(optimizer: optim.Optimizer, total_steps: int) -> LRScheduler:
    """Return the same learning rate at every step."""
    return _scheduled(optimizer, total_steps, lambda progress: 1.0)


def one_cycle(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: Warmup, start: Factor, end: Factor
) -> LRScheduler:
    """Return a rise from `start` and a fall to `end`, both along a cosine (arXiv:1708.07120)."""
    factor = partial(_rise_and_fall, warmup=warmup, start=start, end=end)
    return _scheduled(optimizer, total_steps, factor)


def cosine(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: Warmup, end: Factor
) -> LRScheduler:
    """Return a rise from 0.01, then a fall to `end` along a cosine (arXiv:1608.03983)."""
    factor = partial(_rise_and_fall, warmup=warmup, start=0.01, end=end)
    return _scheduled(optimizer, total_steps, factor)


def linear(
    optimizer: optim.Optimizer, total_steps: int, *, warmup: Warmup, end: Factor
) -> LRScheduler:
    """Return a rise from 0 and a fall to `end`, both along a line (arXiv:2310.07831)."""

    def factor(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return 1 + (end - 1) * min(1.0, (progress - warmup) / (1 - warmup))

    return _scheduled(optimizer, total_steps, factor)


def plateau(
    optimizer: optim.Optimizer,
    total_steps: int,
    *,
    factor: Annotated[float, Interval(gt=0, lt=1)],
    patience: Annotated[int, Ge(0)],
    higher: bool,
) -> ReduceLROnPlateau:
    """Return a schedule that multiplies the learning rate by `factor` when the monitor stops improving.

    patience: epochs without a better monitor. higher: whether a higher monitor is better.
    """
    return ReduceLROnPlateau(
        optimizer, mode="max" if higher else "min", factor=factor, patience=patience
    )
