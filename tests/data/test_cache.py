"""The cache of parsed sets: read once, never stale, whole or absent, shared by processes."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from fer.common.errors import InputError
from fer.data.cache import cached
from fer.data.faces import Faces, pixel_hashes

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FER_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "faces.bin"
    path.write_bytes(bytes(range(8)))
    return path


def read(path: Path) -> Faces:
    """Each byte of the file makes a 2x2 face of that grey."""
    labels = np.frombuffer(path.read_bytes(), np.uint8)
    images = np.repeat(labels, 4).reshape(-1, 2, 2)
    return Faces(
        images=images,
        labels=labels.astype(np.int64),
        parts=np.full(len(labels), -1, np.int8),
        hashes=pixel_hashes(images),
        rows=np.arange(len(labels)),
        classes=("a", "b"),
        source=str(path),
    )


class Reader:
    """`read`, counting its calls."""

    calls = 0

    def __call__(self, path: Path) -> Faces:
        self.calls += 1
        return read(path)


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if path.name != "index")


def test_reads_once_and_gives_back_what_was_read(cache, source):
    reader = Reader()
    for _ in range(3):
        faces = cached(source, reader, reader="test1")
    assert reader.calls == 1
    expected = read(source)
    for name in ("images", "labels", "parts", "hashes", "rows"):
        found = getattr(faces, name)
        np.testing.assert_array_equal(found, getattr(expected, name))
        assert found.dtype == getattr(expected, name).dtype
    assert (faces.classes, faces.source) == (("a", "b"), str(source))
    assert isinstance(faces.images, np.memmap) and not faces.images.flags.writeable


def test_the_same_content_elsewhere_and_another_reader(cache, source, tmp_path):
    reader = Reader()
    cached(source, reader, reader="test1")
    copy = tmp_path / "copy.bin"
    copy.write_bytes(source.read_bytes())
    assert cached(copy, reader, reader="test1").source == str(copy)
    assert reader.calls == 1
    cached(source, reader, reader="test2")
    assert reader.calls == 2 and len(entries(cache)) == 2


def test_changed_content_is_read_anew(cache, source):
    reader = Reader()
    cached(source, reader, reader="test1")
    source.write_bytes(b"\x09\x08\x07")
    assert cached(source, reader, reader="test1").labels.tolist() == [9, 8, 7]
    assert reader.calls == 2


def test_same_size_and_restored_times_are_seen_through(cache, source):
    reader = Reader()
    cached(source, reader, reader="test1")
    before = source.stat()
    source.write_bytes(bytes(range(8, 0, -1)))
    after = before
    while after.st_ctime_ns == before.st_ctime_ns:  # some file systems' clocks tick every 4 ms
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = source.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert cached(source, reader, reader="test1").labels.tolist() == list(range(8, 0, -1))
    assert reader.calls == 2


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "words.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone"])
def test_a_damaged_entry_is_built_again(cache, source, name, damage):
    reader = Reader()
    cached(source, reader, reader="test1")
    (entry,) = entries(cache)
    if damage == "gone":
        (entry / name).unlink()
    else:
        content = (entry / name).read_bytes()
        (entry / name).write_bytes(content[: len(content) - 3] if damage == "cut" else b"")
    assert cached(source, reader, reader="test1").labels.tolist() == list(range(8))
    assert reader.calls == 2 and entries(cache) == [entry]
    cached(source, reader, reader="test1")
    assert reader.calls == 2


def test_a_damaged_index_is_made_again(cache, source):
    reader = Reader()
    cached(source, reader, reader="test1")
    (index,) = (cache / "index").iterdir()
    index.write_text("{")
    cached(source, reader, reader="test1")
    assert reader.calls == 1
    assert list((cache / "index").iterdir()) == [index] and index.stat().st_size > 1


def test_a_failing_read_leaves_no_entry(cache, source):
    def fail(path):
        raise InputError("line 3 is bad")

    with pytest.raises(InputError, match="^line 3 is bad$"):
        cached(source, fail, reader="test1")
    assert entries(cache) == []
    assert len(cached(source, read, reader="test1")) == 8


def test_a_failing_write_leaves_no_entry(cache, source, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(InputError, match="No space left on device.*FER_CACHE_DIR"):
            cached(source, read, reader="test1")
    assert entries(cache) == []


def test_an_entry_that_another_run_finished_meanwhile_stays(cache, source):
    def overtaken(path):
        cached(source, read, reader="test1")
        (made,) = entries(cache)
        inodes.append((made / "images.npy").stat().st_ino)
        return read(path)

    inodes: list[int] = []
    faces = cached(source, overtaken, reader="test1")
    (entry,) = entries(cache)
    assert (entry / "images.npy").stat().st_ino == inodes[0]
    assert faces.labels.tolist() == list(range(8))


def _run(source, barrier, results):
    def together(path):
        barrier.wait(timeout=300)  # neither stores before both have found nothing
        return read(path)

    results.put(cached(source, together, reader="test1").labels.tolist())


def test_two_processes_at_once(cache, source):
    barrier, results = FORK.Barrier(2), FORK.Queue()
    runs = [FORK.Process(target=_run, args=(source, barrier, results)) for _ in range(2)]
    for run in runs:
        run.start()
    found = [results.get(timeout=300) for _ in runs]
    for run in runs:
        run.join(timeout=300)
    assert [run.exitcode for run in runs] == [0, 0]
    assert found == [list(range(8))] * 2
    assert len(entries(cache)) == 1


def test_a_cache_that_cannot_be_made_says_so(source, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_CACHE_DIR", str(source / "inside-a-file"))
    with pytest.raises(InputError, match="set FER_CACHE_DIR"):
        cached(source, read, reader="test1")
