"""Sixty drawn faces, as an independent reader sees their csv, for every form to be compared with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer.data import writers
from fer.data.readers.table import label, read


@dataclass(frozen=True)
class Drawn:
    csv: Path
    table: pd.DataFrame
    images: np.ndarray
    labels: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@pytest.fixture(scope="session")
def sixty(tmp_path_factory) -> Drawn:
    path = tmp_path_factory.mktemp("sixty") / "fer2013.csv"
    writers.write_drawn(path, count=60, seed=5)
    table = pd.read_csv(path)
    images = np.stack([np.array(row.split(), np.uint8) for row in table["pixels"]])
    parts = table["Usage"].map({"Training": 0, "PublicTest": 1, "PrivateTest": 2})
    return Drawn(
        path, table, images.reshape(-1, 48, 48), table["emotion"].to_numpy(), parts.to_numpy()
    )


@pytest.fixture
def same(sixty):
    """Checks faces against the sixty, or against some of them in another order."""

    def check(faces, order=slice(None)):
        np.testing.assert_array_equal(faces.images, sixty.images[order])
        np.testing.assert_array_equal(faces.labels, sixty.labels[order])
        np.testing.assert_array_equal(faces.parts, sixty.parts[order])
        assert faces.images.dtype == np.uint8 and faces.parts.dtype == np.int8
        assert faces.labels.dtype == faces.rows.dtype == np.int64
        assert len(set(faces.hashes.tolist())) == len(set(map(bytes, faces.images)))

    return check


@pytest.fixture(scope="session")
def decoded():
    """The faces of a table, as the sources make them."""

    def decode(table, *, size=48, on_bad_row="raise"):
        return read(table, label(table), size=size, on_bad_row=on_bad_row)

    return decode
