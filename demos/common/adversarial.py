"""What the programs of GANs share: the rules of the game as arguments, images, the training.

A folder of a run has summary.json, metrics.csv, checkpoint.safetensors, samples/, film.gif and the
pictures; demos/gan.py says what is in them.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

import minigrad as mg
from demos.common import cli, gan_pictures, pictures
from demos.common.evaluation import mean_losses
from demos.common.run import CommandError, Run
from demos.common.training import random_numbers
from demos.common.words import farewell
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, Dataset, ImageDataset, Subset, faces
from models import objectives
from models.gan import GAN
from models.model import Losses
from models.objectives import OBJECTIVES

SHOWN, COLUMNS = 64, 8  # images in a picture of samples
EVALUATED_AT_ONCE = 256


def game_arguments(parser: ArgumentParser, *, beta1: float, r1: float | None, r1_help: str) -> None:
    """Adds the rules of the game."""
    add = parser.add_argument_group("game").add_argument
    add(
        "--objective",
        choices=tuple(OBJECTIVES),
        default="non-saturating",
        help="(default: %(default)s)",
    )
    add(
        "--k",
        type=cli.whole(1),
        default=1,
        metavar="N",
        help="discriminator steps before each generator step (default: %(default)s)",
    )
    add(
        "--r1",
        type=cli.not_negative,
        metavar="X",
        default=r1,
        help=f"weight of the penalty on the discriminator's slope at data (default: {r1_help})",
    )
    for name, default, meaning in (
        ("gp", 0.0, "weight of the WGAN-GP penalty"),
        ("clip", 0.0, "bound of the discriminator's weights, 0 for none"),
        ("label-smoothing", 0.0, "taken from the label 1 of data"),
        ("ema", 0.999, "decay of the averaged weights that samples are made with, 0 for none"),
        ("beta1", beta1, "Adam's first decay"),
    ):
        help = f"{meaning} (default: {default:g})"
        add(f"--{name}", type=cli.not_negative, default=default, metavar="X", help=help)


def game(
    args: Namespace, generator: nn.Module, discriminator: nn.Module, beta2: float = 0.99
) -> GAN:
    """Two networks with Adam each, by the rules that the arguments ask for."""
    try:
        g_optimizer, d_optimizer = (
            optim.Adam(network.parameters(), args.lr, (args.beta1, beta2))
            for network in (generator, discriminator)
        )
        objective = objectives.named(
            args.objective,
            r1=args.r1,
            gp=args.gp,
            clip=args.clip,
            label_smoothing=args.label_smoothing,
        )
        return GAN(
            generator,
            discriminator,
            g_optimizer,
            d_optimizer,
            objective,
            noise=args.noise,
            k=args.k,
            ema=args.ema,
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


class Play(Protocol):
    """What is learned: data as the networks see them, what is drawn of the samples, and measured.

    `shape` and `classes` (0 for none) are of the data, and `panels` the curves of a run: the
    columns of metrics.csv, and what they are called, under a heading each.
    """

    name: str
    shape: tuple[int, ...]
    classes: int

    @property
    def data(self) -> Dataset: ...

    @property
    def panels(self) -> Mapping[str, Mapping[str, str]]: ...

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """What a step of training gets of a batch of the data."""
        ...

    def end_of_epoch(self, gan: GAN, path: Path, title: str) -> dict[str, float]:
        """Draws samples of the first noise into a file, and measures."""
        ...


def train(
    args: Namespace, run: Run, play: Play, build: Callable[[Namespace, tuple[int, ...], int], GAN]
) -> None:
    """Trains what `build(args, shape, classes)` makes, and writes the pictures."""
    mg.manual_seed(args.seed)
    gan = build(args, play.shape, play.classes)
    size = args.batch_size * args.k
    loader = DataLoader(
        play.data,
        size,
        shuffle=True,
        drop_last=len(play.data) >= size,
        seed=args.seed,
        device=args.device,
    )
    trainer = cli.trainer(args, run, loader, {"gan": gan})

    def step(*batch: Tensor) -> Losses:
        return gan.train_step(*play.prepared(*batch))

    def end_of_epoch(number: int) -> dict[str, float]:
        path = run.file(f"samples/epoch-{number:03d}.png")
        return play.end_of_epoch(gan, path, f"samples after epoch {number}")

    trainer.fit(step, end_of_epoch)
    with random_numbers(args.seed, args.device):
        play.end_of_epoch(gan, run.file("samples.png"), f"samples: {play.name}")
    frames = [run.file(f"samples/epoch-{row['epoch']:03d}.png") for row in trainer.rows]
    gan_pictures.save_animation(run.file("film.gif"), frames)
    gan_pictures.save_curves(run.file("curves.png"), trainer.rows, play.panels, play.name)
    last = {name: value for name, value in trainer.rows[-1].items() if name != "epoch"}
    cli.write_summary(args, trainer, last)
    farewell(run.folder, explored=isinstance(play, Images))


class Images:
    """An image data set as the networks see it: pixels from -1 to 1, with labels if asked for."""

    panels: ClassVar = {
        "losses": {"train_d": "discriminator", "train_g": "generator"},
        "mean scores": {
            "seen_real": "training data",
            "test_real": "test data",
            "train_fake": "samples, mean of the epoch",
        },
    }

    def __init__(self, args: Namespace, size: int | None = None) -> None:
        self.data, self.test = (enlarged(part, size) for part in cli.load_data(args))
        self.seen = Subset(self.data, range(min(len(self.data), len(self.test))))
        self.shape = self.data.images.shape[1:]
        self.conditional = args.conditional
        self.classes = len(self.data.classes) if self.conditional else 0
        self.device = args.device
        self.name = f"{args.dataset}, {args.objective}"

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        x, labels = batch
        return (2 * x - 1, labels) if self.conditional else (2 * x - 1,)

    def end_of_epoch(self, gan: GAN, path: Path, title: str) -> dict[str, float]:
        """Draws samples of the first noise: with labels a row for each class, a column for each z.
        Scores of data seen and not seen show if the discriminator knows data, or this data."""
        names = self.data.classes if self.conditional else ()
        if names:
            z = gan.draw_noise(COLUMNS)
            labels = np.arange(len(names)).repeat(COLUMNS)
            z = mg.concat([z] * len(names))
            samples = gan.generate(z, mg.tensor(labels, device=self.device))
        else:
            samples = gan.sample(SHOWN)
        images = (samples.numpy(force=True) + 1) / 2
        pictures.save_grid(path, images, COLUMNS, title, row_labels=names)
        parts = {"seen_real": self.seen, "test_real": self.test}
        return {name: self.mean_score(gan, images) for name, images in parts.items()}

    def mean_score(self, gan: GAN, images: Dataset) -> float:
        """The discriminator's mean score of images."""

        def scores(*batch: Tensor) -> Losses:
            return {"score": gan.discriminator(*self.prepared(*batch)).mean()}

        loader = DataLoader(images, EVALUATED_AT_ONCE, device=self.device)
        return mean_losses(scores, loader)["score"]


def enlarged(data: ImageDataset, size: int | None) -> ImageDataset:
    """Images of size x size: each pixel as often as there is room for, then a black margin; drawn
    faces are drawn anew, twice as large.

    None leaves them as they are. Raises CommandError for images that are larger.
    """
    height, width = data.images.shape[2:]
    if size is None:
        return data
    if "smile" in data.factors and size == 2 * height:
        return replace(data, images=faces.larger(data.factors, 2))
    if size < max(height, width):
        raise CommandError(f"{data.name}: images of {height}x{width} are larger than {size}x{size}")
    times = size // max(height, width)
    images = data.images.repeat(times, 2).repeat(times, 3)
    margins = [(size - n) // 2 for n in images.shape[2:]]
    around = [(m, size - n - m) for m, n in zip(margins, images.shape[2:], strict=True)]
    return replace(data, images=np.pad(images, [(0, 0), (0, 0), *around]))
