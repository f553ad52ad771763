"""Trains a deep convolutional GAN: samples after each epoch, curves, a film.

    python -m demos.dcgan                                          drawn digits; 1 to 2 min an epoch
    python -m demos.dcgan --dataset mnist --data-dir DIR
    python -m demos.dcgan --dataset faces --conditional --size 64

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch, from the same noise), film.gif of these, and the pictures; what their
numbers mean is in the help of python -m demos.gan.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from demos.common import adversarial, cli
from demos.common.adversarial import Images, game, game_arguments
from demos.common.run import CommandError, Run
from models.dcgan import SIZES, DCGANDiscriminator, DCGANGenerator
from models.gan import GAN


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.dcgan", __doc__)
    cli.common_arguments(parser, epochs=8, batch_size=64, lr=6e-4)
    game_arguments(parser, beta1=0.5, r1=0.0, r1_help="0")
    add = parser.add_argument_group("model").add_argument
    number: dict[str, Any] = {"type": cli.whole(1), "metavar": "N"}
    add("--noise", **number, default=64, help="length of z (default: %(default)s)")
    add(
        "--width",
        **number,
        default=24,
        help="channels next to the image; twice as many where it is half as large, and so on "
        "(default: %(default)s)",
    )
    add(
        "--end",
        type=int,
        choices=(2, 4),
        default=4,
        help="the discriminator's last features are of N x N places; of 2x2 each sees the whole "
        "image, which makes better digits, and worse faces (default: %(default)s)",
    )
    add("--conditional", action="store_true", help="give both networks the labels of the images")
    add(
        "--size",
        type=int,
        choices=tuple(SIZES),
        help="of the images: faces are drawn anew at 64; of others the pixels are repeated, with a "
        "black margin (default: as they are)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv)


def train(args: Namespace, run: Run) -> None:
    """Trains, and writes the pictures."""
    adversarial.train(args, run, Images(args, args.size), build)


def build(args: Namespace, shape: tuple[int, ...], classes: int) -> GAN:
    """The networks and the game that the arguments ask for."""
    # A penalty is on each image's own slope: no batch normalization, which mixes a batch's images.
    batch_norm = not (args.r1 or args.gp)
    try:
        generator = DCGANGenerator(args.noise, shape, args.width, classes)
        discriminator = DCGANDiscriminator(
            shape, args.width, classes, start=args.end, batch_norm=batch_norm
        )
    except ValueError as error:
        raise CommandError(f"{error}; --size makes them so") from error
    return game(args, generator.to(args.device), discriminator.to(args.device), beta2=0.999)


if __name__ == "__main__":
    sys.exit(main())
