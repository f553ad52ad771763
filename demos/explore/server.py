"""The page and its API over HTTP, for browsers of this machine alone."""

import errno
import json
import sys
import threading
import traceback
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from demos.common.run import CommandError
from demos.explore.api import API, BadRequest, parsed
from demos.explore.images import ImageAPI

ADDRESS = "127.0.0.1"
MOST_BYTES = 1 << 20  # of a request's body
PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
MOST_CONNECTIONS = 64  # at a time, a thread for each; a browser opens six
JSON, BYTES = "application/json", "application/octet-stream"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request that is answered with a status and a message."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Serves an API and its page on 127.0.0.1; port 0 is a free one.

    Raises CommandError where the port cannot be had.
    """

    request_queue_size = 128  # connections that wait to be accepted
    daemon_threads = True  # Ctrl-C does not wait for a browser to let go of its connection

    def __init__(self, api: API | ImageAPI, port: int) -> None:
        self.api = api
        self.free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.files = {
            "/" if p.suffix == ".html" else f"/{p.name}": (TYPES[p.suffix], p.read_bytes())
            for p in PAGE.iterdir()
            if p.suffix != ".html" or p.name == api.page
        }
        try:
            super().__init__((ADDRESS, port), Handler)
        except OSError as error:
            reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise CommandError(
                f"cannot serve on port {port} of {ADDRESS}: {reason}. Choose another --port, "
                "or 0 for a free one"
            ) from error

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks a name server for this machine's name.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    def hosts(self) -> set[str]:
        """What a browser that means this server calls it."""
        names = {ADDRESS, "localhost"}
        return {f"{name}:{self.server_port}" for name in names} | (
            names if self.server_port == 80 else set()
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread, if there are not too many."""
        if self.free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            with suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection. Every answer to a bad request is JSON, {"error": message}."""

    server: Server
    protocol_version = "HTTP/1.1"  # many requests on one connection
    server_version, sys_version = "minigrad", ""
    timeout = 60  # seconds that a connection may be silent
    # NOTE: an answer is two packets, and Nagle's algorithm keeps the second back until the first is
    # acknowledged, which the other side delays: 22 pictures a second instead of 480.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        """Replies to the request, whatever it is."""
        try:
            self.check_source()
            kind, content = self.posted() if self.command == "POST" else self.got()
        except Refused as error:
            self.refuse(error.status, str(error))
        except BadRequest as error:
            self.reply(HTTPStatus.BAD_REQUEST, JSON, said(error=str(error)))
        except OSError:
            raise  # the connection's
        except Exception as error:
            traceback.print_exc()
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
        else:
            self.reply(HTTPStatus.OK, kind, content)

    def check_source(self) -> None:
        """Refuses other sites' pages, which a browser here may be showing: their requests have
        another Origin, and if their name was made to point here, another Host."""
        hosts = self.server.hosts()
        origin = self.headers.get("Origin")
        if self.headers.get_all("Host", [])[0:2] not in [[host] for host in hosts]:
            raise Refused(HTTPStatus.FORBIDDEN, f"Host must be {' or '.join(sorted(hosts))}")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise Refused(HTTPStatus.FORBIDDEN, f"requests from {origin} are not answered")

    def got(self) -> tuple[str, bytes]:
        """The answer to a GET: its content type and content."""
        if any(name in self.headers for name in ("Content-Length", "Transfer-Encoding")):
            self.close_connection = True  # a body is not read, and must not be the next request
        path = path_of(self.path)
        if path in self.server.files:
            return self.server.files[path]
        if path in self.server.api.get:
            return JSON, said(**self.server.api.get[path]())
        raise self.unknown(path)

    def posted(self) -> tuple[str, bytes]:
        """The answer to a POST: its content type and content."""
        path = path_of(self.path)
        if path not in self.server.api.post:
            raise self.unknown(path)
        # A form of another site can post text, but no JSON unless this server permits it.
        if self.headers.get_content_type() != JSON:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {JSON}")
        body = self.rfile.read(length := content_length(self.headers))
        if len(body) < length:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the body ends after {len(body)} bytes")
        result = self.server.api.post[path](parsed(body))
        return (BYTES, result) if isinstance(result, bytes) else (JSON, said(**result))

    def unknown(self, path: str) -> Refused:
        api = self.server.api
        for method, others in (("POST", api.post), ("GET", {**api.get, **self.server.files})):
            if path in others:
                return Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} is for {method}")
        return Refused(HTTPStatus.NOT_FOUND, f"there is nothing at {path}")

    def refuse(self, status: int, message: str) -> None:
        """Replies with an error, and closes the connection: the request may not be read whole."""
        self.close_connection = True
        self.reply(status, JSON, said(error=message))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """As http.server calls it for what is no HTTP, or a method that we do not know."""
        self.refuse(code, message or HTTPStatus(code).phrase)

    def reply(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """No line for each of many pictures a second."""


def path_of(target: str) -> str:
    """The path in what is asked for; Refused for what is no address."""
    try:
        return urlsplit(target).path
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{target[:100]!r} is no address: {error}") from error


def content_length(headers: Message) -> int:
    """The length of a body that is not too long; Refused for others."""
    lengths = headers.get_all("Content-Length", [])
    if "Transfer-Encoding" in headers or len(lengths) != 1:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "one Content-Length is needed")
    if not (lengths[0].isascii() and lengths[0].isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST, f"Content-Length {lengths[0]!r} is no length")
    # Not int(...) first: it would take its time for a million digits.
    if len(lengths[0]) > 9 or int(lengths[0]) > MOST_BYTES:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MOST_BYTES:,} bytes at most"
        )
    return int(lengths[0])


def said(**values: Any) -> bytes:
    return json.dumps(values, allow_nan=False).encode()
