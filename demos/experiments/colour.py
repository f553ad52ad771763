"""Colour images as bytes: bits per dimension by two VAEs and, exactly, by a PixelCNN.

The first VAE has one grid of latents, and takes every number of a pixel for a logistic of its own.
The other has grids from coarse to fine, and its likelihood is, like the PixelCNN's, a mixture in
which the colours of a pixel depend on each other (Salimans et al. 2017, "PixelCNN++").
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from demos.common.evaluation import mean_iwae, mean_terms
from demos.common.figures import Array, Figure, bars, sheet, strips
from demos.common.kept import Falling, Kept, Recipe, kept
from demos.common.store import measured
from demos.common.training import random_numbers
from demos.experiments import autoregressives
from demos.experiments.finding import Finding, Setting
from minigrad import Tensor, optim
from minigrad.data import DataLoader
from models.autoregressive import Autoregressive
from models.ladder import ladder_vae
from models.likelihoods import bits_per_dimension
from models.measures.pixels import gaussian_bits
from models.model import Losses
from models.vae import VAE, grid_vae

CLAIM = "a VAE of colour images bounds their bits per dimension; even bytes have 8.00"
GRID, LADDER, PIXELCNN = "a grid of latents", "a ladder of latents", "PixelCNN"
MODELS: dict[str, Callable[..., VAE]] = {GRID: grid_vae, LADDER: ladder_vae}
EPOCHS = 1
PIXELS: dict[str, Any] = {
    "train_on": 10_000, "batch": 16, "channels": 48, "layers": 4, "first": 9,
}  # fmt: skip
PUBLISHED = {"uniform": 8.0, "Gaussian": 4.70}  # on CIFAR-10
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ColourRecipe(Recipe):
    """How a VAE of bytes is trained: the rate falls from lr to last_lr, step by step."""

    kind: ClassVar[str] = "colour"
    model: str
    batch: int = 32
    lr: float = 2e-3
    last_lr: float = 1e-4


def run(
    setting: Setting, *, pixels: Mapping[str, Any] = PIXELS, samples: int = 20,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """Trains the VAEs and a PixelCNN, which has `pixels` for options, and as a control fits a
    Gaussian of all pixels to the same images."""
    dataset = setting.dataset or "faces"
    train, test = setting.images(dataset, limit)
    data = {"dataset": dataset, "limit": limit}
    epochs = setting.times(EPOCHS)
    settings = {n: {"name": n, "epochs": epochs, "k": samples, **data} for n in MODELS}
    kept_in = setting.runs("colour")
    found = measured(kept_in, partial(play, setting), settings, jobs=1)
    pixelcnn = autoregressives.trained(setting, "pixelcnn", **{**data, **pixels})
    size = test.images[0].size
    exact = bits_per_dimension(pixelcnn.rows[-1]["test_loss"], size)
    bounds = {name: row["bound"] for name, row in found.items()}
    gaussian = gaussian_bits(train, test, setting.seed)
    numbers = {
        "bits per dimension": {**bounds, PIXELCNN: exact},
        "best VAE": min(bounds, key=lambda name: bounds[name]),
        "settings": settings,
        "runs": found,
    }
    control = {
        "uniform": math.log2(256),
        "Gaussian of all pixels, fitted here": gaussian,
        "published for CIFAR-10": PUBLISHED,
        "test images": len(test),
    }
    result = f"bits per dimension, by {samples} samples: " + "; ".join(
        f"{name} ({row['latents']}): {row['bound']:.2f}" for name, row in found.items()
    )
    result += f"; PixelCNN, exactly: {exact:.2f}"
    beside = f"uniform 8.00, a full Gaussian of the same images {gaussian:.2f} (published 4.70)"
    models = {name: trained(setting, **settings[name]).model for name in MODELS}
    x = test[:16][0]
    pictures = {name: pictures_of(vae, x, setting.seed) for name, vae in models.items()}
    pictures[PIXELCNN] = completed(pixelcnn.model.model, x, setting.seed)
    figure = draw({**bounds, PIXELCNN: exact}, gaussian, pictures)
    return Finding(CLAIM, result, beside, numbers, control, figure)


def trained(
    setting: Setting, name: str, dataset: str, epochs: int, limit: int | None, **_: Any
) -> Kept:
    """A model; its rows have bits per dimension."""
    how = {"dataset": dataset, "limit": limit, "epochs": epochs}
    recipe = ColourRecipe(**how, model=name.replace(" ", "_"))
    train, test = recipe.images(setting)
    size = train.images[0].size

    def build(steps: int) -> Falling:
        vae = MODELS[name](train.images.shape[1:])
        return Falling(vae, optim.Adam(vae.parameters(), recipe.lr), steps, recipe.last_lr)

    def step(learner: Falling, x: Tensor, labels: Tensor) -> Losses:
        return {"bpd": learner.train_step(x)["loss"] / (size * math.log(2))}

    def end_of_epoch(learner: Falling, *_: Any) -> dict[str, float]:
        rec, kl = mean_terms(learner.model, DataLoader(test, 100, device=setting.device))
        nats = {"test_bpd": rec + kl, "test_rec": rec, "test_kl": kl}
        return {name: bits_per_dimension(n, size) for name, n in nats.items()}

    found = kept(setting, recipe, train, build, step, end_of_epoch)
    return found._replace(model=found.model.model)


def play(setting: Setting, *, k: int, **how: Any) -> Row:
    """Trains a model, or goes on with it, and measures it by k samples: bits per dimension."""
    found = trained(setting, **how)
    _, test = setting.images(how["dataset"], how["limit"])
    vae = found.model.to(setting.device)
    with random_numbers(setting.seed, setting.device):
        nats = mean_iwae(vae, DataLoader(test, 20, device=setting.device), k, rows=200)
    rows = {name: [row[name] for row in found.rows] for name in ("train_bpd", "test_bpd")}
    return {
        **{name: found.rows[-1][f"test_{name}"] for name in ("bpd", "rec", "kl")},
        "bound": bits_per_dimension(nats, test.images[0].size),
        "latents": found.model.latent,
        **rows,
        "training seconds": found.seconds,
    }


Pictures = dict[str, Array]  # by their titles


def pictures_of(vae: VAE, x: Array, seed: int) -> Pictures:
    """Test images and reconstructions, in turns of a row; and samples."""
    recon = vae.reconstruct(mg.tensor(x)).numpy()
    with random_numbers(seed):
        drawn = vae.sample(32).numpy()
    half = len(x) // 2
    turns = np.concatenate([x[:half], recon[:half], x[half:], recon[half:]])
    return {"test images and reconstructions": turns, "samples": drawn}


def completed(model: Autoregressive, x: Array, seed: int) -> Pictures:
    """Test images and their lower halves drawn anew, in turns of a row; and samples."""
    half, middle = len(x) // 2, x.shape[2] // 2
    with random_numbers(seed):
        drawn = model.sample(32).numpy()
        lower = model.complete(mg.tensor(x), middle).numpy()
    turns = np.concatenate([x[:half], lower[:half], x[half:], lower[half:]])
    return {"test images, and lower halves drawn": turns, "samples": drawn}


def draw(bits: Mapping[str, float], gaussian: float, pictures: Mapping[str, Pictures]) -> Figure:
    """Bits per dimension beside the controls; and each model's pictures, a row of them."""
    figure, (left, *others) = sheet("aabbbccc;aadddeee;aafffggg", (12.5, 8))
    heights = {"even bytes": 8.0, "Gaussian of\nall pixels": gaussian, **bits}
    title = "bits per dimension of test images: less is better"
    bars(left, {"": heights}, title, text="{:.2f}", lying=True)
    shown = [(f"{name}: {what}", x) for name, both in pictures.items() for what, x in both.items()]
    for axes, (title, images) in zip(others, shown, strict=True):
        strips(axes, images, title, columns=8, scale=2, gap=2)
    return figure
