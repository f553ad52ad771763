"""Do single latents follow single factors of variation? The lecture: "diagonal prior on z =>
independent latent variables; different dimensions of z encode interpretable factors of variation".

That is no theorem. Turning z by any orthogonal matrix leaves the prior as it is, and so all of
p(x): the likelihood cannot prefer axes that are factors (Locatello et al. 2019).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import minigrad as mg
from demos.common.kept import Setting
from demos.common.latents import encode, traverse
from demos.common.run import CommandError
from demos.common.seeds import mean_and_spread
from demos.experiments import panels
from demos.experiments.finding import Finding
from demos.experiments.vaes import trained
from models.measures.factors import explained_variance, linear_r2, mutual_information_gap
from models.measures.linear import pca
from models.vae import VAE, conv_vae, mlp_vae

CLAIM = "different dimensions of z encode interpretable factors (smile, pose); it is no theorem"
# The R^2 of a single latent from which on it follows a factor, and of all for it to be there.
FOLLOWED = 0.5
TURNS = 10
FITTED = 10_000  # training images that PCA sees
STEPS, REACH = 9, 3.0  # of a traversal
Array = NDArray[Any]


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


class Codes(NamedTuple):
    """What codes have of each factor; matrices are (factors, codes)."""

    r2: Array
    together: Array  # R^2 of the linear regression on all codes, (factors,)
    gaps: Array  # (factors,)

    @property
    def best(self) -> Array:
        """The most that one code has of each factor."""
        most: Array = self.r2.max(1)
        return most


def run(setting: Setting, *, case: Case | None = None, limit: int | None = None) -> Finding:
    """VAEs of several betas; beside them PCA, an untrained encoder, and the same codes turned."""
    name = setting.dataset or "glyphs"
    if name not in CASES:
        raise CommandError(f"factors: {name} has no known factors; {' and '.join(CASES)} have")
    model, latent, epochs, betas = case or CASES[name]
    train, test = setting.images(name, limit)
    # What a style is depends on the digit.
    factors = {key: values for key, values in test.factors.items() if key != "style"}
    recipe: dict[str, Any] = {"model": model, "latent": latent, "epochs": epochs, "limit": limit}
    vaes = {f"beta {beta:g}": trained(setting, name, beta=beta, **recipe) for beta in betas}
    mg.manual_seed(setting.seed)
    untrained = (conv_vae if model == "conv" else mlp_vae)(train.images.shape[1:], latent)
    pixels = [x.reshape(len(x), -1) for x in (train[:FITTED][0], test[:][0])]

    codes = {key: encode(vae, test)[0] for key, vae in vaes.items()}
    found = {key: measure(mu, factors) for key, mu in codes.items()}
    controls = {
        "PCA": measure(pca(pixels[0], latent).encode(pixels[1]), factors),
        "untrained": measure(encode(untrained, test)[0], factors),
    }
    turned = {key: turn(mu, factors, setting.seed) for key, mu in codes.items()}
    first = found[f"beta {betas[0]:g}"]
    verdicts = judge(first, list(factors))
    for factor, verdict in verdicts.items():
        print(f"  {factor}: {verdict}", flush=True)
    numbers = {
        "MIG": {key: of.gaps.mean() for key, of in found.items()},
        "factors followed by one latent": {key: followed(of) for key, of in found.items()},
        "at beta 1": verdicts,
        "by factor": {key: table(of, list(factors)) for key, of in found.items()},
    }
    control = {
        "MIG": {key: of.gaps.mean() for key, of in controls.items()},
        "MIG of the codes turned at random": turned,
        "factors followed by one code": {key: followed(of) for key, of in controls.items()},
        "by factor": {key: table(of, list(factors)) for key, of in controls.items()},
    }
    result, beside = (sentence(some, len(factors)) for some in (found, controls))
    beside += f"; latents turned: {turned[f'beta {betas[0]:g}']['mean']:.3f}"
    figure = draw(found | controls, vaes, codes, list(factors), f"{name}: {result}")
    return Finding(CLAIM, result, beside, numbers, control, figure)


def run_on_faces(setting: Setting) -> Finding:
    """`run` on faces, if no other data set is asked for."""
    return run(setting._replace(dataset=setting.dataset or "faces"))


def measure(codes: Array, factors: Mapping[str, Array]) -> Codes:
    values = list(factors.values())
    return Codes(
        explained_variance(codes, values),
        linear_r2(codes, values),
        mutual_information_gap(codes, values),
    )


def turn(codes: Array, factors: Mapping[str, Array], seed: int) -> dict[str, float]:
    """MIG of codes turned by random orthogonal matrices, which z ~ N(0, I) is blind to."""
    rng, d = np.random.default_rng(seed), codes.shape[1]
    turns = [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(TURNS)]
    values = list(factors.values())
    return mean_and_spread(float(mutual_information_gap(codes @ q, values).mean()) for q in turns)


# ---- in words ------------------------------------------------------------------------------------


def followed(found: Codes) -> int:
    return int((found.best > FOLLOWED).sum())


def judge(found: Codes, names: list[str]) -> dict[str, str]:
    """For each factor whether a single latent follows it, and if not, whether all together do."""
    verdicts = {}
    for name, row, together in zip(names, found.r2, found.together, strict=True):
        if row.max() > FOLLOWED:
            verdicts[name] = f"z{row.argmax()} follows it, R2 {row.max():.2f}"
        else:
            where = "is spread over latents" if together > FOLLOWED else "is hardly there"
            verdicts[name] = (
                f"{where}: R2 {row.max():.2f} in z{row.argmax()}, {together:.2f} in all together"
            )
    return verdicts


def table(found: Codes, names: list[str]) -> dict[str, dict[str, float]]:
    columns = {"best R2": found.best, "R2 of all together": found.together, "gap": found.gaps}
    return {
        name: {key: values[i] for key, values in columns.items()} for i, name in enumerate(names)
    }


def sentence(found: Mapping[str, Codes], factors: int) -> str:
    parts = (
        f"{key}: MIG {of.gaps.mean():.3f}, {followed(of)}/{factors} factors"
        for key, of in found.items()
    )
    return "; ".join(parts)


# ---- the picture ---------------------------------------------------------------------------------


def draw(
    found: Mapping[str, Codes],
    vaes: Mapping[str, VAE],
    codes: Mapping[str, Array],
    names: list[str],
    title: str,
) -> Figure:
    """The R^2 matrices above, the first and the last VAE's traversals below; codes are in the order
    of the factors that they have most of."""
    figure = Figure((14, 9.5), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.45])
    matrices = above.subplots(1, len(found), sharey=True)
    for axes, (key, of) in zip(matrices, found.items(), strict=True):
        order = sorted_codes(of)
        image = axes.imshow(of.r2[:, order], vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axes.set_xticks(range(len(order)), [str(i) for i in order], fontsize=7)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_title(f"{key}: MIG {of.gaps.mean():.3f}", fontsize=10)
    matrices[0].set_xlabel("latent", fontsize=8)
    above.colorbar(image, ax=matrices, label="R²: share of a code's variance", pad=0.01)
    pair = [next(iter(vaes)), list(vaes)[-1]]
    for axes, key in zip(below.subplots(1, 2), pair, strict=True):
        order = sorted_codes(found[key])
        tops = [(names[found[key].r2[:, i].argmax()], found[key].r2[:, i].max()) for i in order]
        labels = [f"z{i}: {top} {r2:.2f}" for i, (top, r2) in zip(order, tops, strict=True)]
        images = traverse(vaes[key], codes[key][0], order, np.linspace(-REACH, REACH, STEPS))
        text = f"{key}: one latent from -{REACH:g} to {REACH:g} in each row"
        panels.show(axes, images, STEPS, text, row_labels=labels, scale=2, gap=2)
    figure.suptitle(title, fontsize=11)
    return figure


def sorted_codes(found: Codes) -> list[int]:
    """The codes in the order of the factors that they have most of."""
    best = found.r2.argmax(0)
    return sorted(range(len(best)), key=lambda i: (best[i], -found.r2[best[i], i]))
