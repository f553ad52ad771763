"""Trains a generative adversarial network of fully connected layers: samples, curves, a film.

    python -m demos.gan                                  drawn digits; minutes on a laptop
    python -m demos.gan --toy ring                       eight modes in the plane
    python -m demos.gan --dataset mnist --data-dir DIR --objective wgan --gp 10 --k 5
    python -m demos.gan --experiment all                 what the lecture claims, as experiments

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch, from the same noise), film.gif of these, and the pictures. d and g are
the losses of the two players: neither need fall, since each depends on how good the other has
become. real and fake are the discriminator's mean scores of data and of samples; test_real is that
of the test set, which falls below train_real where the discriminator learns the data by heart. With
--toy there are the modes found (of 2,500 samples: with at least 1 and 20 of them), the share of
samples within 3 standard deviations of a mode, and the KL in nats of the modes found to uniform.
"""

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from demos import cli, gan_pictures, pictures
from demos.experiments import (
    critic_distance,
    flat_gradient,
    k_steps,
    modes,
    optimal_discriminator,
)
from demos.experiments.finding import Experiment
from demos.run import CommandError, Run
from demos.training import Means, Trainer, random_numbers
from minigrad import Tensor, optim
from minigrad.data import DataLoader, ImageDataset, TensorDataset
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.measures.modes import MIXTURES, SAMPLES, coverage
from models.objectives import OBJECTIVES

EXPERIMENTS: dict[str, Experiment] = {
    "optimal-discriminator": optimal_discriminator.run,
    "flat-gradient": flat_gradient.run,
    "k-steps": k_steps.run,
    "modes": modes.run,
    "critic-distance": critic_distance.run,
}
POINTS = 100_000  # of a toy's data set
SHOWN, COLUMNS = 64, 8  # images in a picture of samples
EVALUATED_AT_ONCE = 256


def parser() -> ArgumentParser:
    """The command line."""
    parser = ArgumentParser(
        "python -m demos.gan",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.common_arguments(parser, epochs=30, batch_size=128, lr=5e-4)
    add = parser.add_argument_group("instead of images").add_argument
    add("--toy", choices=tuple(MIXTURES), help="learn points in the plane")
    cli.experiment_argument(parser, EXPERIMENTS)
    game_arguments(parser)
    add = parser.add_argument_group("model").add_argument
    number: dict[str, Any] = {"type": cli.whole(1), "metavar": "N"}
    add("--noise", **number, help="length of z (default: 64, or 2 with --toy)")
    add(
        "--hidden",
        **number,
        help="units in each of 3 hidden layers (default: 256, or 128 with --toy)",
    )
    add("--conditional", action="store_true", help="give both networks the labels of the images")
    return parser


def game_arguments(parser: ArgumentParser) -> None:
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
        type=not_negative,
        metavar="X",
        help="weight of the penalty on the discriminator's slope at data (default: 10, or 1 with "
        "--toy; 0 with an objective that has no logarithm, and with --gp or --clip)",
    )
    for name, default, meaning in (
        ("gp", 0.0, "weight of the WGAN-GP penalty"),
        ("clip", 0.0, "bound of the discriminator's weights, 0 for none"),
        ("label-smoothing", 0.0, "taken from the label 1 of data"),
        ("ema", 0.999, "decay of the averaged weights that samples are made with, 0 for none"),
        ("beta1", 0.0, "Adam's first decay"),
    ):
        help = f"{meaning} (default: {default:g})"
        add(f"--{name}", type=not_negative, default=default, metavar="X", help=help)


def not_negative(text: str) -> float:
    """An argument's type: a finite float of at least 0."""
    return 0.0 if text in ("0", "0.0") else cli.positive(text)


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv, experiments=EXPERIMENTS)


def train(args: Namespace, run: Run) -> None:
    """Trains, and writes the pictures."""
    fill_in(args)
    play = Points(args) if args.toy else Images(args)
    mg.manual_seed(args.seed)
    gan = build(args, play.shape, play.classes)
    loader = DataLoader(
        play.data,
        args.batch_size * args.k,
        shuffle=True,
        drop_last=len(play.data) >= args.batch_size * args.k,
        seed=args.seed,
        device=args.device,
    )
    trainer = Trainer(
        run,
        loader,
        {"gan": gan},
        cli.saved_arguments(args),
        epochs=args.epochs,
        seed=args.seed,
        device=args.device,
        checkpoint_every=args.checkpoint_every,
    )

    def step(*batch: Tensor) -> dict[str, Tensor]:
        return gan.train_step(*play.prepared(*batch))._asdict()

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
    seconds = {"seconds": round(trainer.clock.seconds(), 1)}
    run.write_summary({**last, **seconds, "args": vars(args), "version": mg.__version__})
    print(f"everything is in {run.folder}/")


