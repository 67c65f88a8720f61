"""`fer pack` fits a temperature where the validation images are here, and says why where they are not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fer.cli import pack
from fer.data import writers
from fer.inference.cut import Place
from fer.models import checkpoint, packed
from fer.models.classifier import restore


@pytest.fixture(scope="module")
def made(tmp_path_factory, pack_untrained: Callable) -> Path:
    """A folder with `faces.csv`, `net`, a packed network of it, and `best.ckpt`, its checkpoint."""
    folder = tmp_path_factory.mktemp("made")
    writers.write_drawn(folder / "faces.csv", count=500, seed=0)
    (folder / "net").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pack_untrained(Path("net"), "data=fer2013", "data.path=faces.csv")
        found = checkpoint.read(Path("net"))
    kept = {name: getattr(found, name) for name in ("recipe", "size")}
    kept |= {name: list(getattr(found, name)) for name in ("classes", "channels")}
    kept |= {"seen": [vars(each) for each in found.seen]}
    torch.save({"state_dict": found.weights, "fer": kept}, folder / "best.ckpt")
    return folder


@pytest.fixture(autouse=True)
def inside(made: Path, monkeypatch) -> None:
    monkeypatch.chdir(made)


def facts(folder: str) -> dict:
    return json.loads((Path(folder) / packed.FACTS).read_text())


def test_a_packed_network_is_calibrated_again_with_the_same_weights(caplog) -> None:
    caplog.set_level("INFO")
    assert pack.main(["net", "--out", "again"]) == 0
    before, after = facts("net"), facts("again")
    assert {key for key in after if before.get(key) != after[key]} == {
        "temperature", "calibration", "margin",
    }  # fmt: skip
    assert Place(**after["margin"]) == Place()
    assert after["calibration"]["rows"] == 50 and after["calibration"]["note"] is None
    assert after["calibration"]["nll"][1] <= after["calibration"]["nll"][0]
    assert f"temperature {after['temperature']:.4f}, fitted on 50 validation images" in caplog.text
    assert restore(checkpoint.read(Path("again"))).temperature == after["temperature"] != 1
    # From the calibrated one, it finds the same again.
    assert pack.main(["again", "--out", "twice"]) == 0
    assert facts("twice") == after


def test_without_its_images_a_network_is_packed_with_a_note(caplog, capsys) -> None:
    caplog.set_level("INFO")
    Path("faces.csv").rename("elsewhere.csv")
    assert pack.main(["best.ckpt", "--out", "packed"]) == 0
    found = facts("packed")
    assert found["temperature"] == 1 and Place(**found["margin"]) == Place()
    note = found["calibration"]["note"]
    assert note.startswith("not calibrated: data.path: no file ") and "\n" not in note
    assert f"note: temperature 1, {note}" in caplog.text
    # A path that was typed must exist, and says where the images are now.
    assert pack.main(["best.ckpt", "data.path=nowhere.csv", "--out", "none"]) == 1
    assert "nowhere.csv" in capsys.readouterr().err and not Path("none").exists()
    assert pack.main(["best.ckpt", "data.path=elsewhere.csv", "--out", "other"]) == 0
    assert facts("other")["calibration"]["rows"] == 50
    Path("elsewhere.csv").rename("faces.csv")


def test_other_images_do_not_calibrate_it(capsys) -> None:
    words = ["net", "data.split=random", "data.seed=3", "--out", "none"]
    assert pack.main(words) == 1
    assert "val rows are among the train rows of net/" in capsys.readouterr().err
    assert pack.main(["net", "model.dropout=0.5", "--out", "none"]) == 1
    assert "model.dropout: comes from the checkpoint" in capsys.readouterr().err
    assert not Path("none").exists()
