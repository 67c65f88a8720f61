"""fer.load: the numbers of `fer evaluate`, from any thread, in a fresh process without a warning."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import fer
from fer.common.errors import InputError
from fer.inference import Model
from fer.models import checkpoint
from fer.models.classifier import restore

ROOT = Path(__file__).parents[2]
CROPS = np.random.default_rng(0).integers(256, size=(9, 48, 48), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, pack_untrained: Callable) -> Path:
    pack_untrained(tmp_path, "data=drawn", "data.count=700", "data.channels=[original,sobel]")
    return tmp_path


@pytest.fixture
def model(folder: Path) -> Model:
    return fer.load(folder)


def test_it_is_the_classifier_of_its_file(model: Model, folder: Path) -> None:
    classifier = restore(checkpoint.read(folder))
    assert model.classes == classifier.classes and len(model.classes) == 7
    assert (model.channels, model.size) == (("original", "sobel"), 48)
    found = model.probabilities(CROPS)
    assert found.dtype == np.float32 and found.shape == (9, 7)
    with torch.no_grad():
        expected = classifier(torch.from_numpy(CROPS)[:, None])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert found.std(0).min() > 0


def test_one_face_is_a_row_too(model: Model) -> None:
    assert model.probabilities(CROPS[0]).shape == (1, 7)
    np.testing.assert_allclose(
        model.probabilities(CROPS[0]), model.probabilities(CROPS)[:1], atol=1e-6
    )


def test_threads_give_the_same_numbers_as_one(model: Model) -> None:
    alone = [model.probabilities(CROPS[i : i + 3]) for i in range(6)]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            together = threads.map(lambda i: model.probabilities(CROPS[i : i + 3]), range(6))
            assert all(map(np.array_equal, together, alone))


def test_the_users_chance_and_gradients_stay_theirs(folder: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    fer.load(folder).probabilities(CROPS)
    assert torch.equal(torch.rand(3), expected) and torch.is_grad_enabled()


@pytest.mark.parametrize("device", ["cpux", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(folder: Path, device: str) -> None:
    with pytest.raises(InputError, match=f"^device: {device}: [^\n]*$"):
        fer.load(folder, device=device)


def test_a_place_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        fer.load(tmp_path / "nothing")


PROGRAM = """
import sys
import fer
assert {"torch", "numpy", "cv2"}.isdisjoint(sys.modules)
model = fer.load(sys.argv[1])
import numpy
print(model.probabilities(numpy.zeros((60, 50), numpy.uint8)).shape)
heavy = {"lightning", "torchmetrics", "hydra", "omegaconf", "sklearn", "pandas", "scipy", "sympy"}
assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)
"""


def test_a_fresh_process_loads_little_and_warns_of_nothing(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, folder],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 7)\n", "")
