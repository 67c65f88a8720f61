"""The two networks: the lab's sizes, shapes, gradients, and what they refuse."""

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import profile

from fer.models.blocks import Conv, Residual, SqueezeExcitation
from fer.models.cost import count_gflop, count_parameters
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
    se = R1(**SMALL, head="mean", attention="se")  # eight hidden units, the least
    squeezed = sum(channels * 8 + 8 + 8 * channels + channels for channels in (4, 6))
    assert count_parameters(se) == convs + squeezed + (6 * 5 + 5)
    for free in ({"residual": True}, {"stem_stride": 2}):
        assert count_parameters(R1(**SMALL, head="mean", **free)) == convs + (6 * 5 + 5)


# Of conf/model/*.yaml as it stands: results are of these, and checkpoints since the names below.
DEFAULT_R1 = dict(channels=[32, 64, 128, 256], repeats=[1, 2, 2, 2], norm="batch", head="mean")
DEFAULT_R2 = dict(channels=[32, 64, 128], repeats=[2, 2, 2], norm="batch", head="mean")
DEFAULT_R2 |= {"incep_layers": 3, "incep_relu": True}


@pytest.mark.parametrize(
    ("network", "kwargs", "parameters", "names"),
    [
        (R1, DEFAULT_R1, 1_165_159, ["blocks.3.1.0.weight", "blocks.3.1.2.weight"]),
        (R2, DEFAULT_R2, 794_183, ["head.3.three.1.0.weight", "blocks.2.1.2.bias"]),
    ],
)
def test_the_default_networks_stay_what_they_were(network, kwargs, parameters, names):
    model = network(**kwargs, in_channels=1, classes=7, size=48)
    assert count_parameters(model) == parameters
    assert set(names) < set(model.state_dict())


def small_networks():
    for norm in ("none", "batch"):
        for head in ("flatten", "mean"):
            shared = dict(SMALL, norm=norm, head=head, linear=[8])
            yield pytest.param(R1, shared, id=f"R1-{norm}-{head}")
            more = {"attention": "se", "stem_stride": 2}
            kwargs = shared | more | {"repeats": [4, 1], "residual": True}
            yield pytest.param(R1, kwargs, id=f"R1-{norm}-{head}-all")
            yield pytest.param(R2, shared | WIDTHS | more, id=f"R2-{norm}-{head}-all")
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


@pytest.mark.parametrize("repeats", [[1, 1], [2, 3]])
def test_pooling_before_the_relu_is_pooling_behind_it_and_before_the_norm_a_quarter_of_its_work(
    repeats,
):
    torch.manual_seed(0)
    kwargs = dict(SMALL, repeats=repeats)
    model, planes = R1(**kwargs), torch.randn(3, 2, 12, 12)
    maps = planes
    for conv in (module for module in model.blocks.modules() if isinstance(module, Conv)):
        pooled = any(isinstance(layer, torch.nn.MaxPool2d) for layer in conv)
        maps = conv[0](maps).relu()
        maps = F.max_pool2d(maps, 2) if pooled else maps
    torch.testing.assert_close(model.blocks(planes), maps)
    seen = []
    model = R1(**kwargs, norm="batch")
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.register_forward_pre_hook(lambda norm, inputs: seen.append(inputs[0].shape[-1]))
    model(planes)
    sides = [[12] * (repeats[0] - 1) + [6], [6] * (repeats[1] - 1) + [3]]
    assert seen == sum(sides, [])


def test_residual_adds_the_input_from_the_second_module_on():
    torch.manual_seed(0)
    model = R2(**SMALL, **WIDTHS, residual=True).eval()
    _, first, second, third, _ = model.head
    assert (first.residual, second.residual, third.residual) == (False, True, True)
    maps = torch.randn(2, 12, 3, 3)  # 2 + 4 + 3 + 3 channels
    with_input = second(maps)
    second.residual = False
    torch.testing.assert_close(with_input - maps, second(maps))


