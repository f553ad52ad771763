"""Trains a generative adversarial network of fully connected layers: samples, curves, a film.

    python -m demos.gan                                  drawn digits; minutes on a laptop
    python -m demos.gan --toy ring                       eight modes in the plane
    python -m demos.gan --dataset mnist --data-dir DIR --objective wgan --gp 10 --k 5

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch, from the same noise), film.gif of these, and the pictures. d and g are
the losses of the two players: neither need fall, since each depends on how good the other has
become. real and fake are the discriminator's mean scores of data and of samples in training;
seen_real and test_real are those of as many training and test images at the end of the epoch: the
first is higher where the discriminator learns the data by heart. With --toy there are the modes
found (of 2,500 samples: with at least 1 and 20 of them), the share of samples within 3 standard
deviations of a mode, and the KL in nats of the modes found to uniform.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from demos.common import adversarial, cli, gan_pictures
from demos.common.adversarial import Images, game, game_arguments
from demos.common.run import CommandError, Run
from minigrad import Tensor
from minigrad.data import TensorDataset
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.measures.modes import MIXTURES, SAMPLES, coverage

POINTS = 100_000  # of a toy's data set


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.gan", __doc__)
    cli.common_arguments(parser, epochs=30, batch_size=128, lr=5e-4)
    add = parser.add_argument_group("instead of images").add_argument
    add("--toy", choices=tuple(MIXTURES), help="learn points in the plane")
    game_arguments(
        parser,
        beta1=0.0,
        r1=None,
        r1_help="10, or 1 with --toy; 0 with an objective that has no logarithm, and with --gp or "
        "--clip",
    )
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


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv)


def train(args: Namespace, run: Run) -> None:
    """Trains, and writes the pictures."""
    fill_in(args)
    play = Points(args) if args.toy else Images(args)
    adversarial.train(args, run, play, build)


def fill_in(args: Namespace) -> None:
    """The defaults that depend on other arguments.

    NOTE: without R1 the digits of the default run collapse: after 7 to 12 epochs (lr 5e-4) there is
    one blot with weight 0, there are three digits with 1, and all ten with 10.
    """
    if args.toy:
        if args.dataset not in (cli.DATASET, args.toy):
            raise CommandError(f"--toy is instead of images: leave --dataset {args.dataset} out")
        args.dataset = args.toy  # what the run is of
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


class Points:
    """What is learned with --toy, as the networks see it: no coordinate of a mode beyond 1."""

    shape: tuple[int, ...] = (2,)
    classes = 0
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

    def prepared(self, *batch: Tensor) -> tuple[Tensor, ...]:
        return batch

    def end_of_epoch(self, gan: GAN, path: Path, title: str) -> dict[str, float]:
        """Draws samples of the first noise, and measures them."""
        points = gan.sample(SAMPLES).numpy(force=True) * self.scale
        gan_pictures.save_points(path, points, self.mixture, title)
        return dict(vars(coverage(points, self.mixture)))


if __name__ == "__main__":
    sys.exit(main())
