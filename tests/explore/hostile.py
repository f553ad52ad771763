"""An explorer for requests of any kind, and its answers to bytes of any kind."""

import socket
import tempfile
import threading
from functools import cache
from pathlib import Path

from demos.explore.opening import opened
from demos.explore.server import Server
from tests.explore.serving import save_vae


@cache
def explorer() -> Server:
    """A server for a small VAE, until the end."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(opened(save_vae(Path(folder), "--limit", "50")), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def requests(server: Server) -> tuple[bytes, ...]:
    """What a browser sends, and what none does: to be damaged."""
    host = f"Host: 127.0.0.1:{server.server_port}\r\n"
    body = '{"z": [[0.5, -1]]}'
    json = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    sent = (
        f"GET / HTTP/1.1\r\n{host}\r\n",
        f"GET http://[ HTTP/1.1\r\n{host}\r\n",
        f"GET /api/model HTTP/1.1\r\n{host}Origin: null\r\n\r\n",
        f"POST /api/decode HTTP/1.1\r\n{host}{json}\r\n{body}",
        f"POST /api/image HTTP/1.1\r\n{host}{json}\r\n{body}",
    )
    return tuple(request.encode() for request in sent)


def answer(server: Server, request: bytes) -> bytes:
    """All that the server says to these bytes, after which nothing comes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(request)
        try:
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(4096), b""))
        except ConnectionError:  # it was refused before it was read to its end
            return b""
