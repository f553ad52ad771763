"""The explorer's server: no request makes it fall over."""

import json
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from demos.explore import server
from tests.explore.serving import ask, raw, serving

pytestmark = pytest.mark.slow


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


def test_what_is_no_address(served):
    for target in ("http://[", "http://[x]/"):
        for method in ("GET", "POST"):
            host = f"Host: 127.0.0.1:{served.server_port}"
            answer = raw(served, f"{method} {target} HTTP/1.1\r\n{host}\r\n\r\n".encode())
            assert b" 400 " in answer.partition(b"\r\n")[0]
            assert b"is no address" in answer


def test_there_is_an_end_to_connections(served):
    """More are told to come again, and there is room again when some have gone."""
    address = ("127.0.0.1", served.server_port)
    with ExitStack() as stack:
        for _ in range(server.MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection(address))
        with socket.create_connection(address, timeout=30) as one_more:
            assert one_more.recv(4096).startswith(b"HTTP/1.1 503 ")
    for _ in range(server.MOST_CONNECTIONS):  # waits until the threads have seen them go
        assert served.free.acquire(timeout=30)
    served.free.release(server.MOST_CONNECTIONS)
    assert ask(served, "/api/model").status == 200


@pytest.mark.parametrize(
    "said",
    [
        "",
        "GET /api/mo",
        "GET /api/model HTTP/1.1\r\nHost: ",
        f"POST {DECODE} HTTP/1.1\r\n{{host}}Content-Type: application/json\r\n"
        "Content-Length: 9\r\n\r\n{{",
        "GET /api/model HTTP/1.1\r\n{host}\r\n",  # answered, and kept for the next request
    ],
)
def test_a_connection_that_falls_silent_is_closed(served, monkeypatch, capfd, said):
    monkeypatch.setattr(server.Handler, "timeout", 0.1)
    host = f"Host: 127.0.0.1:{served.server_port}\r\n"
    answer = raw(served, said.format(host=host).encode())
    assert answer.startswith(b"HTTP/1.1 200 ") if said.endswith("{host}\r\n") else answer == b""
    assert capfd.readouterr().err == ""


def test_a_connection_may_be_silent_for_a_minute():
    assert server.Handler.timeout == 60


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
