"""How much of the gap between the ELBO and log p(x) is the posterior's: with two latents, where a
grid knows log p(x), and with one decoder for all, so that q is the only change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Axes, Figure, bars, sheet
from demos.common.kept import Falling, Recipe, Setting, kept
from demos.experiments.finding import Finding
from demos.experiments.vaes import vae
from minigrad import Tensor, optim
from models.flows import with_flows
from models.likelihoods import binarize
from models.measures.derivation import (
    Grid,
    codes,
    every_other,
    grid_of,
    log_likelihood,
    without_grid,
)
from models.model import Learner, Losses
from models.vae import VAE

CLAIM = "with one decoder for all, richer posteriors come nearer to log p(x) than a Gaussian"
# The maps after the encoder's Gaussian; householder is a Gaussian with any covariance.
POSTERIORS = {"gaussian": 0, "householder": 2, "planar": 8, "iaf": 4}
POINTS = 301  # of the grid, in both latents
SAMPLES = 100  # of q, by which an image's ELBO is known, and more of the few that are fitted
MORE_SAMPLES = 1000
FITTING, TIMES = 1500, 4  # steps with these alone, and samples of z for each in a step
SHOWN = 4  # images


@dataclass(frozen=True, kw_only=True)
class PosteriorRecipe(Recipe):
    """How the encoder of a trained VAE with two latents goes on with another posterior, its decoder
    being left as it is. The rate falls to 0."""

    kind: ClassVar[str] = "posterior"
    posterior: str
    begun: int  # epochs that the VAE had
    lr: float = 3e-3  # with a third of it inverse autoregressive flows gain little


def run(
    setting: Setting, *, images: int = 500, fitted: int = 64, points: int = POINTS,
    epochs: int = 4, more: int = 5, fitting: int = FITTING, limit: int | None = None,
) -> Finding:  # fmt: skip
    """A VAE like that of `bound`, its encoder trained further with each posterior: for all images,
    which is what a VAE does, and then for a few of those alone that are measured. What is missing
    then is what no q of its kind has, whatever the encoder (Cremer et al. 2018)."""
    test = setting.grey_test("posteriors", "glyphs", limit)
    how = {"dataset": setting.dataset or "glyphs", "limit": limit, "begun": epochs, "epochs": more}
    recipes = {n: setting.lengthened(PosteriorRecipe(**how, posterior=n)) for n in POSTERIORS}
    models = {n: trained(setting, recipe) for n, recipe in recipes.items()}
    mg.manual_seed(setting.seed)
    chosen = np.random.default_rng(setting.seed).permutation(len(test))[:images]
    x = binarize(mg.tensor(test[chosen][0])).double()
    few, gaussian = x[:fitted], models["gaussian"].double()
    places = grid_of(*codes(gaussian, x.numpy()), points)
    table = log_joint(gaussian, x, places)
    where = (places, table, setting.device)
    general = {n: Gap(model.double(), x, *where, SAMPLES) for n, model in models.items()}
    for model in models.values():
        fit(model.float(), few.float(), setting.times(fitting), setting.device)
    found = {n: Gap(model.double(), few, *where, MORE_SAMPLES) for n, model in models.items()}
    rec, kl = without_grid(models["gaussian"], few.numpy())
    rows = {
        "encoder of all images": {name: gap.numbers() for name, gap in general.items()},
        "encoder of these images": {name: gap.numbers() for name, gap in found.items()},
    }
    numbers = {"nats, mean of the images": rows, "images": [len(x), len(few)]}
    every, wider = every_other(places)
    coarse = log_sum(table[:, every], wider.area)
    off_by = float(np.abs(coarse - general["gaussian"].log_p).max())
    control = {
        "the Gaussian's ELBO without samples": float((rec - kl).mean()),
        "log p on a grid of twice the step": off_by,
    }
    everywhere, alone = rows.values()
    result = f"log p {everywhere['gaussian']['log p']:.2f}; log p - ELBO, encoder of all images: "
    result += each(everywhere, "gap")
    every_row = [row for some in rows.values() for row in some.values()]
    error = max(row["its standard error"] for row in every_row)
    beside = (
        f"medians {each(everywhere, 'median')}; an encoder of {len(few)} images: "
        f"{each(alone, 'gap', 3)}; standard errors up to {error:.3f}; the Gaussian's ELBO of "
        f"these without samples {(rec - kl).mean():.2f}, by them {alone['gaussian']['ELBO']:.2f}; "
        f"log p on a grid of twice the step: within {off_by:.0e}"
    )
    invariants = {
        "no ELBO is above log p": all(
            row["gap"] > -4 * row["its standard error"] for row in every_row
        )
    }
    figure = draw(found, rows)
    return Finding(CLAIM, result, beside, numbers, control, figure, invariants)


def each(rows: Mapping[str, Mapping[str, float]], name: str, digits: int = 2) -> str:
    """A number of every posterior, in words."""
    return ", ".join(f"{kind} {row[name]:.{digits}f}" for kind, row in rows.items())


def trained(setting: Setting, recipe: PosteriorRecipe) -> VAE:
    """The VAE of a recipe. Its decoder is the same however long encoders are trained."""
    how = {"latent": 2, "dynamic": True, "activation": "tanh", "limit": recipe.limit}
    base = vae(setting._replace(longer=1), epochs=recipe.begun, **how)

    def build(steps: int) -> Learner:
        if recipe.posterior != "gaussian":
            with_flows(base, recipe.posterior, POSTERIORS[recipe.posterior])
        base.decoder.requires_grad_(False)
        learned = [p for p in base.parameters() if p.requires_grad]
        return Falling(base, optim.Adam(learned, recipe.lr), steps)

    def step(learner: Learner, x: Tensor, labels: Tensor) -> Losses:
        losses = learner.train_step(binarize(x))
        return {name: losses[name] for name in ("rec", "kl")}

    found: VAE = kept(setting, recipe, recipe.images(setting)[0], build, step).model.model
    return found


def log_joint(model: VAE, x: Tensor, places: Grid) -> Array:
    """log p(x|z) p(z) of images at the grid's places: (images, places)."""
    found: Array = log_likelihood(model, x.numpy(), places.z) + places.log_prior
    return found


