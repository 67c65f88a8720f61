"""Optimizers, schedules and the average of weights against numbers worked by hand and torch's own."""

import pytest
import torch
from torch import nn

from fer import optim


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(2))


def rates(make, steps: int, **options: float) -> list[float]:
    """The rate of each step under a schedule, the optimizer's own being 1."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = make(optimizer, steps, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("make", [optim.adamw, optim.sgd])
def test_biases_and_norms_do_not_decay(make) -> None:
    net = network()
    net(torch.zeros(1, 1, 5, 5))
    decayed, others = make(net, lr=0.1, weight_decay=0.3).param_groups
    assert [p.ndim for p in decayed["params"]] == [4, 2] and decayed["weight_decay"] == 0.3
    assert [p.ndim for p in others["params"]] == [1, 1, 1, 1] and others["weight_decay"] == 0


def test_adam_decays_every_parameter_in_the_gradient_as_the_lab_does() -> None:
    weight = nn.Linear(1, 1)
    (group,) = optim.adam(weight, lr=5e-5, weight_decay=1e-9).param_groups
    assert type(optim.adam(weight, lr=1.0, weight_decay=0.0)) is torch.optim.Adam
    assert group["weight_decay"] == 1e-9 and len(group["params"]) == 2


def test_one_cycle_rises_and_falls() -> None:
    found = rates(optim.one_cycle, 11, warmup=0.3, start=0.04, end=1e-4)
    assert found[0] == pytest.approx(0.04) and found[-1] == pytest.approx(1e-4)
    assert found[3] == max(found) == pytest.approx(1.0)
    # Progress 0.65 is half the way down, where a cosine is at the mean of both ends.
    middle = rates(optim.one_cycle, 21, warmup=0.3, start=0.04, end=1e-4)[13]
    assert middle == pytest.approx((1 + 1e-4) / 2)


def test_cosine_is_torchs_after_the_warmup() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9)
    expected = []
    for _ in range(10):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert rates(optim.cosine, 10, warmup=0.0, end=0.0) == pytest.approx(expected)


def test_constant_stays() -> None:
    assert set(rates(optim.constant, 5)) == {1.0}


@pytest.mark.parametrize("higher", [True, False])
def test_plateau_waits_for_a_better_monitor(higher: bool) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = optim.plateau(optimizer, 10, factor=0.5, patience=1, higher=higher)
    for number in (0.5, 0.6, 0.7):  # better each time, or worse each time
        schedule.step(number)
    assert optimizer.param_groups[0]["lr"] == (1.0 if higher else 0.5)


@pytest.mark.parametrize("options", [{"warmup": 1.0}, {"warmup": -0.1}])
def test_a_warmup_of_everything_is_refused(options) -> None:
    with pytest.raises(ValueError, match="^warmup: "):
        rates(optim.cosine, 5, end=0.0, **options)


def test_the_average_forgets_the_first_weights_soon() -> None:
    averaged, present = [torch.tensor([1.0])], [torch.tensor([0.0])]
    expected = 1.0
    for step in range(1, 200):
        optim.average(0.9)(averaged, present, torch.tensor(step))
        expected *= min(0.9, (1 + step) / (10 + step))
        assert averaged[0].item() == pytest.approx(expected, rel=1e-5)
    # After ten steps 0.9 alone would have left 0.35 of the first weights.
    assert expected < 1e-8
