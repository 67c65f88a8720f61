"""A csv in an archive is the csv itself; archives that are broken or hold something else."""

import bz2
import gzip
import lzma
import tarfile
import zipfile

import pytest

from fer.common.errors import InputError
from fer.data.readers.fer2013_csv import read_csv


def zipped(path, files: dict) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in files.items():
            archive.write(source, name)


def tarred(path, files: dict) -> None:
    kind = next((kind for kind in ("gz", "bz2", "xz") if path.name.endswith(kind)), "")
    with tarfile.open(path, f"w:{kind}") as archive:
        for name, source in files.items():
            archive.add(source, name)


def compressed(path, files: dict) -> None:
    (source,) = files.values()
    by = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[path.suffix]
    path.write_bytes(by.compress(source.read_bytes()))


ARCHIVES = {
    "faces.zip": zipped,
    "faces.tar": tarred,
    "faces.tar.gz": tarred,
    "faces.tgz": tarred,
    "faces.csv.gz": compressed,
    "faces.csv.bz2": compressed,
    "faces.csv.xz": compressed,
    "faces.tar.xz": tarred,
    "whatever.csv": zipped,  # the content tells what a file is, not its name
}


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "readme.csv"
    path.write_text("name,value\na,1\n")
    return path


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_read_as_the_csv_in_it(sixty, same, tmp_path, name):
    path = tmp_path / name
    ARCHIVES[name](path, {"fer2013/fer2013.csv": sixty.csv})
    faces = read_csv(path)
    same(faces)
    assert faces.source == str(path) and faces.notes == ()
    assert list(tmp_path.iterdir()) == [path]  # nothing unpacked beside it


@pytest.mark.parametrize("name", ["faces.zip", "faces.tar.gz"])
def test_the_whole_set_is_taken_before_parts_of_it(sixty, same, tmp_path, other, name):
    train = tmp_path / "train.csv"
    sixty.table[["emotion", "pixels"]].to_csv(train, index=False)
    path = tmp_path / name
    for files in (
        {"readme.csv": other, "train.csv": train, "icml_face_data.csv": sixty.csv},
        {"readme.csv": other, "mine.csv": sixty.csv},
        {"mine.csv": sixty.csv, "notes/readme.txt": other},
    ):
        ARCHIVES[name](path, files)
        same(read_csv(path))


@pytest.mark.parametrize("name", ["faces.zip", "faces.tar", "faces.tar.gz"])
def test_no_csv_or_several_are_one_line(sixty, tmp_path, other, name):
    path = tmp_path / name
    ARCHIVES[name](path, {"a.csv": sixty.csv, "b/c.csv": sixty.csv})
    with pytest.raises(InputError, match="several .*: a.csv, b/c.csv;"):
        read_csv(path)
    ARCHIVES[name](path, {"readme.csv": other, "d/data.txt": sixty.csv})
    with pytest.raises(InputError, match="no csv .* readme.csv, d/data.txt;"):
        read_csv(path)


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
def test_a_truncated_archive_is_one_line(sixty, tmp_path, name, part):
    path = tmp_path / name
    ARCHIVES[name](path, {"fer2013.csv": sixty.csv})
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError) as fault:
        read_csv(path)
    text = str(fault.value)
    assert text.startswith(f"{path}: a broken archive (")
    assert "\n" not in text


def test_a_damaged_byte_is_found(sixty, tmp_path):
    for name in ("faces.zip", "faces.csv.gz", "faces.csv.bz2", "faces.csv.xz"):
        path = tmp_path / name
        ARCHIVES[name](path, {"fer2013.csv": sixty.csv})
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
        with pytest.raises(InputError):
            read_csv(path)


def test_a_bad_row_names_archive_and_member(sixty, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text(sixty.csv.read_text() + "9,1 2 3,Training\n")
    path = tmp_path / "faces.zip"
    zipped(path, {"set/fer2013.csv": bad})
    with pytest.raises(InputError) as fault:
        read_csv(path)
    assert str(fault.value) == f"{path}:set/fer2013.csv line 62: emotion '9', expected 0 to 6"


@pytest.mark.parametrize(
    ("magic", "kind"), [(b"Rar!\x1a\x07\x01\x00", "rar"), (b"7z\xbc\xaf\x27\x1c", "7z")]
)
def test_an_archive_that_python_cannot_open_is_named(tmp_path, magic, kind):
    path = tmp_path / "faces.csv"
    path.write_bytes(magic + bytes(300))
    with pytest.raises(InputError, match=f"faces.csv: a {kind} archive.*unpack"):
        read_csv(path)
