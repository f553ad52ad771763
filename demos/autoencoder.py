"""Trains an autoencoder: numbers, reconstructions, the map of codes, what a linear one has learned.

    python -m demos.autoencoder                                  drawn digits; minutes on a laptop
    python -m demos.autoencoder --dataset mnist --data-dir DIR --model conv
    python -m demos.autoencoder --code 2                         the codes as a map
    python -m demos.autoencoder --noise 0.5                      takes noise away
    python -m demos.autoencoder --adversarial --code 8           new images, by codes like N(0, I)

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors and the
pictures. loss is the squared error, summed over the pixels of an image; mse is the same per pixel,
and pca_mse what PCA leaves with a code of that length. With --noise, what the encoder sees in loss
and mse has noise, and test_clean_mse is the error on test images without.

With --adversarial there are samples/ (after each epoch, from the same noise) and game.png: d and e
are what the discriminator of codes and the encoder lose against each other, prior and codes the
discriminator's mean scores of both; test_mmd is the squared MMD of test codes to N(0, I), and
floor_mmd what that would be of equal distributions.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import minigrad as mg
from demos.common import autoencoder_pictures, cli, gan_pictures, pictures
from demos.common.evaluation import codes, flat, mean_loss
from demos.common.run import CommandError, Run
from demos.common.training import Trainer, random_numbers
from demos.common.words import farewell
from minigrad import Tensor, optim
from minigrad.data import DataLoader, ImageDataset
from models.aae import AAE, adversarial
from models.autoencoder import ARCHITECTURES, Autoencoder
from models.measures import linear, mmd
from models.model import Learner, Losses

SAMPLES, COLUMNS = 64, 8  # images in a picture of samples
GAME = {
    "squared error per image": {"train_loss": "train", "test_loss": "test"},
    "losses of the game": {"train_d": "discriminator", "train_e": "encoder"},
    "squared MMD of codes to N(0, I)": {"test_mmd": "test images"},
}


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.autoencoder", __doc__)
    cli.common_arguments(parser, epochs=10, batch_size=128, lr=1e-3)
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=tuple(ARCHITECTURES), default="deep", help="(default: %(default)s)")
    add(
        "--code",
        type=cli.whole(1),
        default=32,
        metavar="N",
        help="numbers that an image becomes; with 2 they are drawn as a map (default: %(default)s)",
    )
    add(
        "--noise",
        type=cli.not_negative,
        default=0.0,
        metavar="X",
        help="standard deviation of noise that is to be taken away again (default: none)",
    )
    add(
        "--adversarial",
        action="store_true",
        help="a discriminator of codes makes the encoder's look like N(0, I)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv)


def train(args: Namespace, run: Run) -> None:
    """Trains, then compares with PCA and writes the pictures."""
    train_set, test_set = cli.load_data(args)
    mg.manual_seed(args.seed)
    model = build(args, train_set.images.shape[1:])
    learner = learner_of(args, model)
    loader = DataLoader(
        train_set, args.batch_size, shuffle=True, seed=args.seed, device=args.device
    )
    trainer = cli.trainer(args, run, loader, learner.parts())

    def step(x: Tensor, labels: Tensor) -> Losses:
        return learner.train_step(x)

    def end_of_epoch(number: int) -> dict[str, float]:
        loss = mean_loss(model, test_set, args.device)
        found = {"test_loss": loss, "test_mse": loss / test_set.images[0].size}
        if isinstance(learner, AAE):
            path = run.file(f"samples/epoch-{number:03d}.png")
            save_samples(path, learner, f"samples after epoch {number}")
            found["test_mmd"] = mmd.to_normal(codes(model, test_set, args.device)).found
        return found

    trainer.fit(step, end_of_epoch)
    print("comparing with PCA, and drawing ...", flush=True)
    numbers = summary(model, trainer, train_set, test_set, args.device)
    draw(model, test_set, trainer, args)
    if isinstance(learner, AAE):
        numbers |= draw_game(learner, test_set, trainer, args)
    cli.write_summary(args, trainer, numbers)
    said = ", ".join(f"{name} {value:.5f}" for name, value in numbers.items() if "mse" in name)
    print(f"{said} (per pixel)")
    farewell(run.folder, explored=True)


def build(args: Namespace, image_shape: tuple[int, ...]) -> Autoencoder:
    """The model that the arguments ask for."""
    try:
        model = ARCHITECTURES[args.model](image_shape, args.code, noise=args.noise)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return model.to(args.device)


def learner_of(args: Namespace, model: Autoencoder) -> Learner | AAE:
    """What trains the model."""
    if not args.adversarial:
        return Learner(model, optim.Adam(model.parameters(), lr=args.lr))
    try:
        return adversarial(model, args.lr)
    except ValueError as error:
        raise CommandError(f"--adversarial, --model {args.model}: {error}") from error


def summary(
    model: Autoencoder,
    trainer: Trainer,
    train_set: ImageDataset,
    test_set: ImageDataset,
    device: str,
) -> dict[str, Any]:
    """The last errors, and what PCA leaves with as many numbers."""
    last = trainer.rows[-1]
    numbers = {name: last[name] for name in ("train_loss", "test_loss", "test_mse")}
    pixels = test_set.images[0].size
    if noise := model.noise:
        model.noise = 0.0
        numbers["test_clean_mse"] = mean_loss(model, test_set, device) / pixels
        model.noise = noise
    best = linear.pca(flat(train_set), min(model.code, pixels))
    numbers["pca_mse"] = best.error(flat(test_set))
    numbers["parameters"] = sum(p.numel() for p in model.parameters())
    return numbers


def draw(model: Autoencoder, test_set: ImageDataset, trainer: Trainer, args: Namespace) -> None:
    """Writes all pictures."""
    run = trainer.run
    name = f"{args.dataset}, {args.model} autoencoder, code of {args.code}"
    autoencoder_pictures.save_reconstructions(run.file("reconstructions.png"), model, test_set)
    if args.code == 2:
        title = f"codes of {len(test_set):,} test images: {args.dataset}, {args.model}"
        z = codes(model, test_set, args.device)
        pictures.save_codes(run.file("codes.png"), z, test_set.labels, test_set.classes, title)
    if args.model in ("linear", "sigmoid"):
        shape = test_set.images.shape[1:]
        autoencoder_pictures.save_weights(run.file("weights.png"), model, shape)
    heading = {"loss": "squared error per image"}
    pictures.save_curves(run.file("curves.png"), trainer.rows, heading, name, "summed over pixels")


def draw_game(aae: AAE, test_set: ImageDataset, trainer: Trainer, args: Namespace) -> Any:
    """Writes the pictures of an adversarial autoencoder; its codes' distance to the prior."""
    run, name = trainer.run, f"{args.dataset}, adversarial autoencoder, code of {args.code}"
    with random_numbers(args.seed, args.device):
        save_samples(run.file("samples.png"), aae, f"samples: {name}")
    gan_pictures.save_curves(run.file("game.png"), trainer.rows, GAME, name)
    found, floor = mmd.to_normal(codes(aae.model, test_set, args.device))
    return {"test_mmd": found, "floor_mmd": floor}


def save_samples(path: Path, aae: AAE, title: str) -> None:
    """Writes what the decoder makes of draws of the prior."""
    pictures.save_grid(path, aae.sample(SAMPLES).numpy(force=True), COLUMNS, title)


if __name__ == "__main__":
    sys.exit(main())
