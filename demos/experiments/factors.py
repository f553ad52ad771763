"""Do single latents follow single factors of variation? The lecture: "diagonal prior on z =>
independent latent variables; different dimensions of z encode interpretable factors of variation".

That is no theorem. Turning z by any orthogonal matrix leaves the prior as it is, and so all of
p(x): the likelihood cannot prefer axes that are factors (Locatello et al. 2019).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

import minigrad as mg
from demos.common.evaluation import flat
from demos.common.figures import Array, Figure, sheet, strips
from demos.common.latents import encode, traverse
from demos.common.run import CommandError
from demos.common.seeds import mean_and_spread
from demos.experiments.finding import Finding, Setting
from demos.experiments.vaes import VAERecipe, untrained, vae
from models.measures.factors import Codes, measure, turned
from models.measures.linear import pca
from models.vae import VAE

CLAIM = "different dimensions of z encode interpretable factors (smile, pose); it is no theorem"
TURNS = 10
FITTED = 10_000  # training images that PCA sees
STEPS, REACH = 9, 3.0  # of a traversal


class Case(NamedTuple):
    """What is trained on a data set whose factors are known."""

    model: str
    latent: int
    epochs: int
    betas: tuple[float, ...]


# NOTE: with faces the Gaussian's variance is learned, and at sigma = 0.045 a nat of KL is cheap
# beside the reconstruction: beta = 4 brings the KL from 58 to 43 nats only.
CASES = {
    "glyphs": Case("mlp", 10, 10, (1.0, 4.0)),
    "faces": Case("conv", 12, 12, (1.0, 4.0, 32.0)),
}


def run(setting: Setting, *, case: Case | None = None, limit: int | None = None) -> Finding:
    """VAEs of several betas; beside them PCA, an untrained encoder, and the same codes turned."""
    name = setting.dataset or "glyphs"
    if name not in CASES:
        raise CommandError(f"factors: {name} has no known factors; {' and '.join(CASES)} have")
    model, latent, epochs, betas = case or CASES[name]
    train, test = setting.images(name, limit)
    # What a style is depends on the digit.
    factors = {key: values for key, values in test.factors.items() if key != "style"}
    how = {"model": model, "latent": latent, "epochs": epochs, "limit": limit}
    vaes = {f"beta {beta:g}": vae(setting, beta=beta, **how) for beta in betas}
    mg.manual_seed(setting.seed)
    ignorant = untrained(VAERecipe(dataset=name, **how), train.images.shape[1:])

    codes = {key: encode(model, test)[0] for key, model in vaes.items()}
    found = {key: measure(mu, factors) for key, mu in codes.items()}
    linear = pca(flat(train)[:FITTED], latent)
    controls = {
        "PCA": measure(linear.encode(flat(test)), factors),
        "untrained": measure(encode(ignorant, test)[0], factors),
    }
    turns = {
        key: mean_and_spread(turned(mu, factors, TURNS, setting.seed)) for key, mu in codes.items()
    }
    first = f"beta {betas[0]:g}"
    verdicts = found[first].verdicts()
    for factor, verdict in verdicts.items():
        print(f"  {factor}: {verdict}", flush=True)
    numbers = {
        "MIG": {key: of.mig for key, of in found.items()},
        "factors followed by one latent": {key: of.followed for key, of in found.items()},
        "at beta 1": verdicts,
        "by factor": {key: of.by_factor() for key, of in found.items()},
    }
    control = {
        "MIG": {key: of.mig for key, of in controls.items()},
        "MIG of the codes turned at random": turns,
        "factors followed by one code": {key: of.followed for key, of in controls.items()},
        "by factor": {key: of.by_factor() for key, of in controls.items()},
    }
    result, beside = (sentence(some, len(factors)) for some in (found, controls))
    beside += f"; latents turned: {turns[first]['mean']:.3f}"
    figure = draw(found | controls, vaes, codes, f"{name}: {result}")
    return Finding(CLAIM, result, beside, numbers, control, figure)


def run_on_faces(setting: Setting) -> Finding:
    """`run` on faces, if no other data set is asked for."""
    return run(setting._replace(dataset=setting.dataset or "faces"))


def sentence(found: Mapping[str, Codes], factors: int) -> str:
    return "; ".join(
        f"{key}: MIG {of.mig:.3f}, {of.followed}/{factors} factors" for key, of in found.items()
    )


def draw(
    found: Mapping[str, Codes], vaes: Mapping[str, VAE], codes: Mapping[str, Array], title: str
) -> Figure:  # fmt: skip
    """The R^2 matrices above, the first and the last VAE's traversals below; codes are in the order
    of the factors that they have most of."""
    above = "abcdefgh"[: len(found)]
    figure, (*matrices, left, right) = sheet(f"{above};{above}/yz;yz;yz", (14, 9.5), title)
    names = found[next(iter(found))].names
    for axes, (key, of) in zip(matrices, found.items(), strict=True):
        image = axes.imshow(of.r2[:, of.order], vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axes.set_xticks(range(len(of.order)), [str(i + 1) for i in of.order], fontsize=7)
        axes.set_yticks(range(len(names)), names if axes is matrices[0] else [], fontsize=8)
        axes.set_title(f"{key}: MIG {of.mig:.3f}", fontsize=10)
    matrices[0].set_xlabel("latent", fontsize=8)
    matrices[0].figure.colorbar(
        image, ax=matrices, label="R²: share of a code's variance", pad=0.01
    )
    for axes, key in ((left, next(iter(vaes))), (right, list(vaes)[-1])):
        of, order = found[key], found[key].order
        images = traverse(vaes[key], codes[key][0], order, np.linspace(-REACH, REACH, STEPS))
        labels = [f"z{i + 1}: {names[of.r2[:, i].argmax()]} {of.r2[:, i].max():.2f}" for i in order]
        rows = dict(zip(labels, np.split(images, len(order)), strict=True))
        heading = f"{key}: one latent from -{REACH:g} to {REACH:g} in each row"
        strips(axes, rows, heading, scale=2, gap=2)
    return figure
