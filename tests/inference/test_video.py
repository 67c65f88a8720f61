"""Frames of videos that the tests write, against the timestamps that PyAV reads."""

import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fer.common.errors import InputError
from fer.inference import video
from fer.inference.pictures import Unreadable
from fer.inference.sources import expand

av = pytest.importorskip("av")

SIZE = (64, 48)
MILLISECOND = Fraction(1, 1000)
UNEVEN = [0, 40, 80, 200, 210, 500, 540, 1000, 1033]  # milliseconds of frames at a varying rate
STEADY = list(range(0, 4000, 40))
CODECS = {"webm": "libvpx", "avi": "mjpeg"}


def write(path, times=STEADY, *, pictures=None, options=None):
    """A video with a frame at each of these milliseconds. Each frame is of one brighter grey."""
    codec = CODECS.get(path.suffix[1:], "libx264")
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec != "mjpeg":
            stream.time_base = stream.codec_context.time_base = MILLISECOND
        for number, at in enumerate(times):
            pixels = np.full((SIZE[1], SIZE[0], 3), 20 + number * 2 % 200, np.uint8)
            picture = pixels if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (
                (number, Fraction(1, 25)) if codec == "mjpeg" else (at, MILLISECOND)
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def times_by_pyav(path) -> list[float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            float((frame.pts - stream.start_time) * stream.time_base)
            for frame in container.decode(stream)
        ]


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    return write(tmp_path_factory.mktemp("video") / "steady.mp4")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "mov"])
@pytest.mark.parametrize("offset", [0, 5000])
def test_times_are_those_of_the_container(tmp_path, suffix, offset):
    path = write(tmp_path / f"a.{suffix}", [at + offset for at in UNEVEN])
    opened = video.frames(path)
    frames = list(opened)
    assert opened.note is None
    assert [picture.frame for picture in frames] == list(range(len(UNEVEN)))
    found = [picture.time for picture in frames]
    assert found == pytest.approx([at / 1000 for at in UNEVEN], abs=0.001)
    assert found == pytest.approx(times_by_pyav(path), abs=0.001)
    shades = [int(picture.pixels.mean()) for picture in frames]
    assert shades == pytest.approx([20 + number * 2 for number in range(len(UNEVEN))], abs=4)


def test_without_timestamps_the_frame_rate_counts(tmp_path):
    frames = list(video.frames(write(tmp_path / "a.avi")))
    assert [picture.time for picture in frames] == pytest.approx([at / 1000 for at in STEADY])


def test_pictures_are_rgb_and_say_where_they_are_from(tmp_path):
    red = np.zeros((len(UNEVEN), SIZE[1], SIZE[0], 3), np.uint8)
    red[..., 0] = 255
    path = write(tmp_path / "a.mp4", UNEVEN, pictures=red)
    picture = next(video.frames(path))
    assert picture.pixels.dtype == np.uint8 and picture.pixels.shape == (48, 64, 3)
    assert (picture.source, picture.size, picture.scale) == (str(path), SIZE, 1)
    assert picture.pixels[24, 32, 0] > 240 and picture.pixels[24, 32, 1:].max() < 16


def test_facts(steady):
    facts = video.facts(steady)
    assert (facts.count, facts.size) == (100, SIZE)
    assert facts.fps == pytest.approx(25) and facts.duration == pytest.approx(4)


def test_every_third_frame_keeps_its_number_and_time(steady):
    frames = list(video.frames(steady, every=3))
    assert [picture.frame for picture in frames] == list(range(0, 100, 3))
    assert [picture.time for picture in frames] == pytest.approx(np.arange(0, 4, 0.12))


def test_seconds_end_it_without_a_note(steady):
    frames = video.frames(steady, seconds=1)
    assert [picture.frame for picture in frames] == list(range(25))
    assert frames.note is None


def test_the_whole_video_has_no_note(steady):
    frames = video.frames(steady)
    assert len(list(frames)) == 100 and frames.note is None