def test_sums_are_around_pairs_after_a_blocks_first_convolution_a_last_odd_one_alone():
    torch.manual_seed(0)
    model = R1(**dict(SMALL, repeats=[4, 1]), residual=True, norm="batch").eval()
    first, pair, single, pool = model.blocks[0]
    assert isinstance(pool, torch.nn.MaxPool2d)
    assert [len(each.convolutions) for each in (pair, single)] == [2, 1]
    # Two sums in all: each adds what starts with the square root of a half.
    for added in (pair.convolutions, single.convolutions):
        torch.testing.assert_close(added[-1][1].weight, torch.full((4,), 0.5**0.5))
    maps = first(torch.randn(3, 2, 12, 12))
    one, two = pair.convolutions
    expected = (maps + two(one(maps))).clamp(min=0)
    torch.testing.assert_close(pair(maps), expected)
    (alone,) = single.convolutions
    torch.testing.assert_close(single(expected), (expected + alone(expected)).clamp(min=0))


def test_squeeze_excitation_weighs_channels_by_all_channels_means():
    torch.manual_seed(0)
    unit = SqueezeExcitation(4)
    maps = torch.randn(2, 4, 3, 3)
    with torch.no_grad():
        squeeze, _, excite, _ = unit.weigh
        means = maps.sum((2, 3)) / 9
        hidden = (means @ squeeze.weight.T + squeeze.bias).clamp(min=0)
        weights = 1 / (1 + (-(hidden @ excite.weight.T + excite.bias)).exp())
        torch.testing.assert_close(unit(maps), maps * weights[:, :, None, None])


@pytest.mark.parametrize(("network", "kwargs"), [(R1, {}), (R2, WIDTHS)])
def test_branches_share_the_first_blocks_and_are_measured_by_their_mean(network, kwargs):
    torch.manual_seed(0)
    model, planes = network(**SMALL, **kwargs, branches=3, shared=1), torch.randn(2, 2, 12, 12)
    alone = network(**SMALL, **kwargs)
    own = count_parameters(alone) - count_parameters(alone.blocks[0])
    assert count_parameters(model) == count_parameters(alone) + 2 * own
    logits = model(planes)
    assert logits.shape == (2, 3, 5)
    for branch, said in zip(model.head, logits.unbind(1), strict=True):
        torch.testing.assert_close(branch(model.blocks(planes)), said)
    assert not torch.equal(logits[:, 0], logits[:, 1])  # each starts by chance of its own
    torch.testing.assert_close(model.eval()(planes).softmax(1), logits.softmax(2).mean(1))
    # One branch's loss reaches the shared blocks and not the other branches.
    model.train()(planes)[:, 1].sum().backward()
    reached = [bool(next(part.parameters()).grad.any()) for part in (model.blocks, *model.head)]
    assert reached == [True, False, True, False]


def test_sums_are_those_of_the_whole_network_on_both_sides_of_a_fork():
    model = R1(**SMALL | {"repeats": [3, 5]}, residual=True, norm="batch", branches=2, shared=1)
    scales = [
        unit.convolutions[-1][1].weight for unit in model.modules() if isinstance(unit, Residual)
    ]
    assert len(scales) == 1 + 2 * 2
    for scale in scales:
        torch.testing.assert_close(scale, torch.full_like(scale, 3**-0.5))


@pytest.mark.parametrize(("network", "kwargs"), [(R1, {}), (R2, WIDTHS)])
def test_one_branch_is_the_plain_network(network, kwargs):
    torch.manual_seed(0)
    plain = network(**SMALL, **kwargs)
    torch.manual_seed(0)
    one = network(**SMALL, **kwargs, branches=1, shared=1)
    assert list(one.state_dict()) == list(plain.state_dict())
    planes = torch.randn(2, 2, 12, 12)
    assert torch.equal(one(planes), plain(planes))


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
@pytest.mark.parametrize(("network", "kwargs"), [(R1, {}), (R2, WIDTHS)])
def test_one_face_goes_through_the_kernels_that_a_batch_takes(network, kwargs):
    built = network(**SMALL, **kwargs, norm="batch").eval()
    planes = torch.rand(2, 2, 12, 12)
    with torch.inference_mode():
        together = built(planes)
        with profile() as single:
            alone = built(planes[:1])
    torch.testing.assert_close(alone, together[:1])
    ran = {event.key for event in single.key_averages()}
    assert "aten::mkldnn_convolution" in ran and "aten::_slow_conv2d_forward" not in ran


