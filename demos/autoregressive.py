"""Trains an autoregressive model: exact likelihoods, samples drawn number by number, completions.

    python -m demos.autoregressive                           PixelCNN of drawn digits; minutes
    python -m demos.autoregressive --model gated --dataset mnist --data-dir DIR --epochs 2
    python -m demos.autoregressive --model made --dataset mnist --batch-size 100 --epochs 30
    python -m demos.autoregressive --model pixelrnn --layers 2 --dataset mnist --conditional
    python -m demos.autoregressive --dataset cifar-10 --channels 48

The folder then has summary.json, metrics.csv (a row for each epoch), checkpoint.safetensors,
samples/ (after each epoch, from the same random numbers) and the pictures. The loss is -log p(x) in
nats per image: no bound, but the number itself. Grey images are drawn black and white at every use,
each pixel with the probability of its grey level, those of the test set once. Of colours it is that
of bytes, and test_bpd is the same in bits per dimension.
"""

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos.common import cli, datasets, pictures
from demos.common.evaluation import mean_losses
from demos.common.run import CommandError, Run
from demos.common.training import random_numbers
from demos.common.words import farewell, listed
from minigrad import Tensor, optim
from minigrad.data import DataLoader, ImageDataset
from minigrad.optim.lr_scheduler import LambdaLR
from models.autoregressive import Autoregressive, one_hot
from models.likelihoods import binarize, bits_per_dimension
from models.made import MADE
from models.model import Losses, Scheduled
from models.pixelrnn import KINDS

SAMPLES, COLUMNS = 64, 8  # images in a picture of samples
COMPLETED, WAYS = 8, 5  # images that are completed, and in how many ways
EVALUATED_AT_ONCE = 100  # images
CHANNELS = {"pixelcnn": 32, "gated": 16, "pixelrnn": 32}


def parser() -> ArgumentParser:
    """The command line."""
    parser = cli.parser("demos.autoregressive", __doc__)
    cli.common_arguments(parser, epochs=2, batch_size=8, lr=3e-3)
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=(*KINDS, "made"), default="pixelcnn", help="(default: %(default)s)")
    default = {"type": cli.whole(1), "metavar": "N"}
    add(
        "--channels",
        **default,
        help="of a layer, a multiple of 2, of 6 for colours; of each stack of a gated one, a "
        "multiple of 3 for colours (default: 32, gated 16, for colours the next multiple)",
    )
    add("--layers", **default, default=3, help="after the first one (default: %(default)s)")
    add(
        "--first",
        **default,
        default=13,
        help="size of the first layer's kernel, odd (default: %(default)s)",
    )
    add("--no-places", action="store_true", help="no bias for each pixel in the first layer")
    add("--hidden", **default, nargs="+", default=[1000], help="of made (default: 1000)")
    add(
        "--likelihood",
        choices=("bernoulli", "logistic", "mixture"),
        help="of a pixel; logistic and mixture are those of a byte (default: bernoulli for grey "
        "images, logistic for colour)",
    )
    add("--conditional", action="store_true", help="learn p(x|label); samples are of each class")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(parser(), train, argv)


