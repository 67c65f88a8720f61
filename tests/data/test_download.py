"""`fer fetch` against a server of our own that serves well, badly, half and not at all."""

import gzip
import hashlib
import http.server
import io
import re
import socket
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator

import pytest

from fer.cli import fetch as command
from fer.data import download

CSV = b"emotion,pixels,Usage\n" + b"".join(
    b"%d,%s,Training\n" % (k % 7, b" ".join(b"%d" % (k * j % 256) for j in range(500)))
    for k in range(600)
)
MD5, SHA256 = hashlib.md5(CSV).hexdigest(), hashlib.sha256(CSV).hexdigest()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "faces")
        archive.writestr(name, CSV)
    return file.getvalue()


def tarred(name: str, mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        folder = tarfile.TarInfo("fer2013")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo(name)
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return file.getvalue()


SERVED = {
    "/fer2013.csv": CSV,
    "/fer2013.csv.gz": gzip.compress(CSV),
    "/fer2013.csv.zip": zipped("fer2013.csv"),
    "/fer2013.tar.gz": tarred("fer2013/fer2013.csv"),
    "/fer2013.tar": tarred("fer2013/fer2013.csv", "w"),
    "/download?id=7": zipped("data/fer2013.csv"),  # known by its content, not by its name
    "/other.csv": CSV.replace(b"Training", b"training"),
    "/page.html": b"<html>Please log in</html>",
    "/other.zip": zipped("train.csv"),
    "/other.tar.gz": tarred("train.csv"),
    "/cut.zip": zipped("fer2013.csv")[:5000],
    "/cut.tar.gz": tarred("fer2013.csv")[:5000],
    "/cut.csv.gz": gzip.compress(CSV)[:5000],
    "/bad.csv.gz": gzip.compress(CSV)[:-8] + bytes(8),
}
GOOD = [path for path in SERVED if path.startswith(("/fer2013", "/download"))]


class Handler(http.server.BaseHTTPRequestHandler):
    """/cut/N/PATH breaks off the first N answers in their middle."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        cut = re.match(r"/cut/(\d+)(/.*)", self.path)
        path = cut[2] if cut else self.path
        content = SERVED.get(path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if cut and self.asked.count(self.path) <= int(cut[1]):
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch) -> None:
    Handler.asked = []
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def run(capfd, *words: str) -> tuple[int, str]:
    """The status of `fer fetch fer2013 ...` and what it says on stderr."""
    status = command.main(["fer2013", *words])
    return status, capfd.readouterr().err


@pytest.mark.parametrize("path", GOOD)
def test_a_csv_is_fetched_however_it_is_packed(server, tmp_path, capfd, path):
    folder = tmp_path / "new" / "data"
    status, said = run(capfd, "--to", str(folder), "--url", server + path, "--md5", MD5)
    assert (status, said) == (0, "")
    assert [file.name for file in folder.iterdir()] == ["fer2013.csv"]
    assert (folder / "fer2013.csv").read_bytes() == CSV


def test_it_goes_where_fer2013_looks(server, tmp_path, capfd, monkeypatch):
    words = ("--url", f"{server}/fer2013.tar.gz", "--sha256", SHA256.upper())
    monkeypatch.setenv("FER_DATA_DIR", str(tmp_path / "one"))
    assert run(capfd, *words) == (0, "")
    monkeypatch.delenv("FER_DATA_DIR")
    monkeypatch.chdir(tmp_path)
    assert run(capfd, *words) == (0, "")
    for folder in ("one", "data"):
        assert (tmp_path / folder / "fer2013.csv").read_bytes() == CSV


def test_what_is_there_is_not_fetched_again_nor_overwritten(server, tmp_path, capfd):
    words = ("--to", str(tmp_path), "--url", f"{server}/fer2013.csv", "--md5")
    file = tmp_path / "fer2013.csv"
    file.write_bytes(CSV)
    assert run(capfd, *words, MD5) == (0, "")
    file.write_bytes(b"mine")
    status, said = run(capfd, *words, MD5)
    mine = hashlib.md5(b"mine").hexdigest()
    assert status == 1 and said.count("\n") == 1
    assert f"{file}: exists with md5 {mine}, expected {MD5};" in said
    assert file.read_bytes() == b"mine" and Handler.asked == []


@pytest.mark.parametrize("path", ["/fer2013.csv", "/fer2013.tar.gz"])
def test_a_cut_connection_is_tried_again(server, tmp_path, capfd, path):
    words = ("--to", str(tmp_path), "--url", f"{server}/cut/2{path}", "--md5", MD5)
    assert run(capfd, *words) == (0, "")
    assert len(Handler.asked) == 3
    assert (tmp_path / "fer2013.csv").read_bytes() == CSV


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/cut/99/fer2013.csv", "the connection broke; name another address with --url, or"),
        ("/none.csv", "the server answered 404 Not Found; name another address with --url, or get"),
        ("/other.csv", f"fer2013.csv has md5 .{{32}}, expected {MD5}$"),
        ("/page.html", f"fer2013.csv has md5 .{{32}}, expected {MD5}$"),
        ("/other.zip", "no fer2013.csv in the archive, which has readme.txt, train.csv$"),
        ("/other.tar.gz", "no fer2013.csv in the archive, which has train.csv$"),
        ("/cut.zip", "a damaged archive$"),
        ("/cut.tar.gz", "a damaged archive$"),
        ("/cut.csv.gz", "a damaged archive$"),
        ("/bad.csv.gz", "a damaged archive$"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(server, tmp_path, capfd, path, line):
    status, said = run(capfd, "--to", str(tmp_path), "--url", server + path, "--md5", MD5)
    assert status == 1 and said.count("\n") == 1
    assert re.search(f"^fer: {re.escape(server + path)}: {line}", said), said
    assert list(tmp_path.iterdir()) == []
    tries = 1 + download.RETRIES if "/cut/" in path or "none" in path else 1
    assert len(Handler.asked) == tries


def test_no_server_is_one_line(tmp_path, capfd):
    with socket.socket() as taken:  # bound, but not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/fer2013.csv"
        status, said = run(capfd, "--to", str(tmp_path), "--url", url)
    assert status == 1 and said.count("\n") == 1
    assert said.startswith(f"fer: {url}: no server answered; name another address with --url, or")
    assert "Kaggle" in said and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(server, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    words = ("--url", f"{server}/fer2013.csv", "--to", str(tmp_path / "file" / "data"))
    status, said = run(capfd, *words)
    assert status == 1 and said == f"fer: {tmp_path}/file/data: Not a directory\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["fer2014"], "fer fetch: argument dataset: invalid choice: 'fer2014'"),
        (["fer2013", "--url", "fer2013.csv"], "--url: 'fer2013.csv', expected an address http://"),
        (["fer2013", "--md5", "12"], "--md5: '12', expected 32 hexadecimal digits"),
        (["fer2013", "--sha256", MD5], f"--sha256: '{MD5}', expected 64 hexadecimal digits"),
        (
            ["fer2013", "--md5", MD5, "--sha256", SHA256],
            "fer fetch: argument --sha256: not allowed",
        ),
    ],
)
def test_a_wrong_command_is_one_line(capfd, words, line):
    assert command.main(words) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"fer: {line}") and said.count("\n") == 1
