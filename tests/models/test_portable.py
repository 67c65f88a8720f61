"""The whole network as one graph: every option computes the same as before, faces of any size fit."""

import numpy as np
import pytest
import torch

from fer.data.drawn import draw
from fer.data.resize import resize
from fer.models import R1, R2
from fer.models.classifier import Classifier
from fer.models.portable import Portable, folded, square

FACES = np.stack([draw(emotion, np.random.default_rng(emotion)) for emotion in range(7)])

R1_SMALL = {"channels": [4, 6], "repeats": [1, 2], "norm": "batch", "head": "mean"}
R2_SMALL = R1_SMALL | {"incep_widths": [2] * 6}
NETWORKS = {
    "lab_r1": (R1, R1_SMALL | {"norm": "none", "head": "flatten", "block_dropout": 0.1}),
    "hidden": (R1, R1_SMALL | {"linear": [5], "dropout": 0.1}),
    "branches": (R1, R1_SMALL | {"attention": "se", "branches": 3, "shared": 1}),
    "residual": (R1, R1_SMALL | {"repeats": [3, 3], "residual": True, "stem_stride": 2}),
    "lab_r2": (R2, R2_SMALL | {"incep_layers": 2, "incep_mult": 2, "norm": "none"}),
    "r2": (R2, R2_SMALL | {"incep_relu": True, "residual": False, "attention": "se"}),
    "r2_branches": (R2, R2_SMALL | {"incep_dropout": 0.1, "branches": 2, "shared": 1}),
}


def made(name: str, channels: tuple[str, ...] = ("original",), classes: int = 7) -> Classifier:
    """A small network with random weights, and batch norms that have seen something."""
    kind, options = NETWORKS[name]
    torch.manual_seed(0)
    network = kind(**options, in_channels=len(channels), classes=classes, size=24)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, -0.5, 1.5)
    names = [f"class{index}" for index in range(classes)]
    made = Classifier(network, classes=names, channels=channels, size=24, temperature=0.7)
    made.preprocess.fit(torch.from_numpy(FACES[:, None, ::2, ::2].copy()))
    return made.eval()


@pytest.mark.parametrize("shape", [(24, 24), (48, 48), (61, 50), (7, 90), (1, 1), (300, 24)])
def test_two_matrix_products_resize_as_the_package_does(shape: tuple[int, int]) -> None:
    faces = torch.rand(3, *shape)
    torch.testing.assert_close(square(faces, 24), resize(faces, 24), atol=1e-6, rtol=0)
    if shape == (24, 24):
        assert torch.equal(square(faces, 24), faces)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_probabilities_and_activation_are_those_of_the_network(name: str) -> None:
    classifier = made(name)
    portable, faces = Portable(classifier), torch.from_numpy(FACES)
    probabilities, *maps = portable(faces)
    small = resize(faces.float() / 255, 24)[:, None]
    torch.testing.assert_close(probabilities, classifier(small), atol=1e-6, rtol=0)
    assert portable.outputs == ("probabilities", "maps")[: 1 + len(maps)]
    assert bool(maps) == (name != "hidden")
    if maps and "branches" not in name:
        biases = next(head for head in portable.heads)[-1].bias
        means = maps[0].mean((2, 3)) + biases
        torch.testing.assert_close(means, classifier.logits(small), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_folding_batch_norms_changes_no_number(name: str) -> None:
    network, planes = made(name).network, torch.rand(5, 1, 24, 24)
    torch.testing.assert_close(folded(network)(planes), network(planes), atol=1e-5, rtol=1e-4)
