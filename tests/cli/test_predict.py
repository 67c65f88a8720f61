"""fer predict through its command: files, lines, exit codes, and what remains of a stopped run."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.cli.predict import main
from fer.data.drawn import draw
from fer.data.labels import EMOTIONS
from fer.inference.prediction import PURPOSE, SMOOTH

ROOT = Path(__file__).parents[2]
NAME = "a, b\n«é» 表情.png"  # needs quotes in a csv
COLUMNS = [
    *"source frame time face track x y width height score label confidence".split(),
    *(f"p_{name}" for name in EMOTIONS),
    "roll",
    "warnings",
]


def picture(faces: int) -> np.ndarray:
    """Drawn faces side by side on grey: uint8 [160, 160 * faces, 3]."""
    pixels = np.full((160, 160 * max(1, faces), 3), 120, np.uint8)
    for number in range(faces):
        face = cv2.resize(draw(number, np.random.default_rng(number)), (100, 100))
        pixels[30:130, 160 * number + 30 : 160 * number + 130] = face[..., None]
    return pixels


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/: two faces, no face, a name that is hard, one unreadable file. talk.mp4: 12 frames."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "photos/more").mkdir(parents=True)
    cv2.imwrite(str(folder / "photos/two.png"), picture(2))
    cv2.imwrite(str(folder / "photos/none.png"), picture(0))
    Image.fromarray(picture(1)).save(folder / "photos/more" / NAME)
    cv2.imwrite(str(folder / "photos/more/two.jpg"), picture(2))
    (folder / "photos/torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    writer = cv2.VideoWriter(
        str(folder / "talk.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (160, 160)
    )
    for number in range(12):
        writer.write(np.roll(picture(1), number, axis=1))
    writer.release()
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def facts(folder: Path) -> dict:
    return json.loads((folder / "predict.json").read_text())


def test_a_folder(photos: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(photos)
    assert main(["photos", "--draw", "--out", str(tmp_path)]) == 1  # one is torn
    rows = table(tmp_path)
    assert list(rows[0]) == COLUMNS
    assert sorted((row["source"], row["face"]) for row in rows) == sorted(
        [
            ("photos/none.png", ""),
            ("photos/two.png", "0"),
            ("photos/two.png", "1"),
            ("photos/more/two.jpg", "0"),
            ("photos/more/two.jpg", "1"),
            (f"photos/more/{NAME}", "0"),
        ]
    )
    for row in rows:
        if row["face"]:
            numbers = {name: float(row[f"p_{name}"]) for name in EMOTIONS}
            assert row["label"] == max(numbers, key=lambda name: numbers[name])
            assert float(row["confidence"]) == max(numbers.values())
            assert sum(numbers.values()) == pytest.approx(1, abs=1e-5)
    first, *objects = map(json.loads, (tmp_path / "predictions.jsonl").read_text().splitlines())
    assert set(first) >= {"model", "sha256", "version", "detector", "margin", "command"}
    assert [(each["source"], each["face"]) for each in objects] == [
        (row["source"], int(row["face"]) if row["face"] else None) for row in rows
    ]
    found = facts(tmp_path)
    assert (found["pictures"], found["faces"], found["unreadable"]) == (4, 5, 1)
    assert found["status"] == "finished" and "torn.jpg" in found["unreadable_sources"][0]
    drawn = {path.relative_to(tmp_path / "drawn") for path in (tmp_path / "drawn").rglob("*.jpg")}
    assert len(drawn) == 4 and Path("photos/more/two.jpg") in drawn
    out, err = capsys.readouterr()
    assert "torn.jpg" in err and "torn.jpg" not in out
    assert "photos/none.png: no face found\n" in out
    assert out.splitlines()[-2:] == [str(tmp_path), f"report: {tmp_path / 'report.html'}"]
    assert "two.png" in (tmp_path / "report.html").read_text()


def test_a_video(photos: Path, tmp_path: Path, capsys) -> None:
    video = photos / "talk.mp4"
    assert main([str(video), "--every", "2", "--draw", "--out", str(tmp_path)]) == 0
    rows = table(tmp_path)
    assert list(rows[0]) == [*COLUMNS, *(f"s_{name}" for name in EMOTIONS)]
    assert [int(row["frame"]) for row in rows] == [0, 2, 4, 6, 8, 10]
    assert [float(row["time"]) for row in rows] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert {row["track"] for row in rows} == {"0"}
    assert rows[0]["s_happy"] == rows[0]["p_happy"] and rows[3]["s_happy"] != rows[3]["p_happy"]
    drawn = cv2.VideoCapture(str(tmp_path / "drawn" / f"{video.with_suffix('')}.mp4".lstrip("/")))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    assert "talk.mp4" in (tmp_path / "report.html").read_text()
    assert PURPOSE in capsys.readouterr().err


def test_json_is_all_that_stdout_has(photos: Path, tmp_path: Path, capsys) -> None:
    two = str(photos / "photos/two.png")
    assert main([two, "--json", "--out", str(tmp_path), "--abstain", "1"]) == 0
    out, err = capsys.readouterr()
    assert out == (tmp_path / "predictions.jsonl").read_text()
    assert [json.loads(line)["label"] for line in out.splitlines()[1:]] == ["unsure"] * 2
    assert str(tmp_path) in err


def test_crops(photos: Path, tmp_path: Path) -> None:
    none = photos / "photos/none.png"
    assert main([str(none), "--crops", "--out", str(tmp_path)]) == 0
    (row,) = table(tmp_path)
    assert [float(row[name]) for name in ("x", "y", "width", "height")] == [0, 0, 160, 160]
    assert facts(tmp_path)["detector"] == "none"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "SOURCE"),
        (["missing.jpg"], "missing.jpg"),
        (["empty"], "empty"),
        (["photo.png", "--model", "nowhere"], "nowhere"),
        (["photo.png", "--every", "0"], "every"),
        (["photo.png", "--abstain", "2"], "abstain"),
        (["photo.png", "--detector", "dlib"], "dlib"),
        (["https://example.org/a.jpg"], "https"),
    ],
)
def test_a_wrong_command_leaves_nothing(
    arguments: list[str], named: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    cv2.imwrite("photo.png", picture(0))
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line and not (tmp_path / "runs").exists()


def test_raise_stops_at_the_first_unreadable_file(photos: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    files = [str(photos / "photos" / name) for name in ("none.png", "torn.jpg", "two.png")]
    assert main([*files, "--on-bad", "raise", "--out", str(out)]) == 1
    assert "torn.jpg" in capsys.readouterr().err
    assert facts(out)["status"] == "failed" and len(table(out)) == 1


def test_two_pictures_of_one_name_are_both_drawn(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("same.png", "same.jpg"):
        cv2.imwrite(name, picture(1))
    assert (
        main(
            ["same.png", "same.jpg", "../" + tmp_path.name + "/same.png", "--draw", "--out", "out"]
        )
        == 0
    )
    assert len(list((tmp_path / "out/drawn").rglob("*.jpg"))) == 3


PROGRAM = [sys.executable, "-m", "fer", "predict"]


def test_stdin_is_answered_line_by_line_and_ctrl_c_leaves_whole_files(
    photos: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "-", "--json", "--out", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored below nohup
    )
    assert process.stdin is not None and process.stdout is not None
    for name in ("two.png", "none.png"):
        process.stdin.write(f"{photos}/photos/{name}\n")
        process.stdin.flush()
        if name == "two.png":
            assert "sha256" in json.loads(process.stdout.readline())
        assert name in json.loads(process.stdout.readline())["source"]
        if name == "two.png":
            process.stdout.readline()  # its second face
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err and "Fatal" not in err
    found = facts(tmp_path)
    assert found["status"] == "stopped" and found["last"]["source"].endswith("none.png")
    assert len(table(tmp_path)) == 3 and (tmp_path / "report.html").exists()


def test_help_says_the_default_of_smooth(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"default: {SMOOTH}" in " ".join(capsys.readouterr().out.split())
