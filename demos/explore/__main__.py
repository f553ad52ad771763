"""Serves a page on localhost on which the latents of a trained model can be explored.

    python -m demos.explore runs/vae              then open the address that it prints
    python -m demos.explore runs/gan --port 0     on any free port
    python -m demos.explore runs/vae --measure    pictures a second over HTTP, instead of serving

CHECKPOINT is a run's folder, or the checkpoint.safetensors in it, of demos.vae, demos.gan,
demos.dcgan, demos.autoencoder, demos.autoregressive, or demos.translation. All is computed on the
CPU. The page has the plane of two latents to drag over, a slider for each latent, interpolation and
arithmetic between saved points; for a VAE also the codes of test images, directions of their
attributes, and q(z|x) of an image that you draw or load, for an autoencoder its code; for a GAN of
captions, sixteen faces of what you type. An autoregressive model completes what you draw; what a
translation makes of it is shown beside it.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.common import cli
from demos.common.run import CommandError
from demos.explore.api import API
from demos.explore.images import ImageAPI
from demos.explore.opening import opened
from demos.explore.server import ADDRESS, Server

MEASURED = 3.0  # seconds


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.explore", __doc__)
    add = parser.add_argument
    add("checkpoint", metavar="CHECKPOINT", type=Path, help="a run's folder or checkpoint")
    add("--port", type=port, default=8000, metavar="N", help="0 is a free one (default: 8000)")
    add("--data-dir", metavar="DIR", help="where real data are (default: as for the training)")
    add("--measure", action="store_true", help="say how many pictures a second there are")
    return parser


def port(text: str) -> int:
    """An argument's type: a port."""
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until Ctrl-C. Returns 2 for what the caller can put right."""
    program = parser()
    args = program.parse_args(argv)
    try:
        api = opened(args.checkpoint, args.data_dir)
        if args.measure and not isinstance(api, API):
            raise CommandError("--measure is for models with latents")
        with Server(api, 0 if args.measure else args.port) as server:
            if args.measure:
                measure(server)
            else:
                serve(server, api)
    except cli.ERRORS as error:
        return cli.told(program, error)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    return 0


def serve(server: Server, api: API | ImageAPI) -> None:
    """Serves until it is interrupted."""
    if api.note:
        print(f"without test images: {api.note}")
    print(f"{api.generator.name}: open {server.url} (Ctrl-C ends it)", flush=True)
    server.serve_forever()


def measure(server: Server) -> None:
    """Says how many pictures a second come over HTTP, one with each request, as when dragging."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert isinstance(server.api, API)
    generator = server.api.generator
    rng, connection = (
        np.random.default_rng(0),
        http.client.HTTPConnection(ADDRESS, server.server_port),
    )
    label = {"label": 0} if generator.classes else {}
    count, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < MEASURED:
        z = rng.standard_normal((1, generator.latent)).round(4).tolist()
        body = json.dumps({"z": z, **label})
        connection.request("POST", "/api/decode", body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            if response.status != 200:
                raise CommandError(f"decoding failed: {response.read().decode()}")
            response.read()
        count += 1
    connection.close()
    server.shutdown()
    print(f"{count / seconds:.0f} pictures a second over HTTP, one with each request")


if __name__ == "__main__":
    sys.exit(main())
