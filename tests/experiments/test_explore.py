"""The explorer's server: its answers are the model's, and no request makes it fall over."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg
from demos import dcgan, gan, vae
from demos.common import cli
from demos.common.run import CommandError, Run
from demos.common.training import Trainer
from demos.explore import __main__ as explore
from demos.explore import checkpoint, examples, server
from demos.explore.api import API, opened
from demos.explore.server import Server
from minigrad import data
from models.likelihoods import LIKELIHOODS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


# ---- runs ----------------------------------------------------------------------------------------


def save_vae(folder: Path, *argv: str, likelihood: str = "") -> Path:
    """A run's folder with a checkpoint of a VAE that has not learned anything."""
    args = vae.parser().parse_args([*argv, "--hidden", "8"])
    usual = "gaussian" if args.dataset == "faces" else "bernoulli"
    args.likelihood = likelihood or usual
    state = {"args": cli.saved_arguments(args), "model": built(args, vae).state_dict()}
    Run(folder).save(state)
    return folder


def save_gan(folder: Path, program: Any, *argv: str) -> Path:
    args = program.parser().parse_args([*argv, "--noise", "3", "--conditional", "--r1", "0"])
    Run(folder).save(
        {"args": cli.saved_arguments(args), "gan": built(args, program, 10).state_dict()}
    )
    return folder


def built(args: Any, program: Any, *classes: int) -> Any:
    return program.build(args, checkpoint.SHAPES[args.dataset], *classes)


@pytest.fixture(scope="module", autouse=True)
def _few_images() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(examples, "COUNT", 200)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return save_vae(tmp_path_factory.mktemp("vae"), "--latent", "2")


@pytest.fixture(scope="module")
def api(run) -> API:
    return opened(run)


# ---- requests ------------------------------------------------------------------------------------


class Answer(NamedTuple):
    status: int
    content: bytes
    headers: Any

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.content)

    @property
    def error(self) -> str:
        assert list(self.json) == ["error"]
        return self.json["error"]


@contextmanager
def serving(api: API) -> Iterator[Server]:
    with Server(api, 0) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def served(api) -> Iterator[Server]:
    with serving(api) as found:
        yield found


def ask(
    served: Server,
    path: str,
    body: Any = None,
    method: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """The answer to a GET, or to a POST of what is JSON if it is not bytes."""
    sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    method = method or ("GET" if body is None else "POST")
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=30)
    try:
        connection.request(method, path, sent, {**kind, **(headers or {})})
        with connection.getresponse() as response:
            return Answer(response.status, response.read(), response.headers)
    finally:
        connection.close()


