"""Temperature scaling: one number that makes a confidence the frequency of being right.

Source: Guo et al., "On Calibration of Modern Neural Networks" (arXiv:1706.04599).
"""

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from fer.evaluation import metrics
from fer.evaluation.results import Measured

# Lowest and highest temperature. Networks in the paper need 0.9 to 2.6. With a part that a network
# predicts without a mistake, or no better than chance, the likelihood has no optimum.
BOUNDS = (0.1, 10.0)


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it changes on the images that it was fitted on.

    rows: images; nll, ece: negative log-likelihood and calibration error before and after.
    note: why none was fitted. None where one was.
    """

    temperature: float = 1.0
    rows: int = 0
    nll: tuple[float, float] | None = None
    ece: tuple[float, float] | None = None
    note: str | None = None


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature with the least negative log-likelihood, within BOUNDS.

    logits: float [N, classes], or logarithms of probabilities
    labels: int64 [N]
    """
    if len(labels) == 0:
        raise ValueError("labels: no rows to fit a temperature on")
    exact = logits.double()
    low, high = map(math.log, BOUNDS)
    # The loss is convex in 1 / temperature, so it has one minimum over the logarithm too.
    found = minimize_scalar(
        lambda logarithm: nll(exact / math.exp(logarithm), labels),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return math.exp(found.x)


def nll(logits: Tensor, labels: Tensor) -> float:
    """The mean negative log-likelihood of labels int64 [N]; logits: as of `fit_temperature`."""
    return float(torch.nn.functional.cross_entropy(logits, labels))


def calibrate(measured: Measured) -> Calibration:
    """The temperature for the counted rows of a part, which was measured at temperature 1."""
    chosen = measured.counted
    labels = measured.labels[chosen]
    logits = (
        measured.probabilities[chosen].double().clamp(min=torch.finfo(torch.float32).tiny).log()
    )
    temperature = fit_temperature(logits, labels)
    scaled = [logits, logits / temperature]
    before, after = (
        metrics.scores(each.softmax(1).float(), labels, measured.classes)["ece"] for each in scaled
    )
    return Calibration(
        temperature, len(labels), (nll(scaled[0], labels), nll(scaled[1], labels)), (before, after)
    )
