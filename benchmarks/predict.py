"""Time `fer predict` against PyPI's fer on the same files: python benchmarks/predict.py [OUT.csv] [--quick]

It takes 20 minutes, with --quick 4. Pictures and videos of several sizes, each with several faces of FER2013's PrivateTest. Both packages find
the faces, name them and write a row for each, on one core and on two. A model is loaded before its time
counts. `found` is the fraction of the faces that were found.

It needs $FER_DATA_DIR/fer2013.csv. The peer has this project's import name, so it needs an environment of
its own, whose Python `--peer` names (default: runs/peer/bin/python). Without it only this package is timed:

    python -m venv runs/peer
    runs/peer/bin/pip install tensorflow-cpu==2.21.0 opencv-contrib-python==4.14.0.94 'moviepy<2' \
        'setuptools<80' pandas matplotlib requests ffmpeg-python
    runs/peer/bin/pip install --no-deps fer==25.10.3

`decode_ms` to `write_ms` are the parts of this package's time, a picture or frame, one after the other on
one core. `write` is rows, the page and its thumbnails.
"""

import argparse
import contextlib
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = ((640, 480), (1280, 720), (1920, 1080))  # of pictures and videos
PHONE = (4032, 3024)  # of pictures alone, a fourth as many: what phones take
RATE = 25  # frames a second of the videos
COLUMNS, ROWS, FACES = 3, 2, 4  # places for faces in a picture, and how many are taken
SIDES = (0.15, 0.4)  # of a face, as fractions of the picture's height
ANGLE = 15  # degrees by which a face is turned at most
NEAR = 0.35  # distance of centres, in sides of the face, up to which it is found
PARTS = ("decode", "detect", "crop", "network", "write")

# What the peer runs: its documented calls on one core or two, and a row a face.
PEER = """
import csv, json, os, sys, time
folder, cores = sys.argv[1], int(sys.argv[2])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
import cv2
from fer.fer import FER
detector = FER()

def frames(path):
    if path.endswith(".jpg"):
        yield cv2.imread(path)
        return
    video = cv2.VideoCapture(path)
    while True:
        read, frame = video.read()
        if not read:
            return
        yield frame

def run(paths, out):
    count = 0
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        for path in paths:
            for number, frame in enumerate(frames(path)):
                count += 1
                for face in detector.detect_emotions(frame):
                    x, y, width, height = (float(side) for side in face["box"])
                    row = [os.path.basename(path), number, x + width / 2, y + height / 2]
                    writer.writerow([*row, *face["emotions"].values()])
    return count

answers = {}
for name in sorted(os.listdir(folder)):
    paths = [os.path.join(folder, name, each) for each in sorted(os.listdir(f"{folder}/{name}"))]
    run(paths[:1] if paths[0].endswith(".jpg") else [], os.devnull)
    out = f"{folder}.{name}.theirs.csv"
    started = time.perf_counter()
    count = run(paths, out)
    answers[name] = {"pace": count / (time.perf_counter() - started), "rows": out}
print(json.dumps(answers))
"""


