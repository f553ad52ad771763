"""Downloads, against a server on this machine: mirrors, checks, atomic writes, one clear error."""

import hashlib
import http.server
import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minigrad.data import download, load
from minigrad.data.download import DownloadError, fetch, unpack
from minigrad.data.sources import SOURCES, Source
from tests.data.test_files import line, start

BODY = bytes(range(256)) * 1000


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """`files` are served, from `url`; those in `stalled` stop half-way, those in
    `dripping` after a byte; `asked` logs requests."""
    release = threading.Event()
    state = SimpleNamespace(files={}, stalled=set(), dripping=set(), length={}, asked=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            if (length := state.length.get(self.path, len(body))) is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.path in state.stalled | state.dripping:
                self.wfile.write(body[: len(body) // 2 if self.path in state.stalled else 1])
                self.wfile.flush()
                release.wait(20)
                return
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("no_proxy", "*")
        state.url = f"http://127.0.0.1:{httpd.server_port}"
        yield state
        release.set()
        httpd.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test, and no other place where data could be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    return tmp_path / "cache" / "minigrad"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_second_mirror_is_asked_when_the_first_fails(server, tmp_path):
    server.files = {"/bad/x": b"something else", "/good/x": BODY}
    urls = [server.url + path for path in ("/none/x", "/bad/x", "/good/x", "/late/x")]
    fetch(urls, tmp_path / "x", sha256(BODY))
    assert (tmp_path / "x").read_bytes() == BODY
    assert names(tmp_path) == ["x"]
    assert server.asked == ["/none/x", "/bad/x", "/good/x"]


def test_every_mirror_failing_is_one_error_that_says_why(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.files = {"/wrong/x": b"abc", "/cut/x": BODY[:100], "/stalled/x": BODY}
    server.length = {"/cut/x": len(BODY)}
    server.stalled = {"/stalled/x"}
    (tmp_path / "x").write_bytes(b"old")
    urls = [server.url + path for path in ("/none/x", "/wrong/x", "/cut/x", "/stalled/x")]
    urls.append("http://127.0.0.1:1/x")
    with pytest.raises(DownloadError) as error:
        fetch(urls, tmp_path / "x", sha256(BODY))
    none, wrong, cut, stalled, refused = error.value.failures
    assert none == f"{urls[0]}: HTTP Error 404: Not Found"
    assert f"{urls[1]}: wrong SHA-256: got {sha256(b'abc')} (3 bytes), expected" in wrong
    assert "(100 bytes of 256,000)" in cut
    assert stalled == f"{urls[3]}: timed out"
    assert "Connection refused" in refused
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    asked = threading.Event()
    hang = threading.Event()

    def urlopen(request: object, timeout: float) -> None:
        asked.set()
        hang.wait(20)  # as a look-up of a name does, which no timeout of urlopen's covers
        raise OSError("too late")

    monkeypatch.setattr(download.urllib.request, "urlopen", urlopen)
    with pytest.raises(DownloadError, match=r"^http://x/y: no answer within 0.2 seconds$"):
        fetch(["http://x/y"], tmp_path / "y", sha256(b""))
    assert asked.is_set()
    hang.set()


def test_without_tqdm_a_line_is_printed(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    server.files = {"/x": BODY}
    fetch([server.url + "/x"], tmp_path / "x", sha256(BODY))
    assert capsys.readouterr().err == "downloading x (256,000 bytes)\n"


@pytest.mark.parametrize("total", [0, len(BODY)])
def test_a_bar_knows_how_much_there_is_to_come(server, tmp_path, monkeypatch, total):
    """Where the server does not say, it has no end to show."""
    bars = []

    class Bar:
        def __init__(self, **options: object) -> None:
            self.options, self.done = options, 0
            bars.append(self)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, n: int) -> None:
            self.done += n

    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=Bar))
    server.files = {"/x": BODY}
    server.length = {"/x": total or None}
    fetch([server.url + "/x"], tmp_path / "x", sha256(BODY))
    (bar,) = bars
    assert bar.done == len(BODY)
    assert bar.options["total"] == (total or None)
    assert (bar.options["desc"], bar.options["unit"]) == ("x", "B")


def test_a_mirror_that_sends_a_byte_now_and_then_is_given_up(server, tmp_path, monkeypatch):
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(download, "time", SimpleNamespace(monotonic=lambda: next(hours)))
    server.files = {"/x": BODY}
    server.dripping = {"/x"}
    with pytest.raises(DownloadError, match=r"/x: too slow: 1 bytes in 3600 seconds$"):
        fetch([server.url + "/x"], tmp_path / "x", sha256(BODY))
    assert names(tmp_path) == []


def test_a_mirror_that_sends_too_much_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST", 100_000)
    server.files = {"/x": BODY}
    with pytest.raises(DownloadError, match=r"/x: too large: more than 100,000 bytes$"):
        fetch([server.url + "/x"], tmp_path / "x", sha256(BODY))
    assert names(tmp_path) == []


def tar_gz(members: dict[str, bytes], links: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return packed.getvalue()


def test_unpack_ignores_paths_links_and_what_was_not_asked_for(tmp_path):
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    members = {"deep/a": b"A", "../../b": b"B", "/c": b"C", "deep/other": b"no", "e": b""}
    archive = io.BytesIO(tar_gz(members, {"d": "/etc/passwd"}))
    unpack(archive, folder, {"a", "b", "c", "d", "e"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "a": b"A",
        "b": b"B",
        "c": b"C",
        "e": b"",
    }
    assert names(tmp_path) == ["in"] and names(tmp_path / "in") == ["here"]


def serve_amat(server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (b" ".join([b"0", b"1"] * 392) + b"\n") * 2
    name = "binarized_mnist_valid.amat"
    server.files = {f"/{name}": body}
    source = replace(
        SOURCES["binarized-mnist"],
        mirrors=(f"{server.url}/none/", f"{server.url}/"),
        sha256={name: sha256(body)},
        unpacked={name: sha256(body)},
        sizes={"valid": 2},
    )
    monkeypatch.setitem(SOURCES, "binarized-mnist", source)


def test_load_downloads_to_the_cache_once(server, cache, tmp_path, monkeypatch):
    serve_amat(server, monkeypatch)
    data = load("binarized-mnist", "valid", data_dir=tmp_path / "elsewhere")
    assert repr(data) == "ImageDataset(binarized-mnist/valid: 2 images of 1x28x28)"
    assert np.array_equal(data[0][0].ravel(), np.tile(np.float32([0, 1]), 392))
    assert names(cache / "binarized-mnist") == ["binarized_mnist_valid.amat"]
    assert len(server.asked) == 2
    load("binarized-mnist", "valid")
    assert len(server.asked) == 2


RECORDS = {
    f"{name}.bin": bytes([3]) + bytes(3072)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
}


def serve_cifar(server: SimpleNamespace) -> Source:
    archive = tar_gz({f"cifar-10-batches-bin/{name}": raw for name, raw in RECORDS.items()}, {})
    server.files = {"/cifar-10-binary.tar.gz": archive}
    return cifar_of(server.url, archive)


def cifar_of(url: str, archive: bytes) -> Source:
    """CIFAR-10 with an image in each file."""
    return replace(
        SOURCES["cifar-10"],
        mirrors=(f"{url}/",),
        sha256={"cifar-10-binary.tar.gz": sha256(archive)},
        unpacked={name: sha256(raw) for name, raw in RECORDS.items()},
        sizes={"train": 5, "test": 1},
    )


def test_load_unpacks_an_archive(server, cache, monkeypatch):
    monkeypatch.setitem(SOURCES, "cifar-10", serve_cifar(server))
    assert load("cifar-10").labels.tolist() == [3] * 5
    assert len(load("cifar-10", "test")) == 1
    assert server.asked == ["/cifar-10-binary.tar.gz"]
    assert names(cache / "cifar-10") == sorted(RECORDS)


_LOADER = """
import json, sys
from dataclasses import replace
from minigrad.data import load
from minigrad.data.files import _download_missing
from minigrad.data.sources import SOURCES, Source
from tests.data.test_files import line, start
print("ready", flush=True)
sys.stdin.readline()
SOURCES["cifar-10"] = replace(SOURCES["cifar-10"], **json.loads(sys.argv[1]))
print(len(load("cifar-10")), len(load("cifar-10", "test")))
"""


@pytest.mark.slow
def test_four_processes_with_one_cache_download_once(server, cache):
    source = serve_cifar(server)
    fields = ("mirrors", "sha256", "unpacked", "sizes")
    argument = json.dumps({name: getattr(source, name) for name in fields})
    with ExitStack() as stack:
        processes = [stack.enter_context(start(_LOADER, argument)) for _ in range(4)]
        assert [line(process) for process in processes] == ["ready"] * 4
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        ended = [process.communicate() for process in processes]
    assert [out for out, _ in ended] == ["5 1\n"] * 4, ended
    assert server.asked == ["/cifar-10-binary.tar.gz"]
    assert names(cache / "cifar-10") == sorted(RECORDS)


_FETCHER = """
import sys
from pathlib import Path
from minigrad.data.download import fetch
fetch([sys.argv[1]], Path(sys.argv[2]), "")
"""


@pytest.mark.slow
def test_what_a_killed_download_left_is_gone_after_the_next(server, tmp_path):
    server.files = {"/x": BODY}
    server.stalled = {"/x"}
    with start(_FETCHER, f"{server.url}/x", tmp_path / "x") as process:
        while not names(tmp_path):
            assert process.poll() is None
        process.kill()
    assert names(tmp_path)[0].endswith(".part")
    server.stalled.clear()
    fetch([f"{server.url}/x"], tmp_path / "x", sha256(BODY))
    assert names(tmp_path) == ["x"]


def test_what_a_killed_download_left_is_gone_after_the_next_load(cache):
    left = cache / "mnist" / ".train-images-idx3-ubyte.gz.0123456789abcdef.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with pytest.raises(FileNotFoundError):
        load("mnist", download=False)
    assert names(left.parent) == []


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", list(SOURCES))
def test_no_network_is_one_error_that_says_what_is_wanted_where(
    name, split, cache, tmp_path, monkeypatch
):
    mirrors = ("http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], mirrors=mirrors))
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "env"))
    with pytest.raises(FileNotFoundError) as error:
        load(name, split, data_dir=tmp_path / "mine")
    text = str(error.value)
    assert text.startswith(f"the files of {name} ({split}) were not found")
    for files in SOURCES[name].files[split]:
        assert f"\n  {files[0]} (or {', '.join(files[1:])})\n" in text
    wanted = len(SOURCES[name].files[split])
    assert f"\n  {tmp_path / 'mine'}: has 0 of {wanted}\n" in text
    assert f"\n  {tmp_path / 'mine' / name}: no such folder\n" in text
    assert f"\n  {tmp_path / 'env' / name}: no such folder\n" in text
    assert f"\n  {cache / name}: has 0 of {wanted}\n" in text
    for mirror in mirrors:
        assert text.count(f"\n  {mirror}") == 1
    assert text.count("Connection refused") == 2
    assert "\nDownloading them failed:\n" in text
    assert text.endswith("'glyphs' and 'faces' are drawn and need no files.")


def test_a_cache_that_cannot_be_written_is_named(cache, tmp_path):
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    with pytest.raises(FileNotFoundError, match=f"cannot write to {cache / 'mnist'}: "):
        load("mnist")


def test_downloading_can_be_turned_off(server, cache, monkeypatch):
    serve_amat(server, monkeypatch)
    with pytest.raises(FileNotFoundError, match="downloading was turned off"):
        load("binarized-mnist", "valid", download=False)
    assert server.asked == []
    assert not cache.exists()
