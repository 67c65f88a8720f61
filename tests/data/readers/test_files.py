"""The files of a folder, and the same in archives of each kind, alone or in a folder."""

import io
import tarfile
import zipfile

import pytest

from fer.common.errors import InputError
from fer.data.readers.files import files_of

CONTENT = {"b/2.txt": b"two", "a/1.txt": b"one", "a/10.txt": b"ten"}
NAMES = ("a/1.txt", "a/10.txt", "b/2.txt")
JUNK = {"__MACOSX/a/._1.txt": b"x", ".hidden": b"x", "a/.DS_Store": b"x"}


def write(path, content, *, start=""):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/", b"")
            for name, data in content.items():
                archive.writestr(start + name, data)
    elif ".tar" in path.name or path.suffix == ".tgz":
        kind = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
        with tarfile.open(path, f"w:{kind}") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(start + name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    else:
        for name, data in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name", ["set", "set.zip", "set.tar", "set.tar.gz", "set.tgz", "set.tar.xz"]
)
def test_a_folder_and_its_archives_are_the_same(tmp_path, name):
    files = files_of(write(tmp_path / name, CONTENT | JUNK))
    assert files.names == NAMES
    assert list(files.contents(reversed(NAMES))) == [b"two", b"ten", b"one"]
    assert files.content("a/10.txt") == b"ten"


def test_names_that_open_with_a_dot(tmp_path):
    files = files_of(write(tmp_path / "set.tar", CONTENT, start="./"))
    assert files.names == NAMES and files.content("a/1.txt") == b"one"


def test_archives_in_a_folder_are_folders(tmp_path):
    write(tmp_path / "val.tar", {"0.jpg": b"v"})
    write(tmp_path / "train.zip", {"0.jpg": b"t"})
    files = files_of(tmp_path)
    assert files.names == ("train/0.jpg", "val/0.jpg")
    assert list(files.contents(files.names)) == [b"t", b"v"]
    write(tmp_path, {"train/1.jpg": b"o"})  # then they are files as others
    assert files_of(tmp_path).names == ("train/1.jpg", "train.zip", "val.tar")
    assert files_of(tmp_path).content("train/1.jpg") == b"o"


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz"])
def test_broken_archives_and_other_files_are_one_line(tmp_path, name):
    path = write(tmp_path / name, {name: bytes(range(256)) * 40 for name in NAMES})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{name}: a broken archive"):
        files_of(path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match=f"{name}: expected a folder, zip or tar"):
        files_of(path)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    path = write(tmp_path / "set.zip", CONTENT)
    damaged = path.read_bytes().replace(b"ten", b"net", 1)
    path.write_bytes(damaged)
    one, ten = files_of(path).contents(NAMES[:2])
    assert one == b"one" and isinstance(ten, ValueError)
    with pytest.raises(InputError, match="set.zip/a/10.txt: "):
        files_of(path).content("a/10.txt")
