"""Losses against torch, scikit-learn and numbers worked by hand; what a loss does for a rare class."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, recall_score
from sklearn.utils.class_weight import compute_class_weight

from fer.training.losses import CrossEntropy, Focal, LogitAdjusted, balanced_weights

COUNTS = [3995, 436, 4097, 7215, 4830, 3171, 4965]  # FER2013's Training
LOGITS = 3 * torch.randn(64, 7, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(64) % 7
TARGETS = F.one_hot(LABELS, 7).float()
SOFT = torch.softmax(torch.randn(64, 7, generator=torch.Generator().manual_seed(1)), 1)


def test_balanced_weights_are_scikit_learns() -> None:
    labels = np.repeat(np.arange(7), COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(7), y=labels)
    np.testing.assert_allclose(balanced_weights(COUNTS), expected, rtol=1e-6)
    assert balanced_weights([3, 0]).tolist() == [0.5, 1.5]  # no images: a weight all the same


def test_cross_entropy_is_scikit_learns() -> None:
    expected = log_loss(LABELS, LOGITS.double().softmax(1), labels=range(7))
    assert CrossEntropy(counts=COUNTS)(LOGITS, TARGETS).item() == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_by_hand() -> None:
    # Two classes, 0.2 smoothed: the target 1, 0 becomes 0.9, 0.1.
    logits, targets = torch.tensor([[math.log(3), 0.0]]), torch.tensor([[1.0, 0.0]])
    expected = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)
    for loss in (CrossEntropy, LogitAdjusted):
        found = loss(counts=[5, 5], label_smoothing=0.2)(logits, targets).item()
        assert found == pytest.approx(expected, rel=1e-6)
    found = Focal(counts=[5, 5], gamma=0, label_smoothing=0.2)(logits, targets).item()
    assert found == pytest.approx(expected, rel=1e-6)


def test_class_weights_weigh_each_image_by_its_class() -> None:
    # Counts 3 and 1: weights 4 / (2 * 3) and 4 / (2 * 1).
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])
    targets = torch.eye(2)
    expected = (2 / 3 * -math.log(3 / 4) + 2 * -math.log(1 / 4)) / 2
    for loss in (CrossEntropy, Focal):
        more = {"gamma": 0.0} if loss is Focal else {}
        found = loss(counts=[3, 1], class_weights="balanced", **more)(logits, targets).item()
        assert found == pytest.approx(expected, rel=1e-6)


def test_focal_by_hand_and_at_gamma_0_torchs_cross_entropy() -> None:
    # p = 3/4 and 1/4 for the target: (1 - p)^2 * -log p.
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])
    expected = (1 / 16 * -math.log(3 / 4) + 9 / 16 * -math.log(1 / 4)) / 2
    found = Focal(counts=[1, 1], gamma=2.0)(logits, torch.eye(2)).item()
    assert found == pytest.approx(expected, rel=1e-6)
    plain = Focal(counts=COUNTS, gamma=0.0)(LOGITS, SOFT)
    torch.testing.assert_close(plain, F.cross_entropy(LOGITS, SOFT))


def test_logit_adjustment_by_hand() -> None:
    # Shares 3/4 and 1/4, equal logits: the rare class's image costs -log 1/4.
    logits, targets = torch.zeros(2, 2), torch.eye(2)
    expected = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert LogitAdjusted(counts=[3, 1])(logits, targets).item() == pytest.approx(expected, rel=1e-6)
    # tau 2 squares the shares: 9/10 and 1/10.
    expected = -(math.log(9 / 10) + math.log(1 / 10)) / 2
    found = LogitAdjusted(counts=[3, 1], tau=2.0)(logits, targets).item()
    assert found == pytest.approx(expected, rel=1e-6)
    assert torch.isfinite(LogitAdjusted(counts=[3, 0])(logits, targets))


def test_without_tau_logit_adjustment_is_torchs_cross_entropy() -> None:
    loss = LogitAdjusted(counts=COUNTS, tau=0.0, label_smoothing=0.1)
    expected = F.cross_entropy(LOGITS, SOFT, label_smoothing=0.1)
    torch.testing.assert_close(loss(LOGITS, SOFT), expected)


def recalls(feature: np.ndarray, labels: np.ndarray, *, tau: float) -> np.ndarray:
    """Each class's recall by a linear layer that the adjusted loss has trained to its end: [2]."""
    layer, loss = torch.nn.Linear(1, 2), LogitAdjusted(counts=np.bincount(labels), tau=tau)
    x, y = torch.from_numpy(feature).float(), F.one_hot(torch.from_numpy(labels), 2).float()
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(layer(x), y)
        value.backward()
        return value

    optimizer.step(closure)
    return recall_score(labels, layer(x).argmax(1).numpy(), average=None)


def test_logit_adjustment_brings_a_rare_class_the_recall_that_weights_bring_it() -> None:
    # Two overlapping classes of 19 to 1: a plain fit hardly ever finds the rare one; with
    # class_weight="balanced" the border lies half-way, and so does that of the adjusted logits.
    labels = np.repeat([0, 1], [1900, 100])
    feature = np.random.default_rng(0).normal(labels.astype(float), 1.0)[:, None]
    for tau, weight, near in ((0.0, None, 0.01), (1.0, "balanced", 0.05)):
        regression = LogisticRegression(C=1e6, class_weight=weight).fit(feature, labels)
        expected = recall_score(labels, regression.predict(feature), average=None)
        found = recalls(feature, labels, tau=tau)
        np.testing.assert_allclose(found, expected, atol=near)
        assert (found[1] > 0.6) if tau else (found[1] < 0.1)


def test_focal_has_a_slope_where_the_network_is_sure() -> None:
    logits = torch.tensor([[50.0, 0.0]], requires_grad=True)
    Focal(counts=[1, 1], gamma=0.5)(logits, torch.eye(2)[:1]).backward()
    assert torch.isfinite(logits.grad).all()
