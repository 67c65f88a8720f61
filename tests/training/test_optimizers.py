"""Optimizers, schedules and the average of weights against numbers worked by hand and torch's own."""

import pytest
import torch
from torch import nn

from fer.training import ema, optimizers, schedules
from fer.training.orthogonal import muon, orthogonalised


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


@pytest.mark.parametrize("make", [optimizers.adamw, optimizers.sgd])
def test_biases_and_norms_do_not_decay(make) -> None:
    net = network()
    net(torch.zeros(1, 1, 5, 5))
    decayed, others = make(net, lr=0.1, weight_decay=0.3).param_groups
    assert [p.ndim for p in decayed["params"]] == [4, 2] and decayed["weight_decay"] == 0.3
    assert [p.ndim for p in others["params"]] == [1, 1, 1, 1] and others["weight_decay"] == 0


def test_adam_decays_every_parameter_in_the_gradient_as_the_lab_does() -> None:
    weight = nn.Linear(1, 1)
    (group,) = optimizers.adam(weight, lr=5e-5, weight_decay=1e-9).param_groups
    assert type(optimizers.adam(weight, lr=1.0, weight_decay=0.0)) is torch.optim.Adam
    assert group["weight_decay"] == 1e-9 and len(group["params"]) == 2


def test_one_cycle_rises_and_falls() -> None:
    found = rates(schedules.one_cycle, 11, warmup=0.3, start=0.04, end=1e-4)
    assert found[0] == pytest.approx(0.04) and found[-1] == pytest.approx(1e-4)
    assert found[3] == max(found) == pytest.approx(1.0)
    # Progress 0.65 is half the way down, where a cosine is at the mean of both ends.
    middle = rates(schedules.one_cycle, 21, warmup=0.3, start=0.04, end=1e-4)[13]
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
    assert rates(schedules.cosine, 10, warmup=0.0, end=0.0) == pytest.approx(expected)


def test_constant_stays() -> None:
    assert set(rates(schedules.constant, 5)) == {1.0}


@pytest.mark.parametrize("higher", [True, False])
def test_plateau_waits_for_a_better_monitor(higher: bool) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = schedules.plateau(optimizer, 10, factor=0.5, patience=1, higher=higher)
    for number in (0.5, 0.6, 0.7):  # better each time, or worse each time
        schedule.step(number)
    assert optimizer.param_groups[0]["lr"] == (1.0 if higher else 0.5)


def test_the_average_forgets_the_first_weights_soon() -> None:
    averaged, present = [torch.tensor([1.0])], [torch.tensor([0.0])]
    expected = 1.0
    for step in range(1, 200):
        ema.average(0.9)(averaged, present, step)
        expected *= min(0.9, (1 + step) / (10 + step))
        assert averaged[0].item() == pytest.approx(expected, rel=1e-5)
    # After ten steps 0.9 alone would have left 0.35 of the first weights.
    assert expected < 1e-8


def test_a_matrix_keeps_its_directions_and_loses_its_stretch() -> None:
    torch.manual_seed(0)
    for shape in ((6, 40), (40, 6)):
        matrix = torch.randn(shape) * torch.logspace(0, 1.5, shape[1])
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        found = left.T @ orthogonalised(matrix).float() @ right.T
        values = found.diagonal()
        assert 0.6 < values.min() and values.max() < 1.25  # Jordan's polynomial ends between these
        assert (found - torch.diag(values)).abs().max() < 0.05


def muon_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(8, 2)
    )


def test_muon_turns_every_convolution_but_the_first() -> None:
    net = muon_network()
    turned, others = muon(net, lr=0.1, weight_decay=0.3).param_groups
    assert [p.shape for p in turned["params"]] == [(8, 4, 3, 3)]
    assert (turned["lr"], turned["weight_decay"]) == (0.1, 0.3)
    assert (others["lr"], others["weight_decay"]) == (3e-3, 0.0)
    assert len(others["params"]) == len(list(net.parameters())) - 1


def test_muons_first_step_is_the_orthogonal_gradient_and_adams() -> None:
    net = muon_network()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = muon(net, lr=0.1, weight_decay=0.5, momentum=0.0)
    net(torch.randn(4, 3, 5, 5)).square().sum().backward()
    optimizer.step()
    adam = torch.optim.AdamW(
        [p.clone().requires_grad_() for p in before], lr=3e-3, weight_decay=0.0
    )
    for mine, theirs in zip(net.parameters(), adam.param_groups[0]["params"], strict=True):
        theirs.grad = mine.grad.clone()
    adam.step()
    for old, new, theirs in zip(
        before, net.parameters(), adam.param_groups[0]["params"], strict=True
    ):
        if new.shape == (8, 4, 3, 3):
            turned = orthogonalised(new.grad.flatten(1)).float().view_as(new)
            torch.testing.assert_close(new.detach(), old * (1 - 0.1 * 0.5) - 0.1 * turned)
        else:
            torch.testing.assert_close(new.detach(), theirs.detach(), rtol=1e-5, atol=1e-6)


def test_muon_goes_on_from_its_state() -> None:
    """Two steps in one go and with the state saved between them, as a resumed run has it."""
    batches = [torch.randn(4, 3, 5, 5) for _ in range(2)]

    def stepped(net: nn.Module, optimizer, batch) -> None:
        optimizer.zero_grad()
        net(batch).square().sum().backward()
        optimizer.step()

    whole = muon_network()
    optimizer = muon(whole, lr=0.1, weight_decay=0.1)
    for batch in batches:
        stepped(whole, optimizer, batch)
    first = muon_network()
    saved = muon(first, lr=0.1, weight_decay=0.1)
    stepped(first, saved, batches[0])
    second = muon_network()
    second.load_state_dict(first.state_dict())
    resumed = muon(second, lr=0.1, weight_decay=0.1)
    resumed.load_state_dict(saved.state_dict())
    stepped(second, resumed, batches[1])
    for a, b in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_linear_rises_and_falls_along_lines() -> None:
    found = rates(schedules.linear, 11, warmup=0.2, end=0.1)
    assert found[:3] == pytest.approx([0.0, 0.5, 1.0])
    assert found[6] == pytest.approx(0.55) and found[-1] == pytest.approx(0.1)
