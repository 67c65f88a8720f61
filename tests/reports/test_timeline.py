"""The timeline: bounded in memory, and its words and areas follow a video whose truth is known."""

import re
from pathlib import Path

import numpy as np
import pytest

from fer.data.labels import EMOTIONS
from fer.inference.prediction import PURPOSE, Face, Prediction
from fer.reports import timeline, tracks
from fer.reports.timeline import Timeline, area, clock, ticks
from fer.reports.tracks import CHANGES, COLUMNS, Video, halved

FRAME = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def face(label: str, track: int = 0, smoothed: str | None = None) -> Face:
    def of(name: str) -> np.ndarray:
        return np.where(np.array(EMOTIONS) == name, 0.7, 0.05).astype(np.float32)

    return Face(
        (20 + 40 * track, 10, 30, 40),
        0.9,
        label,
        0.7,
        of(label),
        track=track,
        smoothed=None if smoothed is None else of(smoothed),
    )


def seen(time: float, *faces: Face, source: str = "talk.mp4") -> Prediction:
    return Prediction(source, round(30 * time), time, (90, 60), faces, EMOTIONS)


def story() -> Timeline:
    """20 s at 10 frames a second, not analysed from 8 to 12 s, of a video of 30 s.

    Track 0 is happy, sad from 5 s, and lost from 14 to 15 s. Track 1 is there from 13 s.
    """
    made = Timeline(EMOTIONS)
    for time in np.arange(200) / 10:
        if 8 < time < 12:
            continue
        faces = [] if 14 < time < 15 else [face("happy" if time < 5 else "sad")]
        faces += [face("fear", 1)] if time >= 13 else []
        made.add(seen(float(time), *faces), FRAME)
    made.length("talk.mp4", 30.0)
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("timeline") / "report.html"
    story().write(path, {"model": "shipped", "command": "fer predict talk.mp4"})
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text()


