"""How likely a VAE says images are: importance-weighted bounds on log p(x), and units in use."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

from ..vae import VAE
from .parts import in_parts

AT_ONCE = 500  # images
ACTIVE = 0.01  # the variance of a mean over the data from which on its latent counts as used


@mg.no_grad()
def elbo(vae: VAE, x: Tensor) -> tuple[float, float]:
    """The two parts of the negative ELBO, averaged over images."""
    rec = kl = 0.0
    for i in range(0, len(x), AT_ONCE):
        part = x[i : i + AT_ONCE]
        terms = vae.loss(part)
        rec, kl = rec + len(part) * terms.rec.item(), kl + len(part) * terms.kl.item()
    return rec / len(x), kl / len(x)


@mg.no_grad()
def bounds(vae: VAE, x: Tensor, images: int, samples: int, seed: int) -> dict[str, Any]:
    """-log p(x) in nats per image: by the ELBO, and by L_k of Burda et al. 2016, for all images
    with 50 samples of z, and for `images` of them with `samples`.

    NOTE: log p(x) differs by 22 nats from image to image: the mean of 500 is uncertain by 1.0. What
    L_5000 gains on L_50 differs by 1.4 only: so the mean of L_50 over all, plus the mean gain of
    these 500, says to 0.06 what L_5000 is for all.
    """
    rec, kl = elbo(vae, x)
    chosen = np.random.default_rng(seed).permutation(len(x))[:images]
    l_50 = log_p(vae, x, 50)
    l_few = log_p(vae, x[chosen], samples)
    gain = l_few - l_50[chosen]
    return {
        "-ELBO": rec + kl,
        "rec": rec,
        "kl": kl,
        "-L_50": -float(l_50.mean()),
        "-L": -float(l_50.mean() + gain.mean()),
        "-L, standard error": float(gain.std() / math.sqrt(len(gain))),
        "-L of the chosen images alone": -float(l_few.mean()),
        "its standard error": float(l_few.std() / math.sqrt(len(gain))),
        "images chosen": len(chosen),
        "active units": active_units(vae, x),
    }


@mg.no_grad()
def active_units(vae: VAE, x: Tensor) -> int:
    """How many latents have codes that vary over images (Burda et al. 2016, section 5.2)."""
    mu = in_parts(len(x), AT_ONCE, lambda rows: vae.encoder.code(x[rows]))
    return int((mu.var(0) > ACTIVE).sum())


@mg.no_grad()
def lost_with_anothers(vae: VAE, x: Tensor) -> float:
    """What E_q[log p(x|z)] falls by, in nats per image, when z is of the next image: what the
    decoder reads of z. 0 if it does not, however large the KL is."""

    def lost(rows: slice) -> Tensor:
        z, _ = vae.encoder.draw(x[rows])
        return vae.log_likelihood(x[rows], z) - vae.log_likelihood(x[rows], z.roll(1, 0))

    return float(in_parts(len(x), AT_ONCE, lost).mean())


def log_p(vae: VAE, x: Tensor, k: int) -> NDArray[Any]:
    """The IWAE bound on log p(x) of each image: (N,)."""
    from tqdm import tqdm

    batches = [x[i : i + 20] for i in range(0, len(x), 20)]
    bar = tqdm(batches, f"L_{k}", leave=False, disable=None)
    return np.concatenate([vae.iwae(part, k).numpy() for part in bar])
