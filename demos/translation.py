"""Trains a network that makes images of images, or of sentences: CycleGAN, pix2pix, text to image.

    python -m demos.translation                       faces to negatives, without pairs; minutes
    python -m demos.translation --model pix2pix --pairs edges
    python -m demos.translation --dataset glyphs --pairs coloured
    python -m demos.translation --model text --out runs/text
    python -m demos.translation --caption "a smiling woman with glasses"

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch), film.gif of these, and the pictures. The first half of the images is
shown to CycleGAN, and of the second half what belongs to them: never a pair. Its errors, test_*,
are against the pairs of the test set: mean squares of pixels from 0 to 1. A --caption is drawn
sixteen times, into caption.png, by the last run of --model text, which is trained before if there
is none.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

import minigrad as mg
from demos.common import cli, gan_pictures, pictures
from demos.common.run import CommandError, Run
from demos.common.training import random_numbers
from demos.common.translation import (
    Array,
    Fading,
    prepared,
    save_rows,
    there_and_back,
    translated,
    unit,
)
from demos.common.words import farewell
from minigrad import Tensor
from minigrad.data import DataLoader, ImageDataset, TensorDataset, captions, pairs
from models.cyclegan import cyclegan
from models.measures.translations import absolute_error, squared_error
from models.model import Losses, Model
from models.pix2pix import pix2pix
from models.text_to_image import text_gan

SHOWN, TESTED = 8, 500  # images in a picture, and in a measurement
CAPTIONED, COLUMNS = 16, 8  # faces of a caption
FREE = frozenset({"caption"})  # may differ when a run is continued


class Usual(NamedTuple):
    """How a model is trained if nothing else is asked for."""

    epochs: int
    batch_size: int
    lr: float
    width: int


USUAL = {
    "cyclegan": Usual(1, 4, 4e-4, 16),
    "pix2pix": Usual(2, 16, 5e-4, 24),
    "text": Usual(1, 32, 5e-4, 16),
}


def parser(model: str = "cyclegan") -> ArgumentParser:
    """The command line, with what is usual for a model."""
    parser = cli.parser("demos.translation", __doc__)
    usual = USUAL[model]
    cli.common_arguments(parser, epochs=usual.epochs, batch_size=usual.batch_size, lr=usual.lr)
    parser.set_defaults(dataset="faces")
    add = parser.add_argument_group("model").add_argument
    add(
        "--model",
        choices=tuple(USUAL),
        default=model,
        help="epochs, batches, rate and width are each model's own (default: cyclegan, with "
        "--caption text)",
    )
    add(
        "--pairs",
        choices=tuple(pairs.PAIRS),
        default="edges" if model == "pix2pix" else "negative",
        help="what belongs to an image; pix2pix makes images of edges, and what belongs to them of "
        "images else (default: %(default)s)",
    )
    number: dict[str, Any] = {"type": cli.whole(1), "metavar": "N"}
    add("--width", **number, default=usual.width, help="channels (default: %(default)s)")
    for name, value, meaning in (
        ("cycle", 10.0, "weight of the cycles' errors"),
        ("identity", 0.0, "weight of the errors of images that are of the other kind already"),
        ("l1", 100.0, "of pix2pix, weight of the error"),
    ):
        help = f"{meaning} (default: {value:g})"
        add(f"--{name}", type=cli.not_negative, default=value, metavar="X", help=help)
    add("--caption", metavar="TEXT", help="draw sixteen faces of it")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    first = ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--model")
    first.add_argument("--caption")
    asked, _ = first.parse_known_args(given)
    model = asked.model or ("text" if asked.caption is not None else "cyclegan")
    if asked.caption is not None:
        given += ["--model", model, "--resume"]
    usual = model if model in USUAL else "cyclegan"  # the parser says what is wrong with another
    return cli.main(parser(usual), train, given, FREE)


class Translator(Protocol):
    """A game that is learned, and what is drawn and measured of it."""

    game: Model
    data: TensorDataset
    panels: Mapping[str, Mapping[str, str]]

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """What a step of training gets of a batch of the data."""
        ...

    def end_of_epoch(self, path: Path, title: str) -> dict[str, float]:
        """Draws into a file, and measures."""
        ...


def train(args: Namespace, run: Run) -> None:
    """Trains, and writes the pictures."""
    words = encoded(args.caption) if args.caption is not None else None
    train_set, test_set = cli.load_data(args)
    mg.manual_seed(args.seed)
    try:
        kind = {"cyclegan": Unpaired, "pix2pix": Paired, "text": Sentences}[args.model]
        play: Translator = kind(args, train_set, test_set)
    except ValueError as error:
        raise CommandError(str(error)) from error
    loader = DataLoader(
        play.data,
        args.batch_size,
        shuffle=True,
        drop_last=len(play.data) >= args.batch_size,
        seed=args.seed,
        device=args.device,
    )
    game = Fading(play.game, args.epochs * len(loader))
    trainer = cli.trainer(args, run, loader, game.parts())

    def step(*batch: Tensor) -> Losses:
        return game.train_step(*play.prepared(*batch))

    def end_of_epoch(number: int) -> dict[str, float]:
        path = run.file(f"samples/epoch-{number:03d}.png")
        return play.end_of_epoch(path, f"after epoch {number}")

    trainer.fit(step, end_of_epoch)
    name = f"{args.dataset}, {args.model}"
    with random_numbers(args.seed, args.device):
        play.end_of_epoch(run.file("samples.png"), name)
    frames = [run.file(f"samples/epoch-{row['epoch']:03d}.png") for row in trainer.rows]
    gan_pictures.save_animation(run.file("film.gif"), frames)
    gan_pictures.save_curves(run.file("curves.png"), trainer.rows, play.panels, name)
    last = {name: value for name, value in trainer.rows[-1].items() if name != "epoch"}
    cli.write_summary(args, trainer, last)
    if words is not None and isinstance(play, Sentences):
        with random_numbers(args.seed, args.device):
            play.save_caption(run.file("caption.png"), words, args.caption)
        print(f"{run.folder}/caption.png: {args.caption}")
    farewell(run.folder, explored=True)


def encoded(caption: str) -> Array:
    """The words of sixteen times this caption."""
    try:
        return captions.encode([caption] * CAPTIONED)
    except ValueError as error:
        raise CommandError(str(error)) from error


class Images:
    """Images and what belongs to them: those of the test set, (N, C, H, W) in [0, 1]."""

    def __init__(self, args: Namespace, test_set: ImageDataset) -> None:
        images = test_set.images[:TESTED]
        self.x, self.y = unit(images), unit(pairs.partners(images, args.pairs))
        self.device = args.device

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        return prepared(*batch)


class Unpaired(Images):
    """A CycleGAN, and images whose pairs it does not see."""

    panels = {  # noqa: RUF012
        "losses": {"train_g": "generators", "train_d": "discriminators"},
        "mean square errors of the test set": {
            "test_forth": "forth",
            "test_back": "back",
            "test_cycle": "there and back",
        },
    }

    def __init__(self, args: Namespace, train_set: ImageDataset, test_set: ImageDataset) -> None:
        super().__init__(args, test_set)
        self.data = pairs.unpaired(train_set, args.pairs)
        colours = self.x.shape[1], self.y.shape[1]
        weights = {"cycle": args.cycle, "identity": args.identity}
        self.game = cyclegan(*colours, width=args.width, lr=args.lr, **weights)
        for network in (self.game.forth, self.game.back, self.game.d_x, self.game.d_y):
            network.to(args.device)

    def end_of_epoch(self, path: Path, title: str) -> dict[str, float]:
        made = there_and_back(self.game, self.x, self.y, self.device)
        rows = {
            "x": self.x,
            "G(x)": made["G(x)"],
            "partner": self.y,
            "F(G(x))": made["F(G(x))"],
            "y": self.y,
            "F(y)": made["F(y)"],
            "partner of y": self.x,
            "G(F(y))": made["G(F(y))"],
        }
        save_rows(path, {name: images[:SHOWN] for name, images in rows.items()}, title)
        return {
            "test_forth": squared_error(made["G(x)"], self.y),
            "test_back": squared_error(made["F(y)"], self.x),
            "test_cycle": squared_error(made["F(G(x))"], self.x),
        }


class Paired(Images):
    """pix2pix, and pairs of images; from edges to images, else from images to their partners."""

    panels = {  # noqa: RUF012
        "losses": {"train_g": "generator", "train_d": "discriminator"},
        "mean absolute error": {"test_l1": "test images, white being 1"},
    }

    def __init__(self, args: Namespace, train_set: ImageDataset, test_set: ImageDataset) -> None:
        super().__init__(args, test_set)
        if any(size % 8 for size in self.x.shape[2:]):
            raise ValueError(f"--model pix2pix: sides of {self.x.shape[2:]} are no multiples of 8")
        self.data = pairs.paired(train_set, args.pairs)
        if args.pairs == "edges":
            self.x, self.y = self.y, self.x
            self.data.tensors = self.data.tensors[::-1]
        colours = self.x.shape[1], self.y.shape[1]
        self.game = pix2pix(*colours, width=args.width, lr=args.lr, l1=args.l1)
        for network in (self.game.generator, self.game.discriminator):
            network.to(args.device)

    def end_of_epoch(self, path: Path, title: str) -> dict[str, float]:
        made, again = (translated(self.game.translate, self.x, self.device) for _ in range(2))
        rows = {"x": self.x, "G(x)": made, "with other noise": again, "partner": self.y}
        save_rows(path, {name: images[:SHOWN] for name, images in rows.items()}, title)
        return {
            "test_l1": absolute_error(made, self.y),
            "test_noise": absolute_error(made, again),
        }


class Sentences:
    """A GAN of captions, and faces with captions."""

    panels = {  # noqa: RUF012
        "losses": {"train_g": "generator", "train_d": "discriminator"},
        "mean scores": {"train_real": "faces with their captions", "train_fake": "samples"},
    }

    def __init__(self, args: Namespace, train_set: ImageDataset, test_set: ImageDataset) -> None:
        self.data = captions.captioned(train_set, seed=args.seed)
        slots = captions.slots_of(test_set.factors)[:SHOWN]
        self.texts = captions.sentences(np.random.default_rng(args.seed), slots)
        shape, words = train_set.images.shape[1:], len(captions.VOCABULARY)
        self.game = text_gan(shape, words, width=args.width, lr=args.lr)
        assert self.game.average is not None
        for network in (self.game.generator, self.game.discriminator, self.game.average.module):
            network.to(args.device)
        self.device = args.device

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        images, *words = batch
        return (pairs.pixels(images), *words)

    def end_of_epoch(self, path: Path, title: str) -> dict[str, float]:
        """Faces of the first captions of the test set, a row for each."""
        words = captions.encode(self.texts).repeat(COLUMNS, axis=0)
        pictures.save_grid(path, self.drawn(words), COLUMNS, title, row_labels=self.texts)
        return {}

    def drawn(self, words: Array) -> Array:
        """A face (N, 3, 32, 32) in [0, 1] for each caption (N, L)."""
        samples = self.game.sample(len(words), mg.tensor(words, device=self.device))
        images: Array = (samples.numpy(force=True) + 1) / 2
        return images

    def save_caption(self, path: Path, words: Array, title: str) -> None:
        pictures.save_grid(path, self.drawn(words), COLUMNS, title, scale=4)


if __name__ == "__main__":
    sys.exit(main())
