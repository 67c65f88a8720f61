"""What several files of tests need."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fer.cli import subcommand
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
