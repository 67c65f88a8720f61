"""The programs of examples/ run as docs/predict.md shows them, and are short enough to type."""

import csv
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.data.drawn import draw
from tests.inference import made_video

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/photo.jpg with a drawn face, in the working directory."""
    monkeypatch.chdir(tmp_path)
    pixels = np.full((200, 240), 120, np.uint8)
    pixels[40:160, 60:180] = cv2.resize(draw(3, np.random.default_rng(0)), (120, 120))
    Path("photos").mkdir()
    cv2.imwrite("photos/photo.jpg", pixels)
    return Path("photos/photo.jpg")


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_it_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 30


def test_photo(photo: Path, monkeypatch, capsys) -> None:
    run("photo.py", str(photo), monkeypatch=monkeypatch)
    first, last = capsys.readouterr().out.splitlines()
    assert " at [" in first and last == "wrote drawn.png"
    assert Image.open("drawn.png").size == (240, 200)


def test_folder_to_csv(photo: Path, monkeypatch) -> None:
    run("folder_to_csv.py", str(photo.parent), monkeypatch=monkeypatch)
    with open("faces.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["source"] == str(photo) and 0 < float(row["confidence"]) <= 1


def test_video(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(made_video, "SECONDS", 1.0)
    path = tmp_path / "talk.mp4"
    made_video.write(path, made_video.even_times(10), (320, 180))
    run("video.py", str(path), monkeypatch=monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert lines and all("s  person" in line and "on average" in line for line in lines)
    assert {line.split()[0] for line in lines} <= {"0.00", "0.50"}
