"""Trains a variational autoencoder: numbers, samples, reconstructions and the latents' pictures.

    python -m demos.vae                                          drawn digits; minutes on a laptop
    python -m demos.vae --dataset mnist --data-dir DIR --epochs 10
    python -m demos.vae --dataset mnist --latent 2 --epochs 30   the two-dimensional manifold
    python -m demos.vae --dataset mnist --binarize --hidden 200 200 --activation tanh --latent 50
    python -m demos.vae --dataset cifar-10 --model conv --likelihood logistic --latent 128
    python -m demos.vae --dataset mnist --posterior iaf --flows 4
    python -m demos.vae --dataset mnist --binarize --model pixel --free 0.5

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch, from the same noise), film.gif of these, and the pictures. Numbers are
nats per image, and less is better: nelbo is the negative ELBO, rec + kl; test_iwae is minus the
IWAE bound with k samples, which is closer to -log p(x). With --likelihood gaussian they are of
densities, and may be negative; with logistic they are of bytes, and test_bpd is test_nelbo in bits
per dimension.

With --model pixel the decoder draws pixel by pixel, and its bound says nothing of z: test_active is
how many latents vary, and test_lost what the decoder loses in nats when z is another image's.
"""

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

import minigrad as mg
from demos.common import cli, datasets, gan_pictures, latents, pictures
from demos.common.evaluation import mean_iwae, mean_terms
from demos.common.run import CommandError, Run
from demos.common.training import Trainer, random_numbers
from demos.common.words import farewell, listed
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, ImageDataset
from models.flows import FLOWS, with_flows
from models.likelihoods import (
    LIKELIHOODS,
    DiscretizedLogistic,
    binarize,
    bits_per_dimension,
)
from models.measures.bounds import active_units, lost_with_anothers
from models.model import Learner, Losses
from models.pixelvae import PixelVAE, pixel_vae
from models.vae import VAE, conv_vae, mlp_vae

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
SAMPLES, COLUMNS = 64, 8  # images in a picture of samples
EVALUATED_AT_ONCE = 256  # images


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.vae", __doc__)
    cli.common_arguments(parser, epochs=20, batch_size=128, lr=1e-3)
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=("mlp", "conv", "pixel"), default="mlp", help="(default: %(default)s)")
    add(
        "--latent",
        type=cli.whole(1),
        default=20,
        metavar="N",
        help="latents; with 2 the whole manifold is drawn (default: %(default)s)",
    )
    add(
        "--hidden",
        type=cli.whole(1),
        nargs="+",
        metavar="N",
        help="units of the encoder's hidden layers, of which conv and pixel have one; the decoder "
        "has them in reverse (default: mlp 400, conv and pixel 256)",
    )
    add("--activation", choices=tuple(ACTIVATIONS), default="relu", help="(default: %(default)s)")
    add(
        "--likelihood",
        choices=tuple(LIKELIHOODS),
        help="of a pixel; logistic, mixture and colours are those of bytes (default: bernoulli for "
        "grey images, whose grey levels are then the targets; gaussian for colour)",
    )
    add(
        "--blocks",
        type=cli.whole(0),
        default=1,
        metavar="N",
        help="residual blocks of pixel's decoder: the more, the farther it sees, and the less it "
        "needs z (default: %(default)s)",
    )
    add(
        "--free",
        type=cli.not_negative,
        default=0.0,
        metavar="X",
        help="nats of each of pixel's latents that cost nothing (default: %(default)s)",
    )
    add(
        "--binarize",
        action="store_true",
        help="draw black and white pixels at every use of an image, each with the probability of "
        "its grey level; those of test images once",
    )
    add(
        "--posterior",
        choices=("gaussian", *FLOWS),
        default="gaussian",
        help="q(z|x): a diagonal Gaussian, or that sent through planar or inverse autoregressive "
        "flows, or mirrored; KLs are then by samples (default: %(default)s)",
    )
    add(
        "--flows",
        type=cli.whole(1),
        default=4,
        metavar="N",
        help="how many, where the posterior has any (default: %(default)s)",
    )
    add(
        "--beta",
        type=cli.positive,
        default=1.0,
        metavar="X",
        help="weight of the KL in the objective (default: %(default)s)",
    )
    add(
        "--k",
        type=cli.whole(1),
        default=1,
        metavar="K",
        help="samples of z per image in training; with more than one, the objective is the IWAE "
        "bound instead of the ELBO (default: %(default)s)",
    )
    add(
        "--iwae-k",
        type=cli.whole(1),
        default=50,
        metavar="K",
        help="samples per test image of the final IWAE bound (default: %(default)s)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv, free={"iwae_k"})


def train(args: Namespace, run: Run) -> None:
    """Trains, then evaluates and writes the pictures."""
    train_set, test_set = cli.load_data(args)
    if args.hidden is None:
        args.hidden = [400] if args.model == "mlp" else [256]
    if args.likelihood is None:
        colour = "logistic" if args.model == "pixel" else "gaussian"
        args.likelihood = "bernoulli" if train_set.images.shape[1] == 1 else colour
    if args.binarize:
        if args.likelihood != "bernoulli":
            raise CommandError(
                f"--binarize goes with --likelihood bernoulli, not {args.likelihood}"
            )
        test_set = datasets.binarized(test_set, args.seed)
    elif args.model == "pixel" and args.likelihood == "bernoulli":
        raise CommandError("--model pixel is told pixels as it draws them, 0 or 1: add --binarize")
    mg.manual_seed(args.seed)
    model = build(args, train_set.images.shape[1:])
    learner = Learner(model, optim.Adam(model.parameters(), lr=args.lr))
    loader = DataLoader(
        train_set, args.batch_size, shuffle=True, seed=args.seed, device=args.device
    )
    test_loader = DataLoader(test_set, EVALUATED_AT_ONCE, device=args.device)
    trainer = cli.trainer(args, run, loader, learner.parts())

    def step(x: Tensor, labels: Tensor) -> Losses:
        terms = learner.train_step(binarize(x) if args.binarize else x)
        rec, kl = terms["rec"], terms["kl"]
        return {"nelbo": rec + kl, "rec": rec, "kl": kl}

    def end_of_epoch(number: int) -> dict[str, float]:
        images = model.sample(SAMPLES).numpy(force=True)
        title = f"samples after epoch {number}"
        pictures.save_grid(run.file(f"samples/epoch-{number:03d}.png"), images, COLUMNS, title)
        return evaluate(model, test_loader)

    trainer.fit(step, end_of_epoch)
    frames = [run.file(f"samples/epoch-{row['epoch']:03d}.png") for row in trainer.rows]
    gan_pictures.save_animation(run.file("film.gif"), frames)
    print(f"evaluating {args.iwae_k} samples per image, and drawing ...", flush=True)
    with random_numbers(args.seed, args.device):
        draw(model, test_set, trainer, args)
    with random_numbers(args.seed, args.device):
        bound = mean_iwae(model, test_loader, args.iwae_k)
    last = trainer.rows[-1]
    summary = {name: value for name, value in last.items() if name.startswith("test_")}
    summary |= {"test_iwae": bound, "iwae_k": args.iwae_k}
    cli.write_summary(args, trainer, summary)
    bounds = {name: summary[name] for name in ("test_nelbo", "test_rec", "test_kl", "test_iwae")}
    print(f"{listed(bounds)} (nats per image; less is better)")
    farewell(run.folder, explored=args.posterior == "gaussian")


def build(args: Namespace, image_shape: tuple[int, ...]) -> VAE:
    """The model that the arguments ask for."""
    options: dict[str, Any] = {"likelihood": args.likelihood, "beta": args.beta, "k": args.k}
    if args.model == "pixel":
        options |= {"blocks": args.blocks, "free": args.free}
    else:
        options["activation"] = ACTIVATIONS[args.activation]
    if args.model != "mlp" and len(args.hidden) > 1:
        widths = " ".join(map(str, args.hidden))
        raise CommandError(f"--model {args.model} has one hidden layer, got --hidden {widths}")
    try:
        if args.model == "mlp":
            model = mlp_vae(image_shape, args.latent, args.hidden, **options)
        else:
            make = {"conv": conv_vae, "pixel": pixel_vae}[args.model]
            model = make(image_shape, args.latent, *args.hidden, **options)
        if args.posterior != "gaussian":
            if args.free:
                raise CommandError("--free is for a Gaussian posterior, whose KL has a closed form")
            with_flows(model, args.posterior, args.flows)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return model.to(args.device)


def evaluate(model: VAE, loader: DataLoader) -> dict[str, float]:
    """The negative ELBO and its two parts on a test set, with one sample of z per image (or k)."""
    rec, kl = mean_terms(model, loader)
    found = {"test_nelbo": rec + kl, "test_rec": rec, "test_kl": kl}
    if isinstance(model, PixelVAE):
        x = mg.tensor(loader.dataset[:EVALUATED_AT_ONCE][0], device=loader.device)
        found["test_active"] = active_units(model, x)
        found["test_lost"] = lost_with_anothers(model, x)
    if isinstance(model.likelihood, DiscretizedLogistic):
        pixels = math.prod(loader.dataset[:1][0].shape[1:])
        found["test_bpd"] = bits_per_dimension(rec + kl, pixels)
    return found


def draw(model: VAE, test_set: ImageDataset, trainer: Trainer, args: Namespace) -> None:
    """Writes all pictures but those of single epochs."""
    run = trainer.run
    kind = {"mlp": "MLP VAE", "conv": "convolutional VAE", "pixel": "PixelVAE"}[args.model]
    name = f"{args.dataset}, {kind}, {args.latent} latents"
    images = model.sample(SAMPLES).numpy(force=True)
    title = f"samples from the prior: {name}"
    pictures.save_grid(run.file("samples.png"), images, COLUMNS, title)
    latents.save_reconstructions(run.file("reconstructions.png"), model, test_set)
    if args.latent == 2:
        latents.save_manifold(run.file("manifold.png"), model)
        latents.save_codes(run.file("codes.png"), model, test_set)
    else:
        latents.save_traversal(run.file("traversal.png"), model, test_set)
    parts = {"nelbo": "negative ELBO", "rec": "reconstruction", "kl": "KL(q(z|x) || p(z))"}
    pictures.save_curves(run.file("curves.png"), trainer.rows, parts, name, "nats per image")


if __name__ == "__main__":
    sys.exit(main())