def train(args: Namespace, run: Run) -> None:
    """Trains, then draws."""
    train_set, test_set = cli.load_data(args)
    shape = train_set.images.shape[1:]
    if args.likelihood is None:
        args.likelihood = "bernoulli" if shape[0] == 1 else "logistic"
    black_and_white = args.likelihood == "bernoulli"
    if black_and_white:
        test_set = datasets.binarized(test_set, args.seed)
    classes = len(train_set.classes) if args.conditional else 0
    mg.manual_seed(args.seed)
    model = build(args, shape, classes)
    loader = DataLoader(
        train_set, args.batch_size, shuffle=True, seed=args.seed, device=args.device
    )
    learner = falling(model, optim.Adam(model.parameters(), args.lr), args.epochs * len(loader))
    test_loader = DataLoader(test_set, EVALUATED_AT_ONCE, device=args.device)
    trainer = cli.trainer(args, run, loader, learner.parts())

    def step(x: Tensor, labels: Tensor) -> Losses:
        return learner.train_step(binarize(x) if black_and_white else x, *given(labels))

    def given(labels: Tensor) -> tuple[Tensor, ...]:
        return (one_hot(labels, classes),) if classes else ()

    def end_of_epoch(number: int) -> dict[str, float]:
        save_samples(run, f"samples/epoch-{number:03d}.png", model, f"samples after epoch {number}")
        found = mean_losses(lambda x, labels: model.losses(x, *given(labels)), test_loader)
        nats = {"test_loss": found["loss"]}
        if not black_and_white:
            nats["test_bpd"] = bits_per_dimension(found["loss"], math.prod(shape))
        return nats

    trainer.fit(step, end_of_epoch)
    print("drawing ...", flush=True)
    name = f"{args.dataset}, {args.model}"
    with random_numbers(args.seed, args.device):
        save_samples(run, "samples.png", model, f"samples: {name}")
        save_completions(
            run, model, test_set, f"the lower half drawn anew, given the upper: {name}"
        )
    names = {"loss": "-log p(x)"}
    pictures.save_curves(run.file("curves.png"), trainer.rows, names, name, "nats per image")
    last = trainer.rows[-1]
    summary = {name: value for name, value in last.items() if name.startswith("test_")}
    cli.write_summary(args, trainer, summary)
    print(f"{listed(summary)} (nats per image; less is better)")
    farewell(run.folder, explored=True)


def falling(model: Autoregressive, optimizer: optim.Optimizer, steps: int) -> Scheduled:
    """The rate falls along half a cosine to 0 at step `steps`, where more may follow if a run goes
    on for longer than it was begun for."""
    schedule = LambdaLR(
        optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * min(1, step / steps))
    )
    return Scheduled(model, optimizer, schedule)


def build(args: Namespace, shape: tuple[int, ...], classes: int) -> Autoregressive:
    """The model that the arguments ask for."""
    how: dict[str, Any] = {"likelihood": args.likelihood, "conditions": classes}
    try:
        if args.model == "made":
            return MADE(shape, args.hidden, **how).to(args.device)
        kind = KINDS[args.model]
        multiple = shape[0] * (1 if args.model == "gated" else 2)
        channels = args.channels or -(-CHANNELS[args.model] // multiple) * multiple
        how["places"] = not args.no_places
        return kind(shape, channels, args.layers, args.first, **how).to(args.device)
    except ValueError as error:
        raise CommandError(str(error)) from error


def rows(given: range) -> Iterable[int]:
    """With a bar that shows how far the drawing has come."""
    return tqdm(given, "rows", leave=False, disable=None)


def labels_of(model: Autoregressive, n: int) -> Tensor | None:
    """A context of n labels, class after class, if the model wants one."""
    if not model.conditions:
        return None
    place = next(model.parameters()).device
    return one_hot(mg.arange(n, device=place) % model.conditions, model.conditions)


def save_samples(run: Run, file: str, model: Autoregressive, title: str) -> None:
    images = model.sample(SAMPLES, labels_of(model, SAMPLES), rows).numpy(force=True)
    pictures.save_grid(run.file(file), images, COLUMNS, title)


def save_completions(run: Run, model: Autoregressive, test_set: ImageDataset, title: str) -> None:
    """Test images, their upper halves, and these with lower halves drawn in several ways."""
    x, labels = test_set[:COMPLETED]
    half = x.shape[2] // 2
    upper = x.copy()
    upper[:, :, half:] = 0.5  # grey
    place = next(model.parameters()).device
    many = mg.tensor(x, device=place).expand(WAYS, *x.shape).flatten(0, 1)
    context = None
    if model.conditions:
        again = mg.tensor(labels, device=place).expand(WAYS, len(x)).flatten()
        context = one_hot(again, model.conditions)
    drawn = model.complete(many, half, context, rows).numpy(force=True).reshape(WAYS, *x.shape)
    sets = {"test images": x, "given": upper} | {f"drawn {i + 1}": d for i, d in enumerate(drawn)}
    pictures.save_grid(
        run.file("completions.png"), np.concatenate(list(sets.values())), len(x), title,
        row_labels=list(sets),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