def test_words(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "161 frames of 90 × 60 pixels analysed, from 00:00 to 00:19, 10 a second." in text
    assert "Not analysed: 00:08 to 00:12, 00:19 to the end, 00:30." in text
    assert "Found in 152 of 161 frames, lost 1 time, 1.0 s in all." in text
    assert "00:13 to 00:19, 100 % fear. Found in 70 of 70 frames, never lost." in text
    assert PURPOSE in text and "fer predict talk.mp4" in text


def test_faces_at_changes(page: str) -> None:
    first, second = re.findall(r'<ul class="turns".*?</ul>', page, re.S)
    assert re.findall(r"(\d\d:\d\d) <b>(\w+)", first) == [("00:00", "happy"), ("00:05", "sad")]
    assert re.findall(r"(\d\d:\d\d) <b>(\w+)", second) == [("00:13", "fear")]


def test_the_page_loads_and_runs_nothing(page: str) -> None:
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links and all(re.match("data:|#looked", link) for link in links)
    assert "<script" not in page and "script-src" not in page


def test_areas_follow_time() -> None:
    made = story()
    (section,) = [made._section(video) for video in made.videos.values()]
    width, paths = section.video.width, section.rows[0].paths
    starts = [int(at) * width for at in re.findall(r"M(\d+) 100", paths[-1])]
    assert starts == pytest.approx([0, 12, 15], abs=2 * width)
    assert int(re.findall(r"H(\d+)V100Z", section.analysed)[-1]) * width == pytest.approx(
        20, abs=0.2
    )
    happy = EMOTIONS.index("happy")
    (change,) = re.findall(r"H(\d+)V(\d+)", paths[happy].partition("V100Z")[0])
    assert int(change[0]) * width == pytest.approx(5, abs=2 * width) and change[1] == "80"
    assert section.columns * width == pytest.approx(30, abs=width)


def test_memory_does_not_grow_with_the_video() -> None:
    video = Video("long.mp4", (90, 60))
    for second in range(0, 36_000, 29):
        label = EMOTIONS[second // 29 % 7]
        video.add(seen(float(second), face(label, track=second // 700 % 3)), FRAME, blur=False)
    assert len(video.seen) <= COLUMNS
    assert sum(len(track.columns) for track in video.tracks.values()) <= 2 * COLUMNS
    assert all(len(track.changes) <= CHANGES for track in video.tracks.values())
    assert sum(row[0] for row in video.seen.values()) == video.frames == video.labels.total()
    assert sum(t.columns[c][-1] for t in video.tracks.values() for c in t.columns) == video.frames


def test_tracks_are_dropped_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "KEPT", 10)
    monkeypatch.setattr(timeline, "ROWS", 3)
    made = Timeline(EMOTIONS)
    for number in range(30):
        for step in range(2 + number % 3):
            made.add(seen(10.0 * number + step, face("sad", track=number)), FRAME)
    (video,) = made.videos.values()
    assert len(video.tracks) <= 10 and video.dropped + len(video.tracks) == 30
    assert len(made._section(video).rows) == 3
    assert (
        made._section(video).others
        == "27 shorter tracks with 78 faces are in predictions.csv alone."
    )


def test_the_longest_changes_are_kept() -> None:
    video, time = Video("x.mp4", (90, 60)), 0.0
    for part in range(40):
        label, lasts = EMOTIONS[part % 7], 6 if part % 4 == 0 else 1
        for _ in range(10 * lasts):
            video.add(seen(time, face(label)), FRAME, blur=False)
            time += 0.1
    (track,) = video.tracks.values()
    assert track.turns == 39 and len(track.changes) == CHANGES
    lasted = [change.until - change.time for change in track.changes[1:-2]]
    assert sum(each > 5 for each in lasted) >= 8


def test_flicker_is_no_change_and_smoothed_values_count() -> None:
    video = Video("x.mp4", (90, 60))
    for number in range(60):
        video.add(seen(number / 10, face("happy" if number % 2 else "sad")), FRAME, blur=False)
    assert video.tracks[0].turns == 0
    video = Video("x.mp4", (90, 60))
    for number in range(60):
        each = face(EMOTIONS[number % 7], smoothed="fear")
        video.add(seen(number / 10, each), FRAME, blur=False)
    assert [EMOTIONS[change.top] for change in video.tracks[0].changes] == ["fear"]


def test_hidden_faces_in_thumbnails() -> None:
    video = Video("x.mp4", (90, 60))
    video.add(seen(0.0, face("happy")), FRAME, blur=True)
    (change,) = video.tracks[0].pictures
    pixels = np.asarray(change.face)
    middle = pixels[len(pixels) // 2 - 10 : len(pixels) // 2 + 10, 20:35]
    assert len(np.unique(middle.reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.0], [5.0, 4.0, 3.0], [0.0, 100.0, 100.04]])
def test_odd_times(times: list[float], tmp_path: Path) -> None:
    made = Timeline(EMOTIONS)
    for time in times:
        made.add(seen(time, face("happy")), FRAME)
    made.add(seen(0.0, source="empty.mp4"), FRAME)
    made.skip("broken.mp4: no frame")
    made.write(tmp_path / "report.html", {})
    page = (tmp_path / "report.html").read_text()
    assert "Faces in 2 videos" in page and "No face was found" in page and "no frame" in page


def test_without_a_video(tmp_path: Path) -> None:
    Timeline(EMOTIONS).write(tmp_path / "report.html", {})
    assert "no frame was read" in (tmp_path / "report.html").read_text()


def test_small_parts() -> None:
    assert area({}) == "" and area({0: 20.0, 1: 20.0, 2: 50.0, 5: 0.0}) == (
        "M0 100V20H2V50H3V100ZM5 100V0H6V100Z"
    )
    assert [clock(s) for s in (0, 65.9, 3725)] == ["00:00", "01:05", "1:02:05"]
    assert all(len(ticks(end)) <= timeline.TICKS for end in (0.1, 1, 29.9, 60, 3600, 90_000))
    one = {0: np.array([1.0]), 1: np.array([2.0]), 5: np.array([4.0])}
    assert halved(one) == {0: np.array([3.0]), 2: np.array([4.0])}