def make(folder: Path, pictures: int, seconds: float) -> dict[str, dict]:
    """Write pictures and a video of each size. Truth: by name, by file and frame, the faces' squares."""
    import numpy as np

    from fer.data.sources import FER2013

    data = FER2013()
    faces = data.faces.images[data.parts.test]
    chance = np.random.default_rng(0)
    truth: dict[str, dict] = {}
    for width, height in SIZES:
        name = f"{width}x{height}"
        truth[f"photos {name}"] = _photos(folder, name, faces, pictures, chance)
        truth[f"video {name}"] = _video(folder, name, faces, round(RATE * seconds), chance)
    name = f"{PHONE[0]}x{PHONE[1]}"
    truth[f"photos {name}"] = _photos(folder, name, faces, max(1, pictures // 4), chance)
    return truth


def _photos(folder, name, faces, count, chance) -> dict:
    import cv2

    (folder / f"photos {name}").mkdir(parents=True)
    squares = {}
    for number in range(count):
        picture, where = _scene(faces, _size(name), chance)
        file = f"{number:03d}.jpg"
        cv2.imwrite(str(folder / f"photos {name}" / file), picture)
        squares[f"{file} 0"] = where
    return squares


def _video(folder, name, faces, count, chance) -> dict:
    """A scene that the camera slowly moves over."""
    import cv2
    import numpy as np

    from fer.runs.filmed import film

    (folder / f"video {name}").mkdir(parents=True)
    picture, where = _scene(faces, _size(name), chance)
    squares = {}
    with film(folder / f"video {name}" / "video.mp4", _size(name), RATE) as filmed:
        for number in range(count):
            shift = 20 * math.sin(number / RATE)
            matrix = np.array([[1, 0, shift], [0, 1, 0]])
            moved = cv2.warpAffine(picture, matrix, _size(name), borderMode=cv2.BORDER_REPLICATE)
            filmed.add(np.repeat(moved[..., None], 3, axis=2), number / RATE)
            squares[f"video.mp4 {number}"] = [(x + shift, y, side) for x, y, side in where]
    return squares


def _size(name: str) -> tuple[int, int]:
    width, height = name.split("x")
    return int(width), int(height)


def _scene(faces, size, chance):
    """A grey picture, uint8 [H, W], and the centre and side of each of its FACES faces."""
    import cv2
    import numpy as np
    from path import paste

    coarse = chance.uniform(60, 200, size=(4, 6)).astype(np.float32)
    picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    where = []
    for cell in chance.permutation(COLUMNS * ROWS)[:FACES]:
        side = size[1] * chance.uniform(*SIDES)
        x = (cell % COLUMNS + 0.5) * size[0] / COLUMNS
        y = (cell // COLUMNS + 0.5) * size[1] / ROWS
        face = faces[chance.integers(len(faces))]
        paste(picture, face, (x, y, side, chance.uniform(-ANGLE, ANGLE)))
        where.append((float(x), float(y), float(side)))
    return picture, where


def ours(folder: str, cores: int) -> None:
    """Print, as json, the pace of this package on each folder, its rows, and its parts on one core."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from fer.cli.predict import main

    spent = watched()
    answers = {}
    for place in sorted(Path(folder).iterdir()):
        out = f"{folder}.{place.name}.ours"
        first = min(map(str, place.iterdir()))
        with contextlib.redirect_stdout(sys.stderr):
            main([first, "--seconds", "0.2", "--out", out])  # loads what is loaded once
            spent.update(dict.fromkeys(PARTS, 0.0))
            started = time.perf_counter()
            main([str(place), "--out", out])
            seconds = time.perf_counter() - started
        count = json.loads((Path(out) / "predict.json").read_text())["pictures"]
        answers[place.name] = {"pace": count / seconds, "rows": f"{out}/predictions.csv"} | {
            f"{part}_ms": 1000 * each / count for part, each in spent.items()
        }
    print(json.dumps(answers))


def watched() -> dict[str, float]:
    """Seconds of processor time by part, counted from now on. Right on one core."""
    from fer.inference import Model, cut, detect, pictures, video, warnings
    from fer.runs.predict import Folder

    spent = dict.fromkeys(PARTS, 0.0)

    def watch(owner: object, name: str, part: str) -> None:
        original = getattr(owner, name)

        def timed(*arguments, **options):
            started = time.thread_time()
            try:
                done = original(*arguments, **options)
                return iter(list(done)) if name == "read" else done  # a generator has done nothing
            finally:
                spent[part] += time.thread_time() - started

        setattr(owner, name, timed)

    watch(pictures, "read", "decode")
    watch(video.Frames, "__next__", "decode")
    watch(detect.Detector, "find", "detect")
    watch(cut, "cut", "crop")
    watch(warnings, "of", "crop")
    watch(Model, "probabilities", "network")
    watch(Folder, "add", "write")
    return spent


def found(path: Path, squares: dict[str, list]) -> float:
    """The fraction of the true faces that have a row near their centre."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    centres: dict[str, list[tuple[float, float]]] = {}
    if rows and rows[0][0] == "source":  # this package's
        names = rows[0]
        for row in rows[1:]:
            each = dict(zip(names, row, strict=True))
            if each["x"]:
                x, y, width, height = (float(each[k]) for k in ("x", "y", "width", "height"))
                key = f"{Path(each['source']).name} {each['frame']}"
                centres.setdefault(key, []).append((x + width / 2, y + height / 2))
    else:
        for file_name, number, x, y, *_ in rows:
            centres.setdefault(f"{file_name} {number}", []).append((float(x), float(y)))
    hits = [
        any(math.hypot(x - a, y - b) < NEAR * side for a, b in centres.get(key, ()))
        for key, faces in squares.items()
        for x, y, side in faces
    ]
    return statistics.mean(hits)


def child(command: list[str]) -> dict[str, dict]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def rows(peer: Path | None, pictures: int, seconds: float, rounds: int) -> Iterator[dict]:
    """A row for each kind of files and number of cores: medians, and the ratio of the pairs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "made"
        truth = make(folder, pictures, seconds)
        for cores in (1, 2):
            mine = [sys.executable, __file__, "--ours", str(folder), str(cores)]
            other = [str(peer), "-I", "-c", PEER, str(folder), str(cores)]
            pairs = [(child(mine), child(other) if peer else None) for _ in range(rounds)]
            for kind, squares in truth.items():
                yield row(kind, cores, [(a[kind], b and b[kind]) for a, b in pairs], squares)


def row(kind: str, cores: int, pairs: list[tuple[dict, dict | None]], squares: dict) -> dict:
    ratios = [a["pace"] / b["pace"] for a, b in pairs if b] or [math.nan]
    theirs = [b for _, b in pairs if b]
    measured = {
        "what": kind,
        "cores": cores,
        "unit": "pictures/s" if kind.startswith("photos") else "frames/s",
        "ours": statistics.median(a["pace"] for a, _ in pairs),
        "theirs": statistics.median(b["pace"] for b in theirs) if theirs else math.nan,
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "target": ">= 3",
        "found_ours": found(Path(pairs[0][0]["rows"]), squares),
        "found_theirs": found(Path(theirs[0]["rows"]), squares) if theirs else math.nan,
        "rounds": len(pairs),
    }
    for part in PARTS:
        spent = statistics.median(a[f"{part}_ms"] for a, _ in pairs)
        measured[f"{part}_ms"] = spent if cores == 1 else math.nan
    print(*(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in measured.items()),
          sep=", ", flush=True)  # fmt: skip
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("out", nargs="?", default="runs/bench/predict.csv")
    parser.add_argument("--quick", action="store_true", help="few files, one round")
    parser.add_argument("--peer", type=Path, default=Path("runs/peer/bin/python"))
    typed = parser.parse_args()
    peer = typed.peer if typed.peer.exists() else None
    if peer is None:
        print(f"{typed.peer}: not there, so only this package is timed; see benchmarks/predict.py")
    import harness

    sizes = (6, 1.0, 1) if typed.quick else (24, 4.0, 3)
    harness.write(rows(peer, *sizes), ["predict", typed.out])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        ours(sys.argv[2], int(sys.argv[3]))
    else:
        main()
