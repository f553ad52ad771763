"""A VAE of colour images as bytes: bits per dimension by the discretised logistic likelihood."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

import minigrad as mg
from demos.common.evaluation import mean_iwae, mean_terms
from demos.common.figures import Figure, bars, sheet, strips
from demos.common.kept import Falling, Kept, Recipe, kept
from demos.common.store import measured
from demos.common.training import random_numbers
from demos.experiments.finding import Finding, Setting
from minigrad import Tensor, optim
from minigrad.data import DataLoader
from models.likelihoods import bits_per_dimension
from models.measures.pixels import gaussian_bits
from models.model import Losses
from models.vae import VAE, conv_vae, grid_vae

CLAIM = "a VAE of colour images bounds their bits per dimension; even bytes have 8.00"
FEW, MANY = "128 latents", "a grid of latents"
MODELS = {FEW: partial(conv_vae, latent=128), MANY: grid_vae}
EPOCHS = {FEW: 2, MANY: 3}
PUBLISHED = {"uniform": 8.0, "Gaussian": 4.70}  # on CIFAR-10
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ColourRecipe(Recipe):
    """How a VAE of bytes is trained: the rate falls from lr to last_lr, step by step."""

    kind: ClassVar[str] = "colour"
    model: str  # conv or grid
    batch: int = 64
    lr: float = 2e-3
    last_lr: float = 1e-4


def run(
    setting: Setting, *, epochs: Mapping[str, int] = EPOCHS, samples: int = 20,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """Trains two VAEs, of which one has few latents and one many, and as a control fits a Gaussian
    of all pixels to the same images."""
    dataset = setting.dataset or "faces"
    train, test = setting.images(dataset, limit)
    data = {"dataset": dataset, "limit": limit}
    settings = {n: {"name": n, "epochs": epochs[n], "k": samples, **data} for n in MODELS}
    kept_in = setting.runs("colour")
    found = measured(kept_in, partial(play, setting), settings, jobs=1)
    bounds = {name: row["bound"] for name, row in found.items()}
    gaussian = gaussian_bits(train, test, setting.seed)
    numbers = {
        "bits per dimension": bounds,
        "best": min(bounds, key=lambda name: bounds[name]),
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
    beside = f"uniform 8.00, a full Gaussian of the same images {gaussian:.2f} (published 4.70)"
    models = {name: trained(setting, **settings[name]).model for name in MODELS}
    figure = draw(bounds, gaussian, models, test[:16][0], setting.seed)
    return Finding(CLAIM, result, beside, numbers, control, figure)


def trained(
    setting: Setting, name: str, dataset: str, epochs: int, limit: int | None, **_: Any
) -> Kept:
    """A model; its rows have bits per dimension."""
    how = {"dataset": dataset, "limit": limit, "epochs": epochs}
    recipe = setting.lengthened(ColourRecipe(**how, model=name.replace(" ", "_")))
    train, test = recipe.images(setting)
    size = train.images[0].size

    def build(steps: int) -> Falling:
        vae = MODELS[name](train.images.shape[1:], likelihood="logistic")
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
    with random_numbers(setting.seed):
        nats = mean_iwae(found.model, DataLoader(test, 20, device="cpu"), k, rows=200)
    rows = {name: [row[name] for row in found.rows] for name in ("train_bpd", "test_bpd")}
    return {
        **{name: found.rows[-1][f"test_{name}"] for name in ("bpd", "rec", "kl")},
        "bound": bits_per_dimension(nats, test.images[0].size),
        "latents": found.model.latent,
        **rows,
        "training seconds": found.seconds,
    }


def draw(
    bounds: Mapping[str, float], gaussian: float, models: Mapping[str, VAE], x: Any, seed: int
) -> Figure:
    """Bits per dimension beside the controls; for each model reconstructions and samples."""
    figure, (left, *others) = sheet("aabbbccc;aadddeee", (12.5, 5.4))
    heights = {"uniform": 8.0, "Gaussian of\nall pixels": gaussian}
    heights |= {f"VAE,\n{n}".replace(" of ", " of\n"): bits for n, bits in bounds.items()}
    title = "bits per dimension of test images: less is better"
    bars(left, {"": heights}, title, text="{:.2f}", colours=("0.6", "0.6", "C0", "C0"))
    for i, (name, vae) in enumerate(models.items()):
        recon = vae.reconstruct(mg.tensor(x)).numpy()
        with random_numbers(seed):
            drawn = vae.sample(32).numpy()
        halves = np.concatenate([x[:8], recon[:8], x[8:], recon[8:]])
        title = f"{name}: test images and reconstructions"
        strips(others[2 * i], halves, title, columns=8, scale=2, gap=2)
        strips(others[2 * i + 1], drawn, f"{name}: samples", columns=8, scale=2, gap=2)
    return figure
