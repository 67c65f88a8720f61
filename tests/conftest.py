"""What several files of tests need."""

import copy
import io
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from fer.cli import subcommand, train
from fer.config import compose
from fer.data.exposure import record
from fer.data.sources import build_data
from fer.models import packed
from fer.training.build import build_classifier


@pytest.fixture(scope="session")
def pack_untrained() -> Callable[[Path], None]:
    """Packs a small network with its first weights, as if trained on the official split of a csv."""

    def pack(folder: Path, *words: str) -> None:
        small = ["model.channels=[8,16]", "model.repeats=[1,1]", "trainer.precision=32-true"]
        cfg = subcommand.config_of([*small, *words])
        data = build_data(cfg)
        torch.manual_seed(0)
        classifier = build_classifier(cfg, data)
        classifier.preprocess.fit(data.statistics_sample())
        kept = {"recipe": compose.OmegaConf.to_container(cfg), "classes": data.classes}
        kept |= {"channels": tuple(data.channels), "size": data.size}
        kept |= {"seen": (record(data.faces, data.parts),)}
        packed.save(folder, weights=classifier.state_dict(), kept=kept, results=None)

    return pack


@contextmanager
def blank() -> Iterator[None]:
    """Leave figures empty: drawing them is half of a short run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.draw", lambda figure, renderer: None)
        yield


@pytest.fixture
def blank_pictures() -> Iterator[None]:
    """Leave a test's figures empty."""
    with blank():
        yield


@pytest.fixture(scope="module")
def blank_pictures_of_module() -> Iterator[None]:
    """Leave the figures of a module's tests and of its fixtures empty."""
    with blank():
        yield


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """Keep what Hydra composes: a quarter of a second for each choice of groups."""
    kept: dict[tuple[str, ...], DictConfig] = {}
    plain = compose._compose

    def composed(overrides: Sequence[Override]) -> DictConfig:
        words = tuple(str(override.input_line) for override in overrides)
        if words not in kept:
            kept[words] = plain(overrides)
        return copy.deepcopy(kept[words])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "_compose", composed)
        yield


@pytest.fixture(scope="session")
def train_here() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Calls train.py's main in this process, which spares a start of torch, and returns what it said."""

    def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        out, error = io.StringIO(), io.StringIO()
        with chdir(cwd), redirect_stdout(out), redirect_stderr(error):
            status = train.main(list(arguments))
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), error.getvalue())

    return call