@pytest.mark.filterwarnings("error::torch.jit.TracerWarning")
def test_a_trace_holds_for_any_number_of_faces():
    built = R1(**SMALL).eval()
    traced = torch.jit.trace(built, torch.rand(1, 2, 12, 12))
    planes = torch.rand(3, 2, 12, 12)
    torch.testing.assert_close(traced(planes), built(planes))


def test_one_face_keeps_the_precision_that_autocast_asks_for():
    layer = Conv(2, 4).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.rand(1, 2, 6, 6)).dtype == torch.bfloat16


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_any_size_that_the_blocks_can_halve(stem_stride):
    for size in (16, 17, 48, 64):
        model = R1(**dict(SMALL, size=size), stem_stride=stem_stride)
        assert model(torch.zeros(1, 2, size, size)).shape == (1, 5)


def test_a_stem_of_stride_2_halves_the_maps_and_quarters_the_work():
    one, two = (R1(**SMALL, stem_stride=stride) for stride in (1, 2))
    planes = torch.zeros(1, 2, 12, 12)
    assert [model.blocks(planes).shape[-1] for model in (one, two)] == [3, 1]
    work = [count_gflop(model.blocks, in_channels=2, size=12) for model in (one, two)]
    assert work[0] / work[1] == pytest.approx(4)


@pytest.mark.parametrize(
    ("network", "kwargs"),
    [
        (R1, {"residual": True, "attention": "se", "repeats": [3, 3]}),
        (R1, {"residual": True, "stem_stride": 2, "repeats": [4, 2]}),
        (R2, WIDTHS | {"attention": "se", "incep_relu": True}),
    ],
)
def test_a_batch_is_learned_by_heart(network, kwargs):
    torch.manual_seed(0)
    model = network(**(SMALL | {"channels": [16, 16], "norm": "batch", "head": "mean"} | kwargs))
    images, labels = torch.randn(16, 2, 12, 12), torch.arange(16) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert (model(images).argmax(1) == labels).all()


def test_evaluation_is_deterministic_and_dropout_is_not():
    torch.manual_seed(0)
    model = R2(**SMALL, **WIDTHS, dropout=0.5, block_dropout=0.3, incep_dropout=0.5)
    images = torch.randn(4, 2, 12, 12)
    assert not torch.equal(model(images), model(images))
    model.eval()
    first = model(images)
    assert torch.equal(first, model(images))
    torch.testing.assert_close(first[:1], model(images[:1]))  # nor does an image see the others


TOO_MANY = {"channels": [4] * 6, "repeats": [1] * 6, "size": 48}


@pytest.mark.parametrize(
    ("network", "change", "key", "parts"),
    [
        (R1, {"repeats": [1]}, "repeats", ["1 numbers", "2 blocks"]),
        (R1, {"repeats": [1, 2, 2]}, "repeats", ["3 numbers", "2 blocks"]),
        (R1, {"repeats": [1], "branches": 2, "shared": 1}, "repeats", ["1 numbers", "2 blocks"]),
        (R1, TOO_MANY, "channels", ["6 blocks", "48 pixels", "at most 5"]),
        (R2, TOO_MANY, "channels", ["6 blocks", "48 pixels", "at most 5"]),
        (R1, TOO_MANY | {"stem_stride": 2}, "channels", ["6 blocks", "24 pixels", "at most 4"]),
        (R1, {"branches": 2, "shared": 2}, "shared", ["2", "fewer than the 2 blocks"]),
        (R2, {"branches": 2, "shared": 3}, "shared", ["3", "fewer than the 2 blocks"]),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused_by_name(network, change, key, parts):
    with pytest.raises(ValueError, match=f"^{key}: ") as fault:
        network(**(SMALL | change))
    assert [part for part in parts if part not in str(fault.value)] == []
