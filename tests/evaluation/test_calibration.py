"""The temperature by hand, and against other optimisers and scikit-learn's likelihood."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.metrics import log_loss

from fer.data.sources import Drawn
from fer.evaluation import metrics
from fer.evaluation.calibration import BOUNDS, calibrate, fit_temperature, nll
from fer.evaluation.results import Measured


def test_by_hand() -> None:
    # Two classes, logits (a, 0), three of four rows of the first class: the likelihood is best where
    # its probability is 3/4, so a / T = log 3.
    logits, labels = torch.tensor([[2.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3), rel=1e-4)
    assert nll(logits, labels) == pytest.approx(
        (3 * math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 4
    )


def test_it_finds_the_temperature_that_labels_were_drawn_with() -> None:
    chance = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(8_000, 7, generator=chance)
    labels = (logits / 1.7).softmax(1).multinomial(1, generator=chance)[:, 0]
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(1.7, rel=0.05)
    assert fit_temperature(logits.log_softmax(1), labels) == pytest.approx(found, rel=1e-5)

    def loss(temperature: np.ndarray) -> float:
        return log_loss(labels, (logits.double() / temperature[0]).softmax(1), labels=range(7))

    other = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9})
    assert found == pytest.approx(other.x[0], rel=1e-3)


def test_what_has_no_best_temperature_ends_at_a_bound() -> None:
    logits = torch.eye(3)
    assert fit_temperature(logits, torch.arange(3)) == pytest.approx(BOUNDS[0], rel=1e-3)
    assert fit_temperature(logits, torch.tensor([1, 2, 0])) == pytest.approx(BOUNDS[1], rel=1e-3)
    with pytest.raises(ValueError, match="^labels: no rows"):
        fit_temperature(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))


def test_only_counted_rows_of_a_part_are_fitted() -> None:
    faces, positions = Drawn(count=500).faces, np.arange(400)
    chance = torch.Generator().manual_seed(1)
    probabilities = (2 * torch.randn(400, 7, generator=chance)).softmax(1)
    probabilities[0] = torch.tensor([1.0, 0, 0, 0, 0, 0, 0])  # without a logarithm
    elsewhere = torch.arange(400) >= 300
    measured = Measured("val", faces, positions, probabilities, ~elsewhere, elsewhere)
    found, labels = calibrate(measured), measured.labels[:300]
    assert found.rows == 300 and found.note is None
    assert found.ece[0] == pytest.approx(measured.scores()["ece"])
    powers = probabilities[:300].double() ** (1 / found.temperature)
    after = powers / powers.sum(1, keepdim=True)
    assert found.nll[1] == pytest.approx(log_loss(labels, after, labels=range(7)), rel=1e-3)
    assert found.nll[1] < found.nll[0]
    expected = metrics.scores(after.float(), labels, faces.classes)["ece"]
    assert found.ece[1] == pytest.approx(expected, abs=1e-3)
