"""The training step: the same in every precision and memory format, and chance by its place alone."""

from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.config import compose
from fer.data import sources
from fer.data.drawn import draw
from fer.runs import preflight
from fer.training import build
from fer.training.module import FaceModule

COUNT = 64
GROWING = [
    "data=drawn",
    "data.count=1001",
    "data.batch_size=50",
    "model.channels=[4,4]",
    "model.repeats=[1,1]",
]
SMALL = ("model.channels=[4]", "model.repeats=[1]")


def batch(first: int = 0) -> dict[str, Tensor]:
    places = torch.arange(COUNT)
    faces = [draw(int(place) % 7, np.random.default_rng(first + int(place))) for place in places]
    images = torch.from_numpy(np.stack(faces))[:, None]
    return {"images": images, "labels": places % 7, "rows": places}


@pytest.fixture(scope="module")
def faces() -> dict[str, Tensor]:
    return batch()


def module_of(*words: str, faces: dict[str, Tensor]) -> FaceModule:
    cfg = subcommand.config_of(["data=drawn", f"data.batch_size={COUNT}", *words])
    torch.manual_seed(0)
    module = build.build_module(cfg, sources.build_data(cfg), counts=[1] * 7)
    module.classifier.preprocess.fit(faces["images"])
    return module


def first_step(module: FaceModule, faces: dict[str, Tensor], *, half: bool = False):
    """The loss of a first step, and its whole gradient as one vector."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = module.training_step(faces, 0)
    loss.backward()
    gradients = [parameter.grad.flatten() for parameter in module.classifier.network.parameters()]
    return loss.item(), torch.cat(gradients)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("model", ["r1", "r2"])
def test_bf16_and_channels_last_learn_what_fp32_and_nchw_learn(model, norm, faces):
    def step(*, last: bool, half: bool = False, on: dict[str, Tensor] = faces):
        words = [f"model={model}", f"model.norm={norm}", f"channels_last={last}", "augment=none"]
        return first_step(module_of(*words, faces=faces), on, half=half)

    loss, gradient = step(last=False)
    ordered_loss, ordered = step(last=True)
    # The order of sums alone: the loss in fp32's last places. Max-pooling sends a gradient elsewhere
    # where two inputs are equal to rounding, and batch norm takes away most of what is common.
    assert ordered_loss == pytest.approx(loss, rel=1e-6)
    assert (ordered - gradient).norm() < 0.01 * gradient.norm()
    half_loss, half = step(last=True, half=True)
    # bf16 has 8 bits: one unit in the loss's last place; in the gradient less than a quarter of
    # what a step differs by that sees other faces, so at most a sixteenth more variance.
    _, others = step(last=False, on=batch(first=COUNT))
    assert half_loss != loss and half_loss == pytest.approx(loss, rel=2**-8)
    assert (half - gradient).norm() < (others - gradient).norm() / 4


def test_pixels_and_their_places_keep_their_precision_under_autocast(faces, monkeypatch):
    words = ["data.channels=[original,sobel,rot_left_20]", "augment=strong"]
    module, planes = module_of(*words, *SMALL, faces=faces), []
    module.classifier.network.register_forward_pre_hook(
        lambda network, inputs: planes.append(inputs[0])
    )
    for half in (False, True):
        first_step(module, faces, half=half)
    assert torch.equal(*planes)


def test_a_step_draws_what_torchs_own_seed_gives(faces):
    module = module_of(*SMALL, faces=faces)
    place = (module.seed, 0, 3, 0)  # seed, epoch, batch, process
    number = np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1
    torch.manual_seed(int(number))
    expected = torch.rand(4)
    module._seed(3)
    assert torch.equal(torch.rand(4), expected)
    module._seed(4)
    assert not torch.equal(torch.rand(4), expected)


def test_a_loss_that_is_no_number_is_not_left_out_of_the_mean(faces):
    module = module_of(*SMALL, faces=faces)
    for loss in (1.0, float("nan"), 1.0):
        module.train_loss.update(torch.tensor(loss))
    with pytest.raises(InputError, match="training diverged"):
        module.train_numbers()


def test_training_images_grow_and_measured_ones_are_whole() -> None:
    cfg = compose.compose_config([*GROWING, "resolutions=[16,24,48]", "augment=none"])
    data = sources.build_data(cfg)
    module = build.build_module(cfg, data, counts=[1] * len(data.classes))
    seen: dict[bool, list[int]] = {True: [], False: []}
    module.classifier.network.register_forward_pre_hook(
        lambda network, given: seen[network.training].append(given[0].shape[-1])
    )
    L.Trainer(
        max_epochs=3,
        limit_train_batches=4,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    ).fit(module, datamodule=data)
    assert seen[True] == [16] * 4 + [24] * 4 + [48] * 4
    assert set(seen[False]) == {48}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["resolutions=[64]"], "resolutions: 64, expected 1 to the faces' 48 pixels"),
        (["resolutions=[2,48]"], "resolutions: the network cannot take 2 pixels"),
        (
            ["resolutions=[32]", "model.head=flatten"],
            "resolutions: the network cannot take 32 pixels",
        ),
        (
            ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=3"],
            "data.batch_size: 128, expected a multiple of 3 processes",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_run(words, line) -> None:
    cfg = compose.compose_config(["data=drawn", *words])
    with pytest.raises(InputError) as refused:
        preflight.check(cfg)
    assert line in str(refused.value)


def test_the_validation_loss_is_the_mean_over_faces(faces) -> None:
    module = module_of(*SMALL, faces=faces).eval()
    few = {name: tensor[:3] for name, tensor in faces.items()}
    with torch.no_grad():
        for place, each in enumerate((faces, few)):
            module.validation_step(each, place)
        whole, rest = (
            module.loss(module.classifier.logits(each["images"]), module._targets(each))
            for each in (faces, few)
        )
    expected = (COUNT * whole + 3 * rest) / (COUNT + 3)
    torch.testing.assert_close(module.eval_loss.compute(), expected)


@pytest.mark.parametrize(("algorithm", "largest"), [("norm", 0.6), ("value", 0.5)])
def test_gradients_of_a_fused_optimizer_are_clipped(algorithm, largest, faces, monkeypatch) -> None:
    module = module_of(*SMALL, faces=faces)
    monkeypatch.setattr(FaceModule, "trainer", SimpleNamespace(precision="bf16-mixed"))
    network = module.classifier.network
    weight = network.get_parameter(next(iter(dict(network.named_parameters()))))
    weight.grad = torch.zeros_like(weight)
    weight.grad.view(-1)[:2] = torch.tensor([3.0, 4.0])
    module.configure_gradient_clipping(module.make_optimizer(network), largest, algorithm)
    expected = torch.tensor([0.36, 0.48] if algorithm == "norm" else [0.5, 0.5])
    torch.testing.assert_close(weight.grad.view(-1)[:2], expected)


def test_each_branch_has_a_loss_of_its_own(faces) -> None:
    words = ("model.channels=[4,4]", "model.repeats=[1,1]", "model.norm=none", "augment=none")
    branched = ("model.branches=2", "model.shared=1", "model.dropout=0", "loss.label_smoothing=0")
    module = module_of(*words, *branched, faces=faces)
    loss, _ = first_step(module, faces)
    logits = module.classifier.logits(faces["images"].float() / 255)
    each = [torch.nn.functional.cross_entropy(one, faces["labels"]) for one in logits.unbind(1)]
    assert loss == pytest.approx(sum(each).item() / 2)
    assert each[0] != each[1]


def test_a_checkpoint_has_the_names_of_the_classifier_also_where_weights_are_averaged(faces):
    module, other = module_of(*SMALL, faces=faces), module_of(*SMALL, faces=faces)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    own = module.classifier.state_dict()
    assert module.state_dict().keys() == own.keys() and "network.blocks.0.0.0.weight" in own
    averaged = AveragedModel(module).state_dict()
    assert averaged.keys() == {"n_averaged", *(f"module.{name}" for name in own)}
    for target, state in ((other, module.state_dict()), (AveragedModel(other), averaged)):
        target.load_state_dict(state)
        assert all(torch.equal(target.state_dict()[name], state[name]) for name in state)
