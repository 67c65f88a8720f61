"""What summary.json holds: numbers of the measured parts, facts of the dataset, notes."""

import math
from collections.abc import Mapping
from typing import Any

from fer.data.module import FaceData
from fer.data.splits import leakage
from fer.data.splits.split import Split, settings
from fer.evaluation.results import Measured


def shown(parts: Mapping[str, Measured]) -> Measured:
    """The part that a run's tables, report and pictures are of: test, or validation without one."""
    return parts["test"] if "test" in parts else parts["val"]


def numbers(parts: Mapping[str, Measured]) -> dict[str, Any]:
    """The numbers of a run's measured parts; the gap is train accuracy minus test accuracy."""
    found: dict[str, Any] = shown(parts).numbers()
    found |= {f"val/{name}": number for name, number in parts["val"].scores().items()}
    found["train/acc"] = parts["train"].scores()["acc"]
    if "test" in parts:
        found["gap"] = found["train/acc"] - found["test/acc"]
    return found


def dataset(data: FaceData) -> dict[str, Any]:
    """The dataset and its split, and how many of the source's own test rows train or validate."""
    return {
        "source": data.faces.source,
        "fingerprint": data.faces.fingerprint,
        "split": data.parts.kind,
        "split_seed": data.parts.seed,
        **settings(data.parts),
        **leakage.own_test(data.faces, data.parts),
    }


def counts(data: FaceData) -> dict[str, list[int]]:
    """Images of each class, with the labels that are trained on, for each part."""
    names = ("train", "val", "test")
    return {name: data.relabelled.counts(data.parts.part(name)) for name in names}


def partly_measured(parts: Mapping[str, Measured], split: Split) -> list[str]:
    """A note for each part that was measured on some rows only, as by trainer=debug."""
    return [
        f"only {len(parts[name])} of {len(split.part(name))} {name} rows are measured "
        "(trainer.limit_test_batches)"
        for name in ("val", "test")
        if name in parts and len(parts[name]) < len(split.part(name))
    ]


FEW = 10  # rows: up to here an accuracy may be luck
Z = 1.96  # of 95 %


def few_rows(measured: Measured) -> list[str]:
    """A note for a part of so few rows that its accuracy says little."""
    if not 0 < (count := int(measured.counted.sum())) <= FEW:
        return []
    return [
        f"only {count} {measured.part} {'image' if count == 1 else 'images'}, each worth "
        f"{100 / count:.0f} points of accuracy. {_range(measured, count)}"
    ]


def _range(measured: Measured, count: int) -> str:
    """The accuracies on other images for which such a result is likely: Wilson's interval at 95 %."""
    right = int((measured.predictions == measured.labels)[measured.counted].sum())
    share, wide = right / count, Z**2 / count
    middle = (share + wide / 2) / (1 + wide)
    half = math.sqrt(share * (1 - share) * wide + wide**2 / 4) / (1 + wide)
    return f"On others it may be {100 * (middle - half):.0f} to {100 * (middle + half):.0f} %"


def limited_epochs(trainer: Mapping[str, Any]) -> list[str]:
    """A note for each part of which an epoch has some batches only; trainer: that node of a config."""
    limits = {part: trainer.get(f"limit_{part}_batches") for part in ("train", "val")}
    return [
        f"each epoch had {limit} of {part}'s batches (trainer.limit_{part}_batches)"
        for part, limit in limits.items()
        if limit is not None and (type(limit), limit) != (float, 1.0)  # 1 is a batch
    ]