def fill_in(args: Namespace) -> None:
    """The defaults that depend on other arguments.

    NOTE: without R1 the digits of the default run collapse: after 7 to 12 epochs (lr 5e-4) there is
    one blot with weight 0, there are three digits with 1, and all ten with 10.
    """
    if args.noise is None:
        args.noise = 2 if args.toy else 64
    if args.hidden is None:
        args.hidden = 128 if args.toy else 256
    if args.r1 is None:
        logarithmic = args.objective in ("minimax", "non-saturating")
        usual = 1.0 if args.toy else 10.0
        args.r1 = usual if logarithmic and not (args.gp or args.clip) else 0.0


def build(args: Namespace, shape: tuple[int, ...], classes: int) -> GAN:
    """The networks and the game that the arguments ask for."""
    hidden = [args.hidden] * 3
    generator = MLPGenerator(args.noise, hidden, shape, classes).to(args.device)
    discriminator = MLPDiscriminator(shape, hidden, classes).to(args.device)
    return game(args, generator, discriminator)


def game(args: Namespace, generator: Any, discriminator: Any) -> GAN:
    """Two networks with Adam each, by the rules that the arguments ask for."""
    try:
        g_optimizer, d_optimizer = (
            optim.Adam(network.parameters(), args.lr, (args.beta1, 0.99))
            for network in (generator, discriminator)
        )
        return GAN(
            generator,
            discriminator,
            g_optimizer,
            d_optimizer,
            args.objective,
            noise=args.noise,
            k=args.k,
            r1=args.r1,
            gp=args.gp,
            clip=args.clip,
            label_smoothing=args.label_smoothing,
            ema=args.ema,
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


class Points:
    """What is learned with --toy, as the networks see it: no coordinate of a mode beyond 1."""

    shape, classes = (2,), 0
    panels: ClassVar = {
        "losses": {"train_d": "discriminator", "train_g": "generator"},
        "modes": {"modes": "with 1 sample", "modes_20": "with 20 samples"},
        "share of samples": {"high_quality": "of high quality"},
    }

    def __init__(self, args: Namespace) -> None:
        self.name = f"{args.toy}, {args.objective}"
        self.mixture = MIXTURES[args.toy]()
        self.scale = np.float32(np.abs(self.mixture.modes).max())
        points = self.mixture.draw(args.limit or POINTS, np.random.default_rng(args.seed))
        self.data = TensorDataset(points / self.scale)

    def prepared(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x,)

    def end_of_epoch(self, gan: GAN, path: Path, title: str) -> dict[str, float]:
        """Draws samples of the first noise, and measures them."""
        points = gan.sample(gan.draw_noise(SAMPLES)).numpy(force=True) * self.scale
        gan_pictures.save_points(path, points, self.mixture, title)
        return dict(vars(coverage(points, self.mixture)))


class Images:
    """An image data set as the networks see it: pixels from -1 to 1, with labels if asked for."""

    panels: ClassVar = {
        "losses": {"train_d": "discriminator", "train_g": "generator"},
        "mean scores": {
            "train_real": "training data",
            "test_real": "test data",
            "train_fake": "samples",
        },
    }

    def __init__(self, args: Namespace) -> None:
        self.data, self.test = cli.load_data(args)
        self.shape = self.data.images.shape[1:]
        self.conditional = args.conditional
        self.classes = len(self.data.classes) if self.conditional else 0
        self.device = args.device
        self.name = f"{args.dataset}, {args.objective}"

    def prepared(self, x: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        return (2 * x - 1, labels) if self.conditional else (2 * x - 1,)

    def end_of_epoch(self, gan: GAN, path: Path, title: str) -> dict[str, float]:
        """Draws samples of the first noise: with labels a row for each class, a column for each z.
        The score of the test set shows whether the discriminator knows data, or this data."""
        names = self.data.classes if self.conditional else ()
        if names:
            z = gan.draw_noise(COLUMNS)
            labels = np.arange(len(names)).repeat(COLUMNS)
            z = mg.concat([z] * len(names))
            samples = gan.sample(z, mg.tensor(labels, device=self.device))
        else:
            samples = gan.sample(gan.draw_noise(SHOWN))
        images = (samples.numpy(force=True) + 1) / 2
        pictures.save_grid(path, images, COLUMNS, title, row_labels=names)
        return {"test_real": self.mean_score(gan, self.test)}

    def mean_score(self, gan: GAN, images: ImageDataset) -> float:
        """The discriminator's mean score of images."""
        means = Means()
        with mg.no_grad():
            for batch in DataLoader(images, EVALUATED_AT_ONCE, device=self.device):
                scores = gan.discriminator(*self.prepared(*batch))
                means.add({"score": scores.mean()}, len(scores))
        return means.take()["score"]


if __name__ == "__main__":
    sys.exit(main())
