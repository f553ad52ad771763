"""The ELBO is below log p(x) by KL(q || p(z|x)), and IWAE's bound in between: in numbers, with two
latents, where all of it can be integrated (derivation.py)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import minigrad as mg
from demos.common.kept import Setting
from demos.common.run import CommandError
from demos.experiments.derivation import POINTS, Array, Found, integrate
from demos.experiments.finding import Finding
from demos.experiments.vaes import trained
from minigrad import Tensor
from models.likelihoods import binarize
from models.vae import VAE

CLAIM = "log p(x) = ELBO + KL(q || p(z|x)), so the ELBO is a bound; IWAE-k climbs from it to log p"
SAMPLES = (1, 5, 50, 500)  # IWAE's k
REPEATED, AT_ONCE = 1000, 2048  # samples of an image, in groups of k; images at once
SHOWN = 4  # images


def run(
    setting: Setting,
    *,
    images: int = 64,
    points: int = POINTS,
    epochs: int = 15,
    limit: int | None = None,
) -> Finding:
    """A VAE with two latents, of test images whose pixels are drawn from their grey levels."""
    name = setting.dataset or "glyphs"
    _, test = setting.images(name, limit)
    if test.images.shape[1] != 1:
        raise CommandError(f"bound: needs grey images, and those of {name} have colours")
    options = {"epochs": epochs, "limit": limit}
    vae = trained(setting, name, latent=2, dynamic=True, activation="tanh", **options)
    mg.manual_seed(setting.seed)
    chosen = np.random.default_rng(setting.seed).permutation(len(test))[:images]
    x = binarize(mg.tensor(test[chosen][0]))
    iwae = climb(vae, x)
    vae.double()
    found = integrate(vae, x.double().numpy(), points)
    numbers, control = compare(found, iwae)
    result = (
        f"ELBO {found.fine.elbo.mean():.2f}, IWAE-50 {iwae[50].mean():.2f}, -500 "
        f"{iwae[500].mean():.2f}, log p {found.fine.log_p.mean():.2f} nats; identity to "
        f"{numbers['largest error of the identity']:.0e}"
    )
    beside = (
        f"log p on a grid of twice the step: within {control['log p, twice the step']:.0e} nats; "
        f"p(x) by {SAMPLES[-1]} samples of p(z): {control['log p by samples of p(z)']:.1f}"
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(found, iwae))


def climb(vae: VAE, x: Tensor) -> dict[int, Array]:
    """IWAE's bound for each k in nats, as often as takes 1,000 samples: (1000 / k, N)."""
    together = max(1, AT_ONCE // len(x))
    found: dict[int, Array] = {}
    for k in tqdm(SAMPLES, "IWAE", leave=False, disable=None):
        times = [min(together, REPEATED // k - i) for i in range(0, REPEATED // k, together)]
        copies = (x.expand(n, *x.shape).flatten(0, 1) for n in times)
        bounds = [vae.iwae(images, k).double().numpy() for images in copies]
        found[k] = np.concatenate(bounds).reshape(-1, len(x))
    return found


def standard_error(bounds: Array) -> float:
    """Of the mean of bounds (repeats, N) over the same N images."""
    variances = bounds.var(0, ddof=1) / len(bounds)
    return math.sqrt(variances.sum()) / bounds.shape[1]


def by_samples_of_prior(found: Found, n: int = SAMPLES[-1]) -> Array:
    """log of the mean p(x|z) at n of the grid's places, drawn as p(z) has them: (N,) in nats."""
    p = np.exp(found.places.log_prior)
    chosen = np.random.default_rng(0).choice(len(p), n, p=p / p.sum())
    values = found.log_likelihood[:, chosen]
    highest = values.max(1)
    bound: Array = highest + np.log(np.exp(values - highest[:, None]).mean(1))
    return bound


def compare(found: Found, iwae: Mapping[int, Array]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers of the experiment, and its controls."""
    fine, coarse = found.fine, found.coarse
    derivation = ("log_p", "expected_log_p", "bayes", "times_q_over_q", "three_terms")
    terms = ("rec", "kl_prior", "elbo", "kl_posterior")
    numbers = {
        "images": len(found.x),
        "lines, mean": {name: getattr(fine, name).mean() for name in derivation},
        "terms, mean": {name: getattr(fine, name).mean() for name in terms},
        "lines differ by": max(worst(getattr(fine, name), fine.log_p) for name in derivation),
        "largest error of the identity": worst(
            fine.log_p, found.rec - found.kl + fine.kl_posterior
        ),
        "KL(q || p(z)), grid and closed form": worst(fine.kl_prior, found.kl),
        "IWAE-k, mean": {k: bound.mean() for k, bound in iwae.items()},
        "log p - IWAE-k, mean": {k: (fine.log_p - bound).mean() for k, bound in iwae.items()},
        "its standard error": {k: standard_error(bound) for k, bound in iwae.items()},
        "smallest KL(q || p(z|x))": fine.kl_posterior.min(),
        "images whose ELBO is above log p": int((fine.elbo > fine.log_p).sum()),
        "smallest standard deviation of q": found.std.min(),
    }
    control = {
        "step of the grid": math.sqrt(found.places.area),
        "log p, twice the step": worst(fine.log_p, coarse.log_p),
        "KL(q || p(z|x)), twice the step": worst(fine.kl_posterior, coarse.kl_posterior),
        "log p by samples of p(z)": by_samples_of_prior(found).mean(),
    }
    return numbers, control


def worst(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())


# ---- the picture ---------------------------------------------------------------------------------


def draw(found: Found, iwae: Mapping[int, Array]) -> Figure:
    """For some images the bound and its gap above, the posterior and q below; all, to the right."""
    shown = min(SHOWN, len(found.x))
    figure = Figure((2.9 * (shown + 1.2), 6.4), dpi=100, layout="constrained")
    panels = figure.subplots(2, shown + 1, width_ratios=[1] * shown + [1.2])
    for i in range(shown):
        waterfall(panels[0, i], found, iwae, i)
        posterior(panels[1, i], found, i)
    panels[0, 0].set_ylabel("nats")
    panels[1, 0].set_ylabel("z2")
    axes = panels[0, -1]
    mean = [(found.fine.log_p - bound).mean() for bound in iwae.values()]
    axes.plot(list(iwae), mean, "C0o-", label="log p - IWAE-k")
    axes.axhline(found.fine.kl_posterior.mean(), color="C3", linestyle=":", label="KL(q || p(z|x))")
    axes.set_xscale("log")
    axes.set_ylim(0)
    axes.set_xlabel("k")
    axes.set_title(f"below log p, mean of {len(found.x)} images", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes = panels[1, -1]
    axes.plot(found.fine.kl_posterior, found.fine.log_p - found.rec + found.kl, "C0.", alpha=0.7)
    axes.axline((0, 0), slope=1, color="0.5", linewidth=0.8)
    axes.set_xlabel("KL(q || p(z|x)), by the grid")
    axes.set_title("log p - ELBO, without the grid", fontsize=9)
    for axes in (*panels[0], panels[1, -1]):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.suptitle("log p(x) = E_q[log p(x|z)] - KL(q || p(z)) + KL(q || p(z|x))", fontsize=11)
    return figure


def waterfall(axes: Any, found: Found, iwae: Mapping[int, Array], i: int) -> None:
    """From the reconstruction down by a KL to the ELBO, and up by the other to log p."""
    fine = found.fine
    rec, elbo, log_p = fine.rec[i], fine.elbo[i], fine.log_p[i]
    for at, start, end, colour in ((1, rec, elbo, "C1"), (2, elbo, log_p, "C2")):
        axes.bar(at, end - start, bottom=start, color=colour, width=0.7)
    texts = {
        "E_q[log p(x|z)]": (0.65, rec, "bottom"),
        "ELBO": (0.65, elbo, "top"),
        "log p(x)": (1.65, log_p, "bottom"),
    }
    for name, (at, level, side) in texts.items():
        axes.axhline(level, color="0.6", linewidth=0.8, linestyle=":")
        axes.text(at, level, f"{name} = {level:.2f}", va=side, fontsize=8)
    for bound in iwae.values():
        axes.plot(3, bound[:, i].mean(), "C0_", markersize=14, markeredgewidth=1.5)
    axes.set_xlim(0.3, 3.5)
    axes.set_ylim(elbo - 0.12 * (rec - elbo), rec + 0.12 * (rec - elbo))
    ticks = [f"-KL to p(z)\n{rec - elbo:.2f}", f"+KL to p(z|x)\n{log_p - elbo:.2f}", "IWAE-k"]
    axes.set_xticks([1, 2, 3], ticks)


def posterior(axes: Any, found: Found, i: int) -> None:
    """Contours of q over the posterior, which is shaded, where they are."""
    side = round(math.sqrt(len(found.places.z)))
    z1, z2 = (found.places.z[:, axis].reshape(side, side) for axis in (0, 1))
    log_joint = found.log_likelihood[i] + found.places.log_prior
    p = np.exp(log_joint - log_joint.max()).reshape(side, side)
    q = np.exp(found.log_q[i] - found.log_q[i].max()).reshape(side, side)
    levels = np.exp(-0.5 * np.arange(3.0, -0.5, -0.5) ** 2)
    axes.contourf(z1, z2, p, levels=levels, cmap="Greens", extend="neither")
    axes.contour(z1, z2, q, levels=levels[:-1], colors="C3", linewidths=0.8)
    seen = (p > 0.005) | (q > 0.005)
    for limits, z in ((axes.set_xlim, z1), (axes.set_ylim, z2)):
        middle = (z[seen].min() + z[seen].max()) / 2
        # At least the place itself, where all of both is in one place of the grid.
        half = max(np.ptp(z1[seen]), np.ptp(z2[seen]), math.sqrt(found.places.area)) / 2 * 1.1
        limits(middle - half, middle + half)
    axes.set_aspect("equal")
    axes.set_xlabel("z1")
    axes.tick_params(labelsize=8)