def raw(served: Server, request: bytes) -> bytes:
    """All that the server says to these bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.server_port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b""))


# ---- what it answers -----------------------------------------------------------------------------


def test_the_page_and_its_files(served):
    page = ask(served, "/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    named = re.findall(r'(?:href|src)="(/[^"]+)"', page.content.decode())
    assert {"/app.js", "/style.css", "/icon.svg"} <= set(named)
    imported = [
        f"/{name}"
        for file in server.PAGE.glob("*.js")
        for name in re.findall(r'from "\./([\w.]+)"', file.read_text("utf-8"))
    ]
    for path in {*named, *imported}:
        assert ask(served, path).status == 200, path


def test_the_page_asks_no_other_machine():
    for file in server.PAGE.iterdir():
        addresses = re.findall(r"https?://[\w./]+", file.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file


def test_the_model(served):
    assert ask(served, "/api/model").json == {
        "name": "VAE (mlp) of glyphs",
        "latent": 2,
        "channels": 1,
        "height": 28,
        "width": 28,
        "classes": [],
        "encodes": True,
        "reach": 3.0,
    }


def test_decoded_pixels_are_the_models(served, api):
    z = [[0.5, -1.25], [3, 0], [0, 100]]
    images = api.generator.model.decode(mg.tensor(z)).numpy()
    expected = np.rint(images * 255).astype(np.uint8)
    answer = ask(served, "/api/decode", {"z": z})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.content == expected.tobytes()
    assert len(set(expected.reshape(3, -1)[:, 0])) > 1


def test_colours_are_the_last_axis(tmp_path):
    api = opened(save_vae(tmp_path, "--dataset", "faces", "--latent", "2"))
    image = api.generator.model.decode(mg.tensor([[1.0, 2.0]])).numpy()[0]
    got = np.frombuffer(api.decode({"z": [[1, 2]]}), np.uint8).reshape(32, 32, 3)
    assert np.array_equal(got.transpose(2, 0, 1), np.rint(image * 255))


def test_the_posterior_is_the_encoders(served, api):
    x, _ = api.shown.images[5:6]
    mu, logvar = (t.detach() for t in api.generator.model.encoder(mg.tensor(x)))
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1)
    logits = api.generator.model.decoder(mu).detach().numpy().astype(np.float64)
    log_p = (x * logits - np.logaddexp(0, logits)).sum()
    pixels = (x[0, 0] * 255).round().astype(int).ravel().tolist()
    answer = ask(served, "/api/encode", {"pixels": pixels}).json
    assert list(answer) == ["mu", "std", "kl", "log_p"]
    assert answer["mu"] == mu.numpy()[0].tolist()
    assert answer["std"] == pytest.approx((logvar / 2).exp().numpy()[0].tolist(), rel=1e-6)
    assert answer["kl"] == pytest.approx(kl.numpy()[0].tolist(), rel=1e-3, abs=1e-6)
    assert answer["log_p"] == pytest.approx(log_p, rel=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood(tmp_path, likelihood):
    folder = save_vae(tmp_path, "--dataset", "faces", "--latent", "2", likelihood=likelihood)
    api = opened(folder)
    assert len(api.decode({"z": [[0, 0], [1, 2]]})) == 2 * 3 * 32 * 32
    assert np.isfinite(api.encode({"pixels": [100] * (3 * 32 * 32)})["log_p"])


def test_colours_go_in_as_they_come_out(tmp_path):
    api = opened(save_vae(tmp_path, "--dataset", "faces", "--latent", "3"))
    pixels = list(api.image({"index": 4}))
    mu = api.shown.mu[4].tolist()
    assert api.encode({"pixels": pixels})["mu"] == pytest.approx(mu, rel=1e-5, abs=1e-5)


def test_test_images(served):
    expected = data.load("glyphs", "test", limit=8).images[7]
    assert ask(served, "/api/image", {"index": 7}).content == expected.tobytes()


def test_codes_and_attributes(served, api):
    answer = ask(served, "/api/data").json
    images = data.load("glyphs", "test", limit=examples.COUNT)
    assert answer["count"] == len(images) == len(answer["codes"])
    assert answer["labels"] == images.labels.tolist()
    assert answer["classes"] == list("0123456789")
    assert answer["note"] == ""
    mu = np.array(answer["codes"])
    assert np.allclose(mu, api.shown.mu, atol=6e-4)
    found = {attribute["name"]: attribute for attribute in answer["attributes"]}
    assert {"3", "more slant", "more thickness"} <= set(found)
    assert "style" not in found and "digit" not in found
    has = images.labels == 3
    expected = api.shown.mu[has].mean(0) - api.shown.mu[~has].mean(0)
    assert found["3"]["direction"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert found["3"]["images"] == has.sum()


def test_attributes_of_faces():
    images = data.load("faces", "test", limit=200)
    found = examples.attributes(images)
    assert np.array_equal(found["glasses"], images.factors["glasses"] == 1)
    assert found["more smile"].sum() == 100
    assert images.factors["smile"][found["more smile"]].min() > np.median(images.factors["smile"])
    assert "more hair colour" in found
    assert "style" not in found


def test_an_attribute_of_all_or_none_is_left_out():
    images = data.load("glyphs", "test", limit=1)
    assert examples.attributes(images) == {}


def test_one_picture_after_another_on_one_connection(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.server_port, timeout=30)
    headers = {"Content-Type": "application/json"}
    for z in (0, 1, 101, 2):  # an error among them
        connection.request("POST", "/api/decode", json.dumps({"z": [[z, z]]}), headers)
        with connection.getresponse() as response:
            assert response.status == (400 if z == 101 else 200)
            response.read()
        assert connection.sock is not None
    connection.close()


@pytest.mark.parametrize("program", [gan, dcgan], ids=["gan", "dcgan"])
def test_a_gan_with_labels(tmp_path, program):
    small = ("--hidden", "8") if program is gan else ("--width", "2")
    api = opened(save_gan(tmp_path, program, *small))
    assert api.model()["classes"] == tuple("0123456789")
    assert api.model()["latent"] == 3
    assert not api.model()["encodes"]
    z = mg.tensor([[0.5, -1.0, 2.0]])
    with serving(api) as served:
        for label in (2, 7):
            image = api.generator.game.generate(z, mg.tensor([label])).numpy()
            expected = np.rint(np.clip((image + 1) / 2, 0, 1) * 255).astype(np.uint8)
            body = {"z": z.numpy().tolist(), "label": label}
            assert ask(served, "/api/decode", body).content == expected.tobytes()
        for label in (None, -1, 10, 1.5, True, "3", [3]):
            answer = ask(served, "/api/decode", {"z": [[0, 0, 0]], "label": label})
            assert answer.status == 400
            assert answer.error == "label must be a whole number from 0 to 9"
        assert ask(served, "/api/encode", {"pixels": [0] * 784}).status == 400
        assert ask(served, "/api/data").json == {"note": "", "count": 0, "attributes": []}


def test_enlarged_images(tmp_path):
    args = dcgan.parser().parse_args(["--size", "32", "--width", "2", "--dataset", "faces"])
    game = dcgan.build(args, (3, 32, 32), 0)
    Run(tmp_path).save({"args": cli.saved_arguments(args), "gan": game.state_dict()})
    assert opened(tmp_path / "checkpoint.safetensors").model()["width"] == 32


# ---- many at a time ------------------------------------------------------------------------------


def test_concurrent_requests_each_get_their_own_answer(served, api):
    zs = [[i / 10, -i / 7] for i in range(48)]
    expected = [api.decode({"z": [z]}) for z in zs]
    assert len(set(expected)) == len(zs)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda z: ask(served, "/api/decode", {"z": [z]}), zs))
    assert [answer.content for answer in answers] == expected
    assert mg.is_grad_enabled()


# ---- bad requests --------------------------------------------------------------------------------

DECODE, ENCODE, IMAGE = "/api/decode", "/api/encode", "/api/image"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (DECODE, b"", "the body is not JSON"),
        (DECODE, b"{", "the body is not JSON"),
        (DECODE, b"\xff\xfe\xfd", "the body is not JSON"),
        (DECODE, b"[" * 100_000, "the body is not JSON"),
        (DECODE, b'{"z": ' + b"[" * 500 + b"1" + b"]" * 500 + b"}", "z must be an array"),
        (DECODE, b'{"z": [[NaN, 0]]}', "NaN is no JSON"),
        (DECODE, b'{"z": [[0, -Infinity]]}', "-Infinity is no JSON"),
        (DECODE, b'{"z": [[1e999, 0]]}', "from -100 to 100"),
        (DECODE, b'{"z": [[' + b"9" * 400 + b", 0]]}", "numbers"),
        (DECODE, b'{"z": [[' + b"9" * 9000 + b", 0]]}", "not JSON"),
        (DECODE, [], "must be a JSON object"),
        (DECODE, {}, "z is missing"),
        (DECODE, {"z": None}, "numbers only"),
        (DECODE, {"z": "12"}, "numbers only"),
        (DECODE, {"z": {"0": 1}}, "numbers only"),
        (DECODE, {"z": [["1", "2"]]}, "numbers only"),
        (DECODE, {"z": [[True, False]]}, "numbers only"),
        (DECODE, {"z": [[1, None]]}, "numbers only"),
        (DECODE, {"z": [[1, 2], [3]]}, "z must be an array"),
        (DECODE, {"z": 1}, "got shape ()"),
        (DECODE, {"z": []}, "z must have numbers"),
        (DECODE, {"z": [[]]}, "z must have numbers"),
        (DECODE, {"z": [1, 2]}, "got shape (2,)"),
        (DECODE, {"z": [[1, 2, 3]]}, "1 to 512 rows of 2 numbers, got shape (1, 3)"),
        (DECODE, {"z": [[[1, 2]]]}, "got shape (1, 1, 2)"),
        (DECODE, {"z": [[1, 2]] * 513}, "got shape (513, 2)"),
        (DECODE, {"z": [[101, 0]]}, "from -100 to 100"),
        (DECODE, {"z": [[0, 0]], "label": 1}, "takes no label"),
        (ENCODE, {}, "pixels is missing"),
        (ENCODE, {"pixels": [0] * 783}, "784 numbers, got shape (783,)"),
        (ENCODE, {"pixels": [[0] * 28] * 28}, "got shape (28, 28)"),
        (ENCODE, {"pixels": [256] + [0] * 783}, "from 0 to 255"),
        (ENCODE, {"pixels": [-1] + [0] * 783}, "from 0 to 255"),
        (IMAGE, {}, "index must be"),
        (IMAGE, {"index": -1}, "from 0 to below 200"),
        (IMAGE, {"index": 200}, "from 0 to below 200"),
        (IMAGE, {"index": 1.0}, "index must be"),
        (IMAGE, {"index": "1"}, "index must be"),
    ],
)
def test_bad_content_is_an_error_that_says_what_is_wanted(served, path, body, message):
    answer = ask(served, path, body)
    assert answer.status == 400
    assert message in answer.error
    assert ask(served, "/api/model").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/api/decode/",
        "/index.html",
        "/server.py",
        "/../server.py",
        "/page/../../server.py",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "//etc/passwd",
        "/style.css/..",
        "/app.js%00",
        "*",
    ],
)
def test_there_is_nothing_anywhere_else(served, path):
    answer = ask(served, path)
    assert answer.status == 404
    assert "there is nothing at" in answer.error
    assert ask(served, path, {}).status == 404


def test_the_wrong_method(served):
    assert ask(served, DECODE).status == 405
    assert ask(served, "/api/model", {}).error == "/api/model is for GET"
    assert ask(served, "/", {}).status == 405
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "WHATEVER"):
        answer = ask(served, "/api/model", method=method)
        assert answer.status == 501
        assert method in answer.error


def test_other_sites_are_refused(served):
    """DNS rebinding: a page of another site whose name was made to point to 127.0.0.1."""
    port = served.server_port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        answer = ask(served, "/api/model", headers={"Host": host})
        assert answer.status == 403
        assert answer.error.startswith("Host must be 127.0.0.1:")
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1"):
        for body in (None, {"z": [[0, 0]]}):
            path = "/api/model" if body is None else DECODE
            answer = ask(served, path, body, headers={"Origin": origin})
            assert answer.status == 403
            assert origin in answer.error
    assert b" 403 " in raw(served, b"GET /api/model HTTP/1.0\r\n\r\n")  # no Host at all
    two = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n"
    assert b" 403 " in raw(served, two.encode())


def test_this_machines_pages_are_not(served):
    port = served.server_port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert ask(served, DECODE, {"z": [[0, 0]]}, headers=headers).status == 200


def test_what_is_not_declared_as_json_is_refused(served):
    """A form of another site may post text/plain without asking."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "nonsense", ""):
        answer = ask(served, DECODE, {"z": [[0, 0]]}, headers={"Content-Type": kind})
        assert answer.status == 415
    given = {"Content-Type": "application/json; charset=utf-8"}
    assert ask(served, DECODE, {"z": [[0, 0]]}, headers=given).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 1048577", 413),
        ("Content-Length: " + "9" * 5000, 413),
        ("Content-Length: -1", 400),
        ("Content-Length: two", 400),
        ("Content-Length: ²", 400),
        ("Content-Length: 2\r\nContent-Length: 3", 411),
        ("Transfer-Encoding: chunked", 411),
        ("", 411),
    ],
)
def test_the_length_of_a_body(served, headers, status):
    head = (
        f"POST {DECODE} HTTP/1.1\r\nHost: 127.0.0.1:{served.server_port}\r\n"
        f"Content-Type: application/json\r\n{headers}\r\n\r\n"
    )
    answer = raw(served, head.replace("\r\n\r\n\r\n", "\r\n\r\n").encode("latin-1"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == ["error"]


def test_a_large_body_is_taken_up_to_the_limit(served):
    spaces = b" " * (server.MOST_BYTES - len(b'{"z": [[0, 0]]}'))
    assert ask(served, DECODE, b'{"z": [[0, 0]]}' + spaces).status == 200


def test_what_is_no_http(served):
    for request in (b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / x / HTTP/1.1\r\n\r\n"):
        answer = raw(served, request)
        assert list(json.loads(answer.rpartition(b"\r\n\r\n")[2] or answer)) == ["error"]
    assert b" 414 " in raw(served, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")
    assert b" 431 " in raw(served, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n")
    assert ask(served, "/api/model").status == 200


def test_a_get_with_a_body_is_one_request(served):
    host = f"Host: 127.0.0.1:{served.server_port}\r\n"
    body = f"GET /api/data HTTP/1.1\r\n{host}\r\n"
    request = f"GET /api/model HTTP/1.1\r\n{host}Content-Length: {len(body)}\r\n\r\n{body}"
    assert raw(served, request.encode()).count(b"HTTP/1.1 ") == 1


def test_a_client_that_goes_away_is_no_error(served, capfd):
    head = f"POST {DECODE} HTTP/1.1\r\nHost: 127.0.0.1:{served.server_port}\r\n"
    rest = "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    for cut in (0, 10, len(head), len(head + rest)):
        with socket.create_connection(("127.0.0.1", served.server_port)) as connection:
            connection.sendall((head + rest)[:cut].encode())
            reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # close() sends RST at once
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert ask(served, "/api/model").status == 200
    assert capfd.readouterr().err == ""


def test_a_fault_of_ours_is_an_answer_too(api, monkeypatch, capsys):
    def broken(z: Any, label: Any) -> None:
        raise ZeroDivisionError("planted")

    with serving(api) as served:
        with monkeypatch.context() as patched:
            patched.setattr(api.generator, "decode", broken)
            answer = ask(served, DECODE, {"z": [[0, 0]]})
        assert answer.status == 500
        assert answer.error == "ZeroDivisionError: planted"
        assert ask(served, DECODE, {"z": [[0, 0]]}).status == 200
    assert "planted" in capsys.readouterr().err


# ---- the data ------------------------------------------------------------------------------------


def test_without_the_data_there_are_no_test_images(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    api = opened(save_vae(tmp_path, "--dataset", "mnist", "--data-dir", str(tmp_path)))
    assert "mnist" in api.data()["note"]
    assert api.data()["count"] == 0
    assert len(api.decode({"z": [[0] * 20]})) == 784
    with serving(api) as served:
        assert "from 0 to below 0" in ask(served, IMAGE, {"index": 0}).error


def test_real_data_from_another_folder(tmp_path, data_dir):
    folder = data_dir("mnist").parent
    api = opened(save_vae(tmp_path, "--dataset", "mnist", "--data-dir", "gone"), str(folder))
    assert api.data()["count"] == examples.COUNT


def test_shapes_and_classes_are_those_of_the_data():
    assert set(checkpoint.SHAPES) == set(checkpoint.CLASSES) == set(data.NAMES)
    for name in ("glyphs", "faces"):
        images = data.load(name, "test", limit=1)
        assert images.images.shape[1:] == checkpoint.SHAPES[name]
        assert images.classes == checkpoint.CLASSES[name]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10", "binarized-mnist"])
def test_shapes_and_classes_are_those_of_the_real_data(name, data_dir):
    images = data.load(name, "test", data_dir=data_dir(name).parent, limit=1, download=False)
    assert images.images.shape[1:] == checkpoint.SHAPES[name]
    assert images.classes == checkpoint.CLASSES[name]


# ---- the command line ----------------------------------------------------------------------------


def error_of(capsys, *argv: object) -> str:
    assert explore.main([str(argument) for argument in argv]) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m demos.explore: error: ")
    assert said.count("\n") == 1
    return said


def test_no_checkpoint_is_an_error(tmp_path, capsys):
    assert "there is no file" in error_of(capsys, tmp_path / "nothing")
    assert "there is no file" in error_of(capsys, tmp_path)


def test_another_file_is_an_error(tmp_path, run, capsys):
    whole = (run / "checkpoint.safetensors").read_bytes()
    for content in (b"", b"text", whole[:500], whole[:-1]):
        (tmp_path / "checkpoint.safetensors").write_bytes(content)
        assert "is damaged, or no safetensors file" in error_of(capsys, tmp_path)


def test_another_checkpoint_is_an_error(tmp_path, capsys):
    path = tmp_path / "checkpoint.safetensors"
    for other in ({"weight": mg.ones(3)}, {"args": {}, "model": {}}, {"args": 3, "gan": {}}):
        mg.save(other, path)
        assert "is no checkpoint of demos.vae, demos.gan or demos.dcgan" in error_of(capsys, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": [9]}, "encoder.body.1.weight"),
        ({"hidden": "wide"}, "does not fit the program that wrote it"),
        ({"latent": 0}, "does not fit the program that wrote it"),
        ({"dataset": "somebody's"}, "somebody's"),
        ({"model": "conv"}, "entries do not fit"),
        ({"likelihood": "none"}, "unknown likelihood 'none'"),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_arguments(tmp_path, run, capsys, change, said):
    saved = mg.load(run / "checkpoint.safetensors")
    mg.save({**saved, "args": {**saved["args"], **change}}, tmp_path / "checkpoint.safetensors")
    assert said in error_of(capsys, tmp_path)


def test_a_gan_of_points_is_an_error(tmp_path, capsys):
    mg.save({"args": {"toy": "ring"}, "gan": {}}, tmp_path / "checkpoint.safetensors")
    assert "a GAN of points (--toy ring) has no images to explore" in error_of(capsys, tmp_path)


def test_a_port_in_use_is_an_error(served, run, capsys):
    said = error_of(capsys, run, "--port", served.server_port)
    assert f"port {served.server_port} of 127.0.0.1: it is in use. Choose another" in said


@pytest.mark.parametrize("text", ["-1", "65536", "x", "1.5", ""])
def test_what_is_no_port(text, run, capsys):
    with pytest.raises(SystemExit) as stopped:
        explore.main([str(run), f"--port={text}"])
    assert stopped.value.code == 2
    assert "is not a number from 0 to 65535" in capsys.readouterr().err


def test_it_listens_on_this_machine_alone(served):
    assert served.socket.getsockname()[0] == "127.0.0.1"
    assert served.url == f"http://127.0.0.1:{served.server_port}/"
    with pytest.raises(CommandError, match="cannot serve on port"):
        Server(served.api, served.server_port)


def test_measuring_says_how_many_pictures_a_second(run, capsys, monkeypatch):
    monkeypatch.setattr(explore, "MEASURED", 0.05)
    assert explore.main([str(run), "--measure"]) == 0
    found = re.fullmatch(r"(\d+) pictures a second over HTTP, .*\n", capsys.readouterr().out)
    assert int(found[1]) > 0


def test_ctrl_c_ends_it(run):
    process = subprocess.Popen(
        [sys.executable, "-m", "demos.explore", str(run), "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        found = re.search(r"open http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)", line)
        assert found, line or process.stderr.read()
        port = int(found[1])
        with socket.create_connection(("127.0.0.1", port)):  # a browser that stays connected
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert errors == "\nstopped\n"


@pytest.mark.parametrize(
    ("program", "argv"),
    [
        (vae, ["--model", "conv", "--hidden", "8", "--latent", "4"]),
        (gan, ["--hidden", "8", "--noise", "4"]),
        (dcgan, ["--width", "2", "--noise", "4", "--conditional", "--size", "32"]),
    ],
    ids=["vae", "gan", "dcgan"],
)
def test_what_the_programs_write_can_be_explored(program, argv, tmp_path, monkeypatch):
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_train_epoch", stopped)  # the first checkpoint is written by then
    assert program.main([*argv, "--limit", "20", "--batch-size", "10", "--out", str(tmp_path)]) > 0
    api = opened(tmp_path)
    label = {"label": 3} if "--conditional" in argv else {}
    size = api.generator.shape[1]
    assert len(api.decode({"z": [[0.0] * 4], **label})) == size * size
