"""The two networks: the lab's sizes, shapes, gradients, and what they refuse."""

import pytest
import torch
import torch.nn.functional as F

from fer.models.blocks import count_gflop, count_parameters
from fer.models.r1 import R1
from fer.models.r2 import R2

SMALL = {"channels": [4, 6], "repeats": [2, 1], "in_channels": 2, "classes": 5, "size": 12}
WIDTHS = {"incep_layers": 3, "incep_widths": [2, 3, 4, 2, 3, 3]}


def lab_r1() -> R1:
    return R1(
        channels=[288, 566, 1122, 2244],
        repeats=[4, 3, 2, 1],
        linear=[1024, 356, 158, 64],
        dropout=0.35,
        in_channels=3,
        classes=7,
        size=48,
    )


def lab_r2() -> R2:
    return R2(
        channels=[200, 400, 600, 800],
        repeats=[2, 2, 2, 1],
        incep_layers=30,
        incep_mult=3,
        linear=[432, 108, 27],
        dropout=0.62,
        incep_dropout=0.62,
        in_channels=3,
        classes=7,
        size=48,
    )


# Parameters and GFLOP of the lab's two networks, from its own records.
@pytest.mark.parametrize(
    ("build", "parameters", "gflop"), [(lab_r1, 70_307_083, 25.3), (lab_r2, 63_030_807, 6.9)]
)
def test_the_labs_networks_have_the_labs_size(build, parameters, gflop):
    with torch.device("meta"):
        network = build()
    assert count_parameters(network) == parameters
    assert count_gflop(network, in_channels=3, size=48) == pytest.approx(gflop, abs=0.05)
    assert network.training  # counting leaves the mode as it was
    assert network(torch.zeros(2, 3, 48, 48, device="meta")).shape == (2, 7)


def test_parameters_by_hand():
    convs = (2 * 4 * 9 + 4) + (4 * 4 * 9 + 4) + (4 * 6 * 9 + 6)
    flat = R1(**SMALL, linear=[10])  # 12 pixels halved twice: 3x3 positions
    assert count_parameters(flat) == convs + (6 * 3 * 3 * 10 + 10) + (10 * 5 + 5)
    mean = R1(**SMALL, head="mean")
    assert count_parameters(mean) == convs + (6 * 5 + 5)
    norm = R1(**SMALL, head="mean", norm="batch")  # a weight and a bias a channel replace the bias
    assert count_parameters(norm) == convs + (4 + 4 + 6) + (6 * 5 + 5)


def small_networks():
    for norm in ("none", "batch"):
        for head in ("flatten", "mean"):
            shared = dict(SMALL, norm=norm, head=head, linear=[8])
            yield pytest.param(R1, shared, id=f"R1-{norm}-{head}")
            for residual in (True, False):
                kwargs = shared | WIDTHS | {"residual": residual}
                yield pytest.param(R2, kwargs, id=f"R2-{norm}-{head}-residual_{residual}")


@pytest.mark.parametrize(("network", "kwargs"), list(small_networks()))
def test_every_parameter_gets_a_gradient(network, kwargs):
    torch.manual_seed(0)
    model = network(**kwargs)
    logits = model(torch.randn(16, 2, 12, 12))
    assert logits.shape == (16, 5)
    F.cross_entropy(logits, torch.arange(16) % 5).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_residual_adds_the_input_from_the_second_module_on():
    torch.manual_seed(0)
    model = R2(**SMALL, **WIDTHS, residual=True).eval()
    _, first, second, third = model.inceptions
    assert (first.residual, second.residual, third.residual) == (False, True, True)
    maps = torch.randn(2, 12, 3, 3)  # 2 + 4 + 3 + 3 channels
    with_input = second(maps)
    second.residual = False
    torch.testing.assert_close(with_input - maps, second(maps))


def test_any_size_that_the_blocks_can_halve():
    for size in (16, 17, 48, 64):
        model = R1(**dict(SMALL, size=size))
        assert model(torch.zeros(1, 2, size, size)).shape == (1, 5)


def test_evaluation_is_deterministic_and_dropout_is_not():
    torch.manual_seed(0)
    model = R2(**SMALL, **WIDTHS, dropout=0.5, block_dropout=0.3, incep_dropout=0.5)
    images = torch.randn(4, 2, 12, 12)
    assert not torch.equal(model(images), model(images))
    model.eval()
    first = model(images)
    assert torch.equal(first, model(images))
    torch.testing.assert_close(first[:1], model(images[:1]))  # nor does an image see the others


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        (R1, {"repeats": [1]}, "repeats: 1 numbers for the 2 blocks"),
        (
            R1,
            {"channels": [4] * 6, "repeats": [1] * 6, "size": 48},
            "channels: 6 blocks halve 48 pixels",
        ),
        (R2, {"channels": [4] * 6, "repeats": [1] * 6, "size": 48}, "at most 5 fit"),
        (R1, {"channels": [], "repeats": []}, "channels: empty"),
        (R1, {"channels": [4, 0]}, "channels: "),
        (R1, {"linear": [0]}, "linear: "),
        (R1, {"norm": "layer"}, "norm: 'layer', expected none or batch"),
        (R1, {"head": "max"}, "head: 'max'"),
        (R1, {"dropout": 1.0}, "dropout: 1.0"),
        (R1, {"block_dropout": -0.1}, "block_dropout: -0.1"),
        (R2, {"incep_dropout": 2}, "incep_dropout: 2"),
        (R2, {"incep_mult": 0}, "incep_mult: 0"),
        (R2, {"incep_layers": 0}, "incep_layers: 0"),
        (R2, {"incep_widths": [1, 2, 3]}, "incep_widths: "),
    ],
)
def test_impossible_sizes_are_refused_by_name(network, change, message):
    with pytest.raises(ValueError) as fault:
        network(**(SMALL | change))
    assert message in str(fault.value) and "\n" not in str(fault.value)
    assert str(fault.value).split(":")[0] in change
