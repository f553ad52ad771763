"""Runs to explore, a server for one, and what is asked of it."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from demos import autoencoder, translation, vae
from demos.common import cli
from demos.common.run import Run
from demos.explore import checkpoint
from demos.explore.api import API
from demos.explore.server import Server
from minigrad.data import captions
from models.text_to_image import text_gan


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


def save_autoencoder(folder: Path, *argv: str) -> Path:
    args = autoencoder.parser().parse_args([*argv, "--code", "2"])
    model = built(args, autoencoder)
    state = {"args": cli.saved_arguments(args), "model": model.state_dict()}
    Run(folder).save(state)
    return folder


def save_text(folder: Path) -> Path:
    """Of a GAN whose faces are told apart by their captions, though it has learned nothing."""
    args = translation.parser("text").parse_args(["--width", "2"])
    game = text_gan(checkpoint.SHAPES["faces"], len(captions.VOCABULARY), width=2)
    for weight in game.sampler.encoder.parameters():
        weight.data *= 5
    state = {"args": cli.saved_arguments(args), "game": game.state_dict()}
    Run(folder, program="translation").save(state)
    return folder


def built(args: Any, program: Any, *classes: int) -> Any:
    return program.build(args, checkpoint.SHAPES[args.dataset], *classes)


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
