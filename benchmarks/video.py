"""Measure `fer predict` on a long video: python benchmarks/video.py [--minutes 10] [--out OUT.csv]

The video has 720p at 25 frames a second and shows tests/inference/made_video.py again and again. Measured
are peak memory, pace, and the rows against the truth. A second run is killed in its middle: what it
wrote must be whole lines. Linux only, for the memory of a child.
"""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import harness

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.inference import made_video

ROOT = Path(__file__).parent.parent
RATE, SIZE = 25, (1280, 720)
SEEN = 0.7  # of a face, from which it should be found
NEAR = 0.5  # distance of centres over the width up to which a found face is the true one
PATIENCE = 600  # seconds until the run to be killed must have written its rows


class Row(NamedTuple):
    """A row of predictions.csv. A frame without a face has no track and no centre."""

    frame: int
    time: float
    track: int | None
    centre: tuple[float, float] | None


def video(folder: Path, minutes: float) -> tuple[Path, list[made_video.Row]]:
    """A video of the given length, and its truth."""
    times = made_video.even_times(RATE)
    count = max(1, round(60 * minutes / made_video.SECONDS))
    made_video.write(folder / "segment.mp4", times, SIZE)
    made_video.repeat(folder / "segment.mp4", folder / "video.mp4", count)
    return folder / "video.mp4", list(made_video.repeated(made_video.truth(times, SIZE), count))


def start(path: Path, out: Path, words: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fer", "predict", str(path), "--out", str(out), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with open(out.parent / f"{out.name}.txt", "wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def measured(path: Path, out: Path, words: Sequence[str]) -> dict[str, float]:
    """Seconds, peak memory in MB and exit status of a whole run."""
    began = time.perf_counter()
    _, status, usage = os.wait4(start(path, out, words).pid, 0)
    seconds = time.perf_counter() - began
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(
            f"fer predict: exit {code}\n" + (out.parent / f"{out.name}.txt").read_text()[-2000:]
        )
    return {"seconds": seconds, "peak memory, MB": usage.ru_maxrss / 1024}


def read(path: Path) -> list[Row]:
    with open(path, newline="") as file:
        return [_row(line) for line in csv.DictReader(file)]


def _row(line: dict[str, str]) -> Row:
    frame, seconds = int(line["frame"]), float(line["time"])
    if not line["x"]:
        return Row(frame, seconds, None, None)
    x, y, width, height = (float(line[name]) for name in ("x", "y", "width", "height"))
    return Row(frame, seconds, int(line["track"]), (x + width / 2, y + height / 2))


def compared(
    found: Sequence[Row], truth: Iterable[made_video.Row], frames: int
) -> dict[str, float]:
    """What was found of the truth."""
    rows, true = defaultdict(list), defaultdict(list)
    for row in found:
        rows[row.frame].append(row)
    for each in truth:
        true[each.frame].append(each)
    tracks: dict[int, set[int]] = defaultdict(set)  # numbers that a person got
    seen = hits = invented = 0
    for frame in range(frames):
        hit = set()
        for row in rows[frame]:
            if row.centre is None:
                continue
            near = [(_distance(row.centre, each), each.track) for each in true[frame]]
            distance, person = min(near, default=(NEAR, -1))
            if distance >= NEAR:
                invented += 1
                continue
            hit.add(person)
            tracks[person].add(row.track)
        clear = {each.track for each in true[frame] if each.seen >= SEEN}
        seen, hits = seen + len(clear), hits + len(clear & hit)
    owners = defaultdict(set)
    for person, numbers in tracks.items():
        for number in numbers:
            owners[number].add(person)
    times = [abs(row.time - row.frame / RATE) for row in found]
    return {
        "frames without a row": sum(not rows[frame] for frame in range(frames)),
        "found, % of faces that are seen by 70 %": 100 * hits / seen,
        "rows where no face is": invented,
        "people": len(tracks),
        "new numbers for the same person": sum(len(each) - 1 for each in tracks.values()),
        "numbers that several people got": sum(len(each) > 1 for each in owners.values()),
        "largest error of time, ms": 1000 * max(times),
    }


def _distance(centre: tuple[float, float], row: made_video.Row) -> float:
    x, y, width, height = row.box
    across, down = centre[0] - x - width / 2, centre[1] - y - height / 2
    return (across**2 + down**2) ** 0.5 / width


def killed(path: Path, out: Path, words: Sequence[str], rows: int) -> dict[str, float]:
    """What a run that is killed after some rows left. Broken lines are counted."""
    process, began = start(path, out, words), time.monotonic()
    try:
        while _lines(out / "predictions.csv") < rows and time.monotonic() - began < PATIENCE:
            if process.poll() is not None:
                sys.exit(f"fer predict ended before it was killed, with {process.returncode}")
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with open(out / "predictions.csv", newline="") as file:
        lines = list(csv.reader(file))
    return {
        "killed: rows": len(lines) - 1,
        "killed: broken lines of predictions.csv": sum(len(line) != len(lines[0]) for line in lines)
        + (not (out / "predictions.csv").read_bytes().endswith(b"\n")),
        "killed: broken lines of predictions.jsonl": _broken(out / "predictions.jsonl"),
        "killed: last time, s": read(out / "predictions.csv")[-1].time,
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _broken(path: Path) -> int:
    broken = 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            json.loads(line)
            broken += not line.endswith(b"\n")
        except ValueError:
            broken += 1
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the video")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/video.csv"))
    parser.add_argument("words", nargs="*", help="further options of fer predict, after --")
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, truth = video(folder, typed.minutes)
        frames = truth[-1].frame + 1
        facts = measured(path, folder / "whole", typed.words)
        facts["pace, frames/s"] = frames / facts["seconds"]
        found = read(folder / "whole/predictions.csv")
        facts |= compared(found, truth, frames)
        facts |= killed(path, folder / "killed", typed.words, rows=len(found) // 2)
    rows = [{"what": what, "value": float(value)} for what, value in facts.items()]
    for row in rows:
        print(f"{row['what']}: {row['value']:.4g}")
    harness.write(rows, ["video", str(typed.out)])


if __name__ == "__main__":
    main()
