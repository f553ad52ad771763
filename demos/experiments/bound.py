"""The ELBO is below log p(x) by KL(q || p(z|x)), and IWAE's bound in between: in numbers, with two
latents, where all of it can be integrated (models/measures/derivation.py)."""

from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos.common.figures import Array, Figure, curves, sheet
from demos.experiments.bound_panels import posterior, waterfall
from demos.experiments.finding import Finding, Setting
from demos.experiments.vaes import vae
from models.likelihoods import binarize
from models.measures.derivation import (
    POINTS,
    Found,
    controls,
    integrate,
    invariants,
    iwae_bounds,
    summary,
)

CLAIM = "log p(x) = ELBO + KL(q || p(z|x)), so the ELBO is a bound; IWAE-k climbs from it to log p"
SAMPLES = (1, 5, 50, 500)  # IWAE's k
REPEATED = 1000  # samples of an image, in groups of k
SHOWN = 4  # images


def run(
    setting: Setting, *, images: int = 64, points: int = POINTS, epochs: int = 15,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """A VAE with two latents, of test images whose pixels are drawn from their grey levels."""
    test = setting.grey_test("bound", "glyphs", limit)
    how = {"latent": 2, "dynamic": True, "activation": "tanh"}
    model = vae(setting, epochs=epochs, limit=limit, **how)
    mg.manual_seed(setting.seed)
    chosen = np.random.default_rng(setting.seed).permutation(len(test))[:images]
    x = binarize(mg.tensor(test[chosen][0]))
    ks = tqdm(SAMPLES, "IWAE", leave=False, disable=None)
    iwae = {k: iwae_bounds(model, x, k, REPEATED) for k in ks}
    found = integrate(model.double(), x.double().numpy(), points)
    numbers, control = summary(found, iwae), controls(found, SAMPLES[-1])
    result = (
        f"ELBO {found.fine.elbo.mean():.2f}, IWAE-50 {iwae[50].mean():.2f}, -500 "
        f"{iwae[500].mean():.2f}, log p {found.fine.log_p.mean():.2f} nats; identity to "
        f"{numbers['largest error of the identity']:.0e}"
    )
    beside = (
        f"log p on a grid of twice the step: within {control['log p, twice the step']:.0e} nats; "
        f"p(x) by {SAMPLES[-1]} samples of p(z): {control['log p by samples of p(z)']:.1f}"
    )
    figure = draw(found, iwae)
    return Finding(CLAIM, result, beside, numbers, control, figure, invariants(numbers))


def draw(found: Found, iwae: Mapping[int, Array]) -> Figure:
    """For some images the bound and its gap above, the posterior and q below; all, to the right."""
    shown, fine = min(SHOWN, len(found.x)), found.fine
    title = (
        "$\\log p(x) = E_q[\\log p(x|z)] - KL(q \\| p(z)) + KL(q \\| p(z|x))$, in nats, "
        f"{shown} images; below: the posterior p(z|x), shaded green, and q(z|x), contours half a "
        "standard deviation apart"
    )
    figure, panels = sheet((2, shown + 1), (2.9 * (shown + 1.2), 6.4), title)
    for i in range(shown):
        waterfall(panels[i], found, iwae, i)
        posterior(panels[shown + 1 + i], found, i)
    panels[0].set_ylabel("nats")
    panels[shown + 1].set_ylabel("z2")
    gaps = {"log p - IWAE-k": (list(iwae), [(fine.log_p - b).mean() for b in iwae.values()], "o-")}
    level = {"KL(q || p(z|x))": fine.kl_posterior.mean()}
    heading, label = f"mean of {len(found.x)} images", "k, samples of IWAE"
    curves(panels[shown], gaps, heading, label, "nats below log p(x)", log="x", levels=level)
    panels[shown].set_ylim(0)
    panels[-1].axline((0, 0), slope=1, color="0.5", linewidth=0.8)
    both = (fine.kl_posterior, fine.log_p - found.rec + found.kl, "C0.")
    heading, label = "each image: the identity", "KL(q || p(z|x)) by the grid, nats"
    curves(panels[-1], {"_images": both}, heading, label, "log p by the grid - ELBO without it")
    return figure