def log_sum(table: Array, area: float) -> Array:
    """log p(x) of each image, by the sum over places that stand for an area each."""
    total: Array = np.logaddexp.reduce(table, axis=1) + np.log(area)
    return total


def fit(model: VAE, x: Tensor, steps: int, device: str) -> None:
    """Trains the encoder with these images alone, on a device."""
    x = mg.concat(TIMES * [x]).to(device)
    learned = [p for p in model.parameters() if p.requires_grad]
    learner = Falling(model, optim.Adam(learned, 1e-3), steps)
    learner.to(device)
    step = mg.graphed(learner.train_step)
    for _ in range(steps):
        step(x)
    learner.to("cpu")


class Gap:
    """log p(x) of black and white images by a grid, on which `table` has log p(x|z) p(z) for these
    and others after them; and what so many samples of a posterior make of it, on a device."""

    def __init__(
        self, model: VAE, x: Tensor, places: Grid, table: Array, device: str, samples: int
    ) -> None:
        self.places, self.log_joint = places, table[:SHOWN]
        self.log_p = log_sum(table[: len(x)], places.area)
        x = x.to(device)
        model.to(device)
        with mg.no_grad():
            z, *_ = model.encoder.weigh(x[:SHOWN], 400)
            parts = [model.log_weights(x, 50) for _ in range(0, samples, 50)]
        model.to("cpu")
        self.z = z.numpy(force=True)  # (samples, images, 2)
        # (samples, images), of which the mean is the ELBO
        self.log_w = mg.concat(parts).numpy(force=True)

    def numbers(self) -> dict[str, float]:
        off = self.log_p - self.log_w
        return {
            "log p": float(self.log_p.mean()),
            "ELBO": float(self.log_w.mean()),
            "gap": float(off.mean()),
            "median": float(np.median(off.mean(0))),
            "its standard error": float(np.sqrt((off.var(0) / len(off)).sum()) / off.shape[1]),
        }


Rows = Mapping[str, Mapping[str, Mapping[str, float]]]


def draw(found: Mapping[str, Gap], rows: Rows) -> Figure:
    """For some images p(z|x), shaded, and below each posterior's samples; the gaps to the right."""
    columns = len(found["gaussian"].log_joint)
    letters = [chr(97 + i) for i in range(columns * len(POSTERIORS))]
    lines = ["".join(letters[i : i + columns]) + "zz" for i in range(0, len(letters), columns)]
    title = "p(z|x), shaded, and samples of q(z|x): one decoder, other posteriors"
    figure, (*panels, right) = sheet(";".join(lines), (2.4 * (columns + 2), 9.4), title)
    for i, name in enumerate(POSTERIORS):
        for j in range(columns):
            axes = panels[columns * i + j]
            plane(axes, found[name], j)
            if not j:
                axes.set_ylabel(name, fontsize=9)
    gaps = {name: {kind: row["gap"] for kind, row in some.items()} for name, some in rows.items()}
    bars(right, gaps, "log p(x) - ELBO in nats", text="{:.2f}", lying=True)
    return figure


def plane(axes: Axes, gap: Gap, i: int) -> None:
    """Where the posterior of an image is, and a posterior's samples."""
    side = round(len(gap.places.z) ** 0.5)
    p = np.exp(gap.log_joint[i] - gap.log_joint[i].max())
    z1, z2 = (gap.places.z[:, axis].reshape(side, side) for axis in (0, 1))
    levels = np.exp(-0.5 * np.arange(3.0, -0.5, -0.5) ** 2)
    axes.contourf(z1, z2, p.reshape(side, side), levels=levels, cmap="Greens")
    axes.plot(*gap.z[:, i].T, "C3.", markersize=1.5)
    seen: Array = gap.places.z[p > 0.005]
    low, high = seen.min(0), seen.max(0)
    half = max(*(high - low), 4 * gap.places.area**0.5) * 0.65
    middle = (low + high) / 2
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.set(aspect="equal", xticks=[], yticks=[])
