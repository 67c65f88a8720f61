"""Planes, normalisation and softmax by hand, and networks restored from files."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fer.common.errors import InputError
from fer.models import checkpoint
from fer.models.classifier import Classifier, build_network, restore


class Means(nn.Module):
    """Logits [B, 2]: the mean of the plane, and 0."""

    def forward(self, planes: Tensor) -> Tensor:
        means = planes.mean((1, 2, 3))
        return torch.stack([means, torch.zeros_like(means)], 1)


def two() -> Classifier:
    return Classifier(Means(), classes=["sad", "happy"], channels=["original"], size=4)


def test_probabilities_by_hand() -> None:
    classifier = two()
    classifier.preprocess.mean.fill_(0.2)
    classifier.preprocess.std.fill_(0.5)
    faces = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    logit = (1 - 0.2) / 0.5
    assert classifier.logits(faces).tolist() == [[pytest.approx(logit), 0]]
    (row,) = classifier(faces).tolist()
    assert row == pytest.approx([1 / (1 + math.exp(-logit)), 1 / (1 + math.exp(logit))])
    torch.testing.assert_close(classifier(faces), classifier(torch.ones(1, 1, 4, 4)))


def test_a_temperature_divides_the_logits_of_probabilities_alone() -> None:
    classifier = two()
    faces = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    (logit, _), (plain, _) = classifier.logits(faces)[0].tolist(), classifier(faces)[0].tolist()
    classifier.temperature = 0.5
    assert classifier.logits(faces)[0, 0].item() == logit
    assert plain == pytest.approx(1 / (1 + math.exp(-logit)))
    assert classifier(faces)[0, 0].item() == pytest.approx(1 / (1 + math.exp(-2 * logit)))


def test_its_state_is_what_files_hold() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    classifier = Classifier(network, classes=["a", "b"], channels=["original"], size=4)
    names = {"network.1.weight", "network.1.bias", "preprocess.mean", "preprocess.std"}
    assert set(classifier.state_dict()) == names


def test_a_plane_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="^channels: .*'red'"):
        Classifier(Means(), classes=["a"], channels=["red"], size=4)


SIZES = {"channels": 1, "classes": 2, "size": 16}
R1 = {"_target_": "fer.models.R1", "channels": [4], "repeats": [1]}


def test_a_node_names_its_network() -> None:
    network = build_network(R1, **SIZES).eval()
    assert type(network).__name__ == "R1"
    assert network(torch.zeros(3, 1, 16, 16)).shape == (3, 2)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"dropuot": 0.1}, "^model: .*dropuot"),
        ({"repeats": [1, 1]}, "^model.repeats: "),
        ({"_target_": "fer.models.R9"}, "^model: .*R9"),
    ],
)
def test_what_a_network_refuses_names_its_key(change: dict, line: str) -> None:
    with pytest.raises(InputError, match=line):
        build_network(R1 | change, **SIZES)


@pytest.fixture
def found(tmp_path: Path, pack_untrained: Callable) -> checkpoint.Checkpoint:
    pack_untrained(tmp_path, "data=drawn", "data.count=700")
    return checkpoint.read(tmp_path)


def test_only_the_model_node_is_needed(found: checkpoint.Checkpoint) -> None:
    model = found.recipe["model"]
    found.recipe.clear()
    found.recipe["model"] = model
    classifier = restore(found)
    assert not classifier.training
    assert classifier.memory_format == torch.contiguous_format
    state = classifier.state_dict()
    assert state.keys() == found.weights.keys()
    assert all(torch.equal(state[name], found.weights[name]) for name in state)


def test_weights_of_another_network_are_refused(found: checkpoint.Checkpoint) -> None:
    found.recipe["model"] |= {"channels": [8, 32]}
    with pytest.raises(InputError, match=f"^{found.path}: its weights"):
        restore(found)
