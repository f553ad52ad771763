"""What the page asks for, as functions from JSON to JSON or to pixels; one model, many threads."""

import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demos.explore import checkpoint
from demos.explore.checkpoint import AutoencoderGenerator, Generator, VAEGenerator
from demos.explore.examples import Examples

MOST_IMAGES = 512  # in one answer
ENCODERS = (VAEGenerator, AutoencoderGenerator)
FARTHEST = 100.0  # |z|: the prior's samples stay below 6
MOST_LETTERS = 200  # of a caption
REACH = 3.0  # standard deviations of the prior that the page shows, or more if codes go farther

Json = dict[str, Any]


class BadRequest(Exception):
    """What the client can put right; its message is the answer's."""


class API:
    """The answers for one generator, with its encoded test images if there are any.

    `note` says why there are none.
    """

    page = "index.html"

    def __init__(self, generator: Generator, shown: Examples | None = None, note: str = "") -> None:
        self.generator, self.shown, self.note = generator, shown, note
        # Threads would interleave in the generator's mode (eval for sampling), and gain nothing.
        self.lock = threading.Lock()
        self.get: dict[str, Callable[[], Json]] = {"/api/model": self.model, "/api/data": self.data}
        self.post: dict[str, Callable[[Json], Json | bytes]] = {
            "/api/decode": self.decode,
            "/api/encode": self.encode,
            "/api/image": self.image,
        }

    def model(self) -> Json:
        """What there is to explore."""
        channels, height, width = self.generator.shape
        reach = REACH
        if self.shown:
            reach = max(reach, round(float(np.quantile(np.abs(self.shown.mu), 0.99)), 1))
        return {
            "name": self.generator.name,
            "latent": self.generator.latent,
            "channels": channels,
            "height": height,
            "width": width,
            "classes": self.generator.classes,
            "caption": self.generator.caption,
            "encodes": isinstance(self.generator, ENCODERS),
            "posterior": isinstance(self.generator, VAEGenerator),
            "reach": reach,
        }

    def data(self) -> Json:
        """The test images' codes and labels, each latent's KL in nats, and the attributes."""
        if self.shown is None:
            return {"note": self.note, "count": 0, "attributes": []}
        images, mu, kl, attributes = self.shown
        return {
            "note": self.note,
            "count": len(images),
            "classes": images.classes,
            "labels": images.labels.tolist(),
            "codes": mu.round(3).astype(float).round(3).tolist(),
            "kl": None if kl is None else kl.tolist(),
            "attributes": [{**a._asdict(), "direction": a.direction.tolist()} for a in attributes],
        }

    def decode(self, asked: Json) -> bytes:
        """{"z": [[...], ...], "label": 3} to bytes (N, H, W, C); a label if there are classes, or a
        caption where the model wants one."""
        z = numbers(asked, "z", -FARTHEST, FARTHEST)
        latent = self.generator.latent
        if z.ndim != 2 or z.shape[1] != latent or not 1 <= len(z) <= MOST_IMAGES:
            raise BadRequest(
                f"z must be 1 to {MOST_IMAGES} rows of {latent} numbers, got shape {z.shape}"
            )
        label = self._label(asked)
        try:
            with self.lock:
                images = self.generator.decode(z.astype(np.float32), label)
        except ValueError as error:
            if not self.generator.caption:
                raise
            raise BadRequest(str(error)) from error
        return checkpoint.pixels(images).tobytes()

    def _label(self, asked: Json) -> int | str | None:
        label, classes = asked.get("label"), self.generator.classes
        if self.generator.caption:
            if type(label) is not str or len(label) > MOST_LETTERS:
                raise BadRequest(f"label must be a caption of at most {MOST_LETTERS} letters")
            return label
        if not classes and label is not None:
            raise BadRequest("this model takes no label")
        if classes and (type(label) is not int or not 0 <= label < len(classes)):
            raise BadRequest(f"label must be a whole number from 0 to {len(classes) - 1}")
        return label

    def encode(self, asked: Json) -> Json:
        """{"pixels": [...]}, H W C levels from 0 to 255, to q(z|x), its KL and log p(x|z=mu), or to
        the code and the squared error."""
        if not isinstance(self.generator, ENCODERS):
            raise BadRequest("this model has no encoder")
        levels, shape = numbers(asked, "pixels", 0, 255), self.generator.shape
        if levels.shape != (size := (int(np.prod(shape)),)):
            raise BadRequest(f"pixels must be {size[0]} numbers, got shape {levels.shape}")
        with self.lock:
            found = self.generator.encode(checkpoint.image(levels, shape))
        parts = found._asdict().items()
        return {n: part.tolist() if isinstance(part, np.ndarray) else part for n, part in parts}

    def image(self, asked: Json) -> bytes:
        """{"index": 7} to the bytes (H, W, C) of that test image."""
        count, index = len(self.shown.images) if self.shown else 0, asked.get("index")
        if type(index) is not int or not 0 <= index < count:
            raise BadRequest(f"index must be a whole number from 0 to below {count}")
        assert self.shown
        return bytes(self.shown.images.images[index].transpose(1, 2, 0).tobytes())


def parsed(body: bytes) -> Json:
    """A JSON object; BadRequest for anything else, NaN and Infinity among it."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    try:
        asked = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise BadRequest("the body must be a JSON object")
    return asked


def numbers(asked: Json, name: str, low: float, high: float) -> NDArray[np.float64]:
    """The array of numbers of that name, all from low to high; BadRequest else."""
    if name not in asked:
        raise BadRequest(f"{name} is missing")
    try:
        array = np.array(asked[name])
    except ValueError as error:  # rows of unequal length
        raise BadRequest(f"{name} must be an array: {error}") from error
    if array.dtype.kind not in "iuf":
        raise BadRequest(f"{name} must have numbers only, and at least one")
    if array.size == 0 or not ((low <= array) & (array <= high)).all():
        raise BadRequest(f"{name} must have numbers from {low:g} to {high:g} only")
    return array.astype(np.float64)
