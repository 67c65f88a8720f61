"""What a user types or passes becomes sources, in an order that people expect."""

import io
import os
import sys

import numpy as np
import pytest
from PIL import Image

from fer.common.errors import InputError
from fer.inference.pictures import Unreadable, read
from fer.inference.sources import expand, format_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with pictures, videos, junk and other files, all but two of them empty."""
    monkeypatch.chdir(tmp_path)
    names = (
        "photos/10.jpg photos/2.JPG photos/b/1.png photos/.hidden.jpg photos/.git/a.jpg "
        "photos/.DS_Store photos/Thumbs.db photos/__MACOSX/._2.jpg photos/__MACOSX/2.jpg "
        "photos/notes.txt photos/film.mp4 photos/ähnlich.webp notes/a.txt"
    )
    for name in names.split():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    Image.new("L", (4, 4)).save("photos/without_suffix", "PNG")
    (tmp_path / "photos" / "film.part").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2")
    return tmp_path


FOUND = (
    "photos/2.JPG photos/10.jpg photos/b/1.png photos/film.mp4 photos/film.part "
    "photos/without_suffix photos/ähnlich.webp"
).split()


def names(given, **options) -> list[str]:
    return [source.name for source in expand(given, **options)]


def test_a_folder_gives_pictures_and_videos_in_natural_order(here):
    found = list(expand("photos"))
    assert [source.name for source in found] == FOUND
    kinds = {source.name: source.kind for source in found}
    assert kinds["photos/film.mp4"] == kinds["photos/film.part"] == "video"
    assert sorted(kinds.values()).count("picture") == 5


def test_a_folder_is_named_as_it_was_given(here):
    assert names(here / "photos") == [str(here / name) for name in FOUND]
    assert names("photos/") == FOUND
    assert names("./photos/b") == ["./photos/b/1.png"]


@pytest.mark.parametrize("loop", ["photos/b/up", "photos/b/self"])
def test_links_in_a_circle_end(here, loop):
    (here / loop).symlink_to(here / ("photos" if loop.endswith("up") else "photos/b"))
    assert names("photos") == FOUND


def test_a_broken_link_in_a_folder_is_named(here):
    (here / "photos" / "b" / "gone.jpg").symlink_to("nowhere")
    (here / "photos" / "b" / "gone").symlink_to("nowhere")
    source = next(source for source in expand("photos") if "gone" in source.name)
    with pytest.raises(Unreadable, match="photos/b/gone.jpg: a link to nowhere"):
        list(read(source))


def test_a_folder_that_may_not_be_read_is_named(here, monkeypatch):
    listdir = os.listdir

    def refuse(folder):
        if folder.endswith("b"):
            raise PermissionError(13, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    source = next(source for source in expand("photos") if source.name == "photos/b")
    with pytest.raises(Unreadable, match="photos/b: a folder"):
        list(read(source))


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("photos/*.jpg", ["photos/10.jpg"]),
        ("photos/*", [name for name in FOUND if "/b/" not in name] + ["photos/b/1.png"]),
        ("**/*.png", ["photos/b/1.png"]),
        ("photos/**", FOUND),
        ("photos/[12]*", ["photos/2.JPG", "photos/10.jpg"]),
        ("photos/__MACOSX/*", ["photos/__MACOSX/2.jpg"]),
    ],
)
def test_patterns(here, pattern, found):
    assert sorted(names(pattern)) == sorted(found)


def test_a_name_that_looks_like_a_pattern_comes_first(here):
    for name in ("photos/a[1].jpg", "photos/a1.jpg", "photos/*.jpg"):
        (here / name).touch()
    assert names("photos/a[1].jpg") == ["photos/a[1].jpg"]
    assert names("photos/*.jpg") == ["photos/*.jpg"]


def test_a_list_looks_in_the_working_folder_and_then_next_to_itself(here):
    (here / "photos" / "list.txt").write_text(
        "\ufeffphotos/2.JPG\r\n\n10.jpg\nphotos/b\nmissing.jpg\n" + str(here / "photos/2.JPG"),
        encoding="utf-8",
    )
    sources = list(expand("@photos/list.txt"))
    assert [source.name for source in sources] == [
        "photos/2.JPG",
        "photos/10.jpg",
        "photos/b/1.png",
        "missing.jpg",
        str(here / "photos/2.JPG"),
    ]
    with pytest.raises(Unreadable, match="missing.jpg: no such file"):
        list(read(sources[3]))


def test_stdin_is_read_as_the_sources_are_used(here):
    def lines():
        yield "photos/2.JPG\n"
        yield "notes/missing.jpg\n"
        pytest.fail("read too early")

    sources = expand("-", stdin=lines())
    assert next(sources).name == "photos/2.JPG"
    assert next(sources).name == "notes/missing.jpg"


def test_the_stdin_of_the_process(here, monkeypatch):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO("photos/ähnlich.webp\n".encode()))
    )
    assert names(["-"]) == ["photos/ähnlich.webp"]


def test_a_number_is_a_camera_unless_a_file_has_that_name(here):
    for given in (0, "0", np.int64(0)):
        (source,) = expand(given)
        assert (source.name, source.kind, source.content) == ("camera 0", "camera", 0)
    (here / "0").touch()
    assert next(expand("0")).kind == "picture"
    assert next(expand(0)).kind == "camera"


def test_a_list_of_anything_keeps_its_order(here):
    image = Image.new("L", (4, 4))
    found = list(expand(["photos/2.JPG", np.zeros((4, 4)), here / "photos/b", 1, image]))
    assert [source.kind for source in found] == ["picture", "memory", "picture", "camera", "memory"]
    assert [found[1].name, found[4].name] == ["picture 0", "picture 1"]


@pytest.mark.parametrize(
    "given, words",
    [
        ("nowhere.jpg", "nowhere.jpg: no such file"),
        ("nowhere/*.jpg", r"nowhere/\*.jpg: no picture"),
        ("notes", "notes: a folder without pictures"),
        (["photos/2.JPG", "nowhere.jpg"], "nowhere.jpg"),
        ("https://example.org/a.jpg", "not fetched"),
        ("rtsp://camera/1", "not fetched"),
        ("@nowhere.txt", "nowhere.txt: No such file"),
        ("@notes/a.txt", "notes/a.txt: no path"),
        ("", "expected a path"),
        ([], "an empty list"),
        (-1, "camera -1"),
        (True, "bool"),
        (None, "NoneType"),
        (1.5, "float"),
        ([["photos"]], "list"),
        ({"a": 1}, "dict"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.zeros((2, 3, 4, 5)), "shape"),
    ],
)
def test_what_is_no_source_is_refused_at_once_in_one_line(here, given, words):
    with pytest.raises(InputError, match=words) as caught:
        expand(given)
    assert "\n" not in str(caught.value)


def test_an_empty_stdin_is_said(here):
    with pytest.raises(InputError, match="stdin: no path"):
        expand("-", stdin=[])


def test_a_pipe_is_refused(here):
    os.mkfifo("pipe.jpg")
    with pytest.raises(InputError, match="pipe.jpg: not a file"):
        expand("pipe.jpg")


@pytest.mark.parametrize(
    "head, found",
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ("picture", "HEIC")),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", ("picture", "AVIF")),
        (b"\0\0\0\x18ftypqt  \0\0\0\0qt  ", ("video", "QuickTime")),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A ", None),
        (b"RIFF\0\0\0\0AVI LIST", ("video", "AVI")),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"BMW and other cars, a text", None),
        (b"P5 is no picture", None),
        (b"P5\n64 48\n255\n", ("picture", "PNM")),
        (b"", None),
    ],
)
def test_formats_by_content(head, found):
    assert format_of(head) == found
