"""Models that make images of an image: completions by autoregressive models, and translations."""

import threading
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

import minigrad as mg
from demos import autoregressive, translation
from demos.common.translation import in_colour, translated
from demos.explore import checkpoint
from demos.explore.api import BadRequest, Json, numbers
from demos.explore.checkpoint import CLASSES, SHAPES, Floats, arguments
from minigrad.data import ImageDataset, pairs
from models.autoregressive import Autoregressive, one_hot
from models.cyclegan import cyclegan
from models.pix2pix import pix2pix

WAYS = 8  # in which an image is completed

Shape = tuple[int, int, int]


class Maker(Protocol):
    """What makes images of an image x (C, H, W) in [0, 1]: one for each name in `made`."""

    name: str
    shape: Shape
    made: tuple[str, ...]
    rows: bool  # whether only the first rows of x are given, and how many is asked

    def make(self, x: Floats, rows: int) -> Floats:
        """The images (K, C or 3, H, W), in [0, 1] or near it."""

    def inputs(self, images: Any) -> Any:
        """Test images as inputs: bytes (N, C, H, W) to bytes."""


class Completer:
    """The model of demos.autoregressive: the rows of x that are given, and the rest drawn."""

    rows = True

    def __init__(self, args: Namespace, model: Autoregressive, shape: Shape) -> None:
        self.name = f"autoregressive model ({args.model}) of {args.dataset}"
        self.model, self.shape = model.eval(), shape
        classes = CLASSES[args.dataset] if args.conditional else ()
        self.made = classes or tuple(f"drawn {i + 1}" for i in range(WAYS))
        self.black_and_white = args.likelihood == "bernoulli"

    def make(self, x: Floats, rows: int) -> Floats:
        count = len(self.made)
        given = (x > 0.5).astype(np.float32) if self.black_and_white else x
        context = one_hot(mg.arange(count), count) if self.model.conditions else None
        many = mg.tensor(given).expand(count, *self.shape)
        return self.model.complete(many, rows, context).numpy()

    def inputs(self, images: Any) -> Any:
        return images


class Translator:
    """The networks of demos.translation: x to y, and with CycleGAN back again.

    NOTE: of drawn lines x is the negative, since they are black on white, and one draws here in
    white on black.
    """

    rows = False

    def __init__(self, args: Namespace, saved: Mapping[str, Any]) -> None:
        self.kind, self.lines = args.pairs, args.model == "pix2pix" and args.pairs == "edges"
        self.name = f"{args.model} of {args.dataset} ({args.pairs})"
        shape = SHAPES[args.dataset]
        blank = np.zeros((1, *shape), np.uint8)
        channels = shape[0], pairs.partners(blank, self.kind).shape[1]
        if self.lines:
            channels = channels[1], channels[0]
        self.shape = (channels[0], *shape[1:])
        if args.model == "pix2pix":
            paired = pix2pix(*channels, width=args.width)
            paired.load_state_dict(saved)
            self.made, self.steps = ("G(x)", "with other noise"), (paired.translate,) * 2
        else:
            cycle = cyclegan(*channels, width=args.width)
            cycle.load_state_dict(saved)
            self.made, self.steps = ("G(x)", "F(G(x))"), (cycle.forth, cycle.back)
        self.in_turn = args.model != "pix2pix"

    def make(self, x: Floats, rows: int = 0) -> Floats:
        given, found = (1 - x if self.lines else x)[None], []
        for step in self.steps:
            found.append(translated(step, given))
            given = found[-1] if self.in_turn else given
        return np.concatenate([in_colour(image) for image in found])

    def inputs(self, images: Any) -> Any:
        return 255 - pairs.partners(images, self.kind) if self.lines else images


def maker_of(saved: Mapping[str, Any]) -> tuple[Maker | None, Namespace]:
    """What makes images, and the run's arguments; None where a run has latents instead."""
    program, kept = saved.get("program"), saved.get("args")
    if program == "autoregressive" and "model" in saved:
        args = arguments(autoregressive.parser(), saved["args"])
        shape, classes = SHAPES[args.dataset], CLASSES[args.dataset]
        model = autoregressive.build(args, shape, len(classes) if args.conditional else 0)
        model.load_state_dict(saved["model"])
        return Completer(args, model, shape), args
    if program == "translation" and isinstance(kept, Mapping) and kept.get("model") != "text":
        args = arguments(translation.parser(kept["model"]), kept)
        return Translator(args, saved["game"]), args
    return None, Namespace()


class ImageAPI:
    """The answers for one of them, as functions from JSON to JSON or to pixels, and as `API`'s."""

    page = "images.html"

    def __init__(self, maker: Maker, shown: ImageDataset | None = None, note: str = "") -> None:
        self.generator, self.shown, self.note = maker, shown, note
        self.lock = threading.Lock()
        self.get: dict[str, Callable[[], Json]] = {"/api/model": self.model}
        self.post: dict[str, Callable[[Json], bytes]] = {
            "/api/make": self.make,
            "/api/image": self.image,
        }

    def model(self) -> Json:
        """What there is to make."""
        channels, height, width = self.generator.shape
        return {
            "name": self.generator.name,
            "channels": channels,
            "height": height,
            "width": width,
            "made": self.generator.made,
            "rows": self.generator.rows,
            "count": len(self.shown) if self.shown else 0,
            "note": self.note,
        }

    def make(self, asked: Json) -> bytes:
        """{"pixels": [...], "rows": 14}, H W C levels from 0 to 255, to bytes (K, H, W, 3)."""
        levels, shape = numbers(asked, "pixels", 0, 255), self.generator.shape
        if levels.shape != (size := (int(np.prod(shape)),)):
            raise BadRequest(f"pixels must be {size[0]} numbers, got shape {levels.shape}")
        rows, height = asked.get("rows", 0), shape[1]
        if type(rows) is not int or not 0 <= rows <= height:
            raise BadRequest(f"rows must be a whole number from 0 to {height}")
        with self.lock:
            made = self.generator.make(checkpoint.image(levels, shape), rows)
        return checkpoint.pixels(in_colour(made)).tobytes()

    def image(self, asked: Json) -> bytes:
        """{"index": 7} to the bytes (H, W, C) of that test image, as the model takes it."""
        count, index = len(self.shown) if self.shown else 0, asked.get("index")
        if type(index) is not int or not 0 <= index < count:
            raise BadRequest(f"index must be a whole number from 0 to below {count}")
        assert self.shown
        found = self.generator.inputs(self.shown.images[index : index + 1])
        return bytes(found[0].transpose(1, 2, 0).tobytes())