def test_closed_before_its_end(steady):
    frames = video.frames(steady)
    next(frames)
    frames.close()
    assert list(frames) == []


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_are_turned_as_the_container_says(tmp_path, degrees):
    """A phone stores what its sensor saw, and a matrix that turns it clockwise."""
    upright = np.zeros((1, *((64, 48, 3) if degrees in (90, 270) else (48, 64, 3))), np.uint8)
    upright[:, :16, :16] = (255, 0, 0)
    stored = np.rot90(upright, degrees // 90, axes=(1, 2))
    path = turn(write(tmp_path / "a.mp4", [0], pictures=np.ascontiguousarray(stored)), degrees)
    (picture,) = video.frames(path)
    assert picture.pixels.shape == upright.shape[1:]
    assert picture.size == video.facts(path).size == (upright.shape[2], upright.shape[1])
    assert picture.pixels[6, 6, 0] > 200 and picture.pixels[-6, -6, 0] < 40
    assert picture.pixels[6, -6, 0] < 40 and picture.pixels[-6, 6, 0] < 40


def turn(path, degrees: int):
    """Write the rotation into the track header of an MP4 file."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: the matrix lies 40 bytes after the name
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one, last = 0x10000, 0x40000000
    matrix = (cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, last)
    content[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix, options", [("mp4", {"movflags": "faststart"}), ("mkv", {})])
def test_a_video_that_is_cut_short_ends_with_what_could_be_read(tmp_path, capfd, suffix, options):
    noise = np.random.default_rng(0).integers(0, 256, (100, 48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / f"a.{suffix}", pictures=noise, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames = video.frames(path)
    count = len(list(frames))
    assert 40 <= count <= 70
    assert f"ended after {count} of 100 announced frames" in frames.note
    assert "\n" not in frames.note and frames.note.startswith(str(path))
    assert capfd.readouterr() == ("", "")


def broken(tmp_path, name: str, steady):
    """A file that is no video."""
    path = tmp_path / name
    if name == "picture.mp4":
        Image.new("RGB", SIZE).save(path, "PNG")
    elif name == "sound.mp4":
        sound(path)
    elif name != "missing.mp4":
        path.write_bytes(
            {"empty.mp4": b"", "text.mp4": b"no video"}.get(name, steady.read_bytes()[:900])
        )
    return path


def sound(path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    "name, words",
    [
        ("missing.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("text.mp4", "no video"),
        ("start.mp4", "no video"),
        ("sound.mp4", "no video"),
        ("picture.mp4", "a PNG picture"),
    ],
)
def test_what_is_no_video_is_named_in_one_line(tmp_path, capfd, steady, name, words):
    path = broken(tmp_path, name, steady)
    for function in (video.frames, video.facts):
        with pytest.raises(Unreadable) as caught:
            function(path)
        assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_camera_that_is_not_there_is_named_in_one_line(capfd):
    with pytest.raises(Unreadable, match="^camera 99: not found"):
        video.frames(99)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name", ["with space.mp4", "顔.mp4", "a:b.mp4", "%03d.mp4", "a?b#c.mp4", "@a.mp4"]
)
def test_names_in_any_script(tmp_path, monkeypatch, steady, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(steady.read_bytes())
    for given in (name, f"./{name}"):
        (source,) = expand(given)
        assert next(video.frames(source.content)).source == source.name == given


@pytest.mark.parametrize("options", [{"every": 0}, {"seconds": 0}, {"seconds": float("nan")}])
def test_options_out_of_range_are_refused(steady, options):
    with pytest.raises(InputError, match=next(iter(options))):
        video.frames(steady, **options)


class FakeCamera:
    """A camera that sends three pictures."""

    left = 3

    def isOpened(self):
        return True

    def set(self, *_):
        return True

    def get(self, _):
        return 30.0

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        return True, np.zeros((48, 64, 3), np.uint8)

    def release(self):
        pass


def test_a_camera_is_timed_by_the_clock_and_says_that_it_ended(monkeypatch):
    monkeypatch.setattr("cv2.VideoCapture", lambda *_: FakeCamera())
    ticks = iter([100.0, 100.5, 102.0])
    monkeypatch.setattr(video.time, "monotonic", lambda: next(ticks))
    frames = video.frames(0)
    assert [(picture.source, picture.time) for picture in frames] == [
        ("camera 0", 0.0),
        ("camera 0", 0.5),
        ("camera 0", 2.0),
    ]
    assert frames.note == "camera 0: no further picture came after 2.0 s"
