"""The exponential moving average of the weights."""

from collections.abc import Callable

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


def average(decay: float) -> Callable[[list[Tensor], list[Tensor], int], None]:
    """Return a function that moves averaged weights towards the present ones at step n.

    decay: the largest. At step n it is min(`decay`, (1 + n) / (10 + n)), as in TensorFlow's
        ExponentialMovingAverage, so that a short run soon forgets its random first weights.
    """

    def move(averaged: list[Tensor], present: list[Tensor], n: int) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averaged, present, n)

    return move
