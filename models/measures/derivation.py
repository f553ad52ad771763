"""The lecture's derivation of the ELBO as integrals over two latents, on a grid, in nats.

    log p(x) = E_q[log p(x)]                                               p(x) has no z in it
             = E_q[log p(x|z) p(z) / p(z|x)]                               Bayes' rule
             = E_q[log p(x|z) p(z) / p(z|x) * q(z|x) / q(z|x)]             times 1
             = E_q[log p(x|z)] - KL(q || p(z)) + KL(q || p(z|x))           logarithms
            >= E_q[log p(x|z)] - KL(q || p(z)) = ELBO                      the last term is >= 0

Only in so few dimensions is there a grid that holds the first line and the posterior p(z|x).
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigrad as mg

from ..vae import VAE, kl_per_latent

REACH, POINTS = 6.0, 401  # the least of a grid: from -6 to 6 in both latents
FINE = 0.75  # of the smallest deviation of a q: the most that places of a grid are apart
NODES = 24  # of Gauss-Hermite quadrature, in both latents
ROWS = 2048  # latents decoded at once
Array = NDArray[Any]


class Grid(NamedTuple):
    """Places z (G, 2) in the plane, in a square lattice; each stands for `area`."""

    z: Array
    area: float

    @property
    def log_prior(self) -> Array:
        """log p(z), (G,)."""
        values: Array = -0.5 * np.square(self.z).sum(1) - math.log(2 * math.pi)
        return values


def grid(points: int = POINTS, reach: float = REACH) -> Grid:
    """A lattice of points x points from -reach to reach."""
    line = np.linspace(-reach, reach, points)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return Grid(z, (line[1] - line[0]) ** 2)


def grid_of(mu: Array, std: Array, points: int = POINTS, reach: float = REACH) -> Grid:
    """A lattice that holds p(z) and all of q, whose means and deviations (N, 2) are given, and has
    places within the narrowest q: as `grid`, or wider and finer where these ask for it."""
    reach = max(reach, float((np.abs(mu) + 6 * std).max()))
    least = math.ceil(2 * reach / (FINE * std.min())) + 1
    return grid(max(points, least + 1 - least % 2), reach)


class Lines(NamedTuple):
    """The derivation's lines and terms in nats, each (N,), every one an integral on a grid."""

    log_p: Array  # log of the integral of p(x|z) p(z)
    expected_log_p: Array  # E_q[log p(x)]
    bayes: Array  # E_q[log p(x|z) p(z) / p(z|x)]
    times_q_over_q: Array  # E_q[log p(x|z) p(z) / p(z|x) * q/q]
    rec: Array  # E_q[log p(x|z)]
    kl_prior: Array  # KL(q || p(z))
    kl_posterior: Array  # KL(q || p(z|x))

    @property
    def three_terms(self) -> Array:
        return self.rec - self.kl_prior + self.kl_posterior

    @property
    def elbo(self) -> Array:
        return self.rec - self.kl_prior


def derive(log_likelihood: Array, log_q: Array, places: Grid) -> Lines:
    """The lines for N images, of log p(x|z) and log q(z|x) at the grid's places, (N, G) each."""
    log_prior, area = places.log_prior, places.area
    log_joint = log_likelihood + log_prior
    highest = log_joint.max(1, keepdims=True)
    log_p = highest + np.log(np.exp(log_joint - highest).sum(1, keepdims=True) * area)
    log_posterior = log_joint - log_p
    q = np.exp(log_q) * area

    def expected(values: Array) -> Array:
        mean: Array = (q * values).sum(1)
        return mean

    return Lines(
        log_p[:, 0],
        expected(log_p),
        expected(log_joint - log_posterior),
        expected(log_joint - log_posterior + log_q - log_q),
        expected(log_likelihood),
        expected(log_q - log_prior),
        expected(log_q - log_posterior),
    )


# ---- a VAE's p(x|z) and q(z|x) -------------------------------------------------------------------


def log_likelihood(vae: VAE, x: Array, z: Array) -> Array:
    """log p(x|z) of black and white images (N, C, H, W) at all latents (G, 2): (N, G).

    A pixel's log probability is x h - log(1 + exp(h)): linear in x, so that all the images
    together are one matrix product.
    """
    pixels = x.reshape(len(x), -1)
    found = np.empty((len(x), len(z)))
    with mg.no_grad():
        for i in range(0, len(z), ROWS):
            h = vae.decoder(mg.tensor(z[i : i + ROWS])).flatten(1).numpy()
            found[:, i : i + ROWS] = pixels @ h.T - np.logaddexp(0, h).sum(1)
    return found


def codes(vae: VAE, x: Array) -> tuple[Array, Array]:
    """The means and deviations of q(z|x) for N images: (N, latent) each."""
    with mg.no_grad():
        mu, logvar = vae.encoder(mg.tensor(x))
    return mu.numpy(), np.exp(0.5 * logvar.numpy())


def log_normal(z: Array, mu: Array, logvar: Array) -> Array:
    """log q(z|x) of N images' mu and logvar (N, 2) at latents (G, 2): (N, G)."""
    squares = np.square(z - mu[:, None]) / np.exp(logvar)[:, None]
    values: Array = -0.5 * (squares + logvar[:, None] + math.log(2 * math.pi)).sum(2)
    return values


def without_grid(vae: VAE, x: Array, nodes: int = NODES) -> tuple[Array, Array]:
    """E_q[log p(x|z)] by Gauss-Hermite quadrature at places of q's own, and KL(q || p(z)) by its
    closed form: (N,) each, in nats."""
    with mg.no_grad():
        kl = kl_per_latent(*vae.encoder(mg.tensor(x))).sum(1).numpy()
    mu, std = codes(vae, x)
    at, weights = np.polynomial.hermite_e.hermegauss(nodes)
    offsets = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    share = np.outer(weights, weights).reshape(-1) / weights.sum() ** 2
    rec = [
        share @ log_likelihood(vae, x[i : i + 1], mu[i] + std[i] * offsets)[0]
        for i in range(len(x))
    ]
    return np.array(rec), kl


class Found(NamedTuple):
    """What is integrated over the latents of N images."""

    x: Array
    places: Grid
    log_likelihood: Array  # (N, G)
    log_q: Array  # (N, G)
    fine: Lines
    coarse: Lines  # from every other point in both directions
    rec: Array  # without a grid
    kl: Array  # in closed form
    std: Array  # of q, (N, 2)


def every_other(places: Grid) -> tuple[Array, Grid]:
    """The grid of twice the step, and where in the whole one its places are."""
    side = math.isqrt(len(places.z))
    chosen = np.arange(side**2).reshape(side, side)[::2, ::2].reshape(-1)
    return chosen, Grid(places.z[chosen], 4 * places.area)


def integrate(vae: VAE, x: Array, points: int) -> Found:
    """Everything but IWAE's bounds, of float64 images and model; `points` are the least of the
    grid's sides."""
    mu, std = codes(vae, x)
    places = grid_of(mu, std, points)
    every, wider = every_other(places)
    table, log_q = log_likelihood(vae, x, places.z), log_normal(places.z, mu, 2 * np.log(std))
    fine, coarse = [], []
    for i in range(len(x)):
        part = slice(i, i + 1)
        fine.append(derive(table[part], log_q[part], places))
        coarse.append(derive(table[part, every], log_q[part, every], wider))
    lines, wide = (Lines(*map(np.concatenate, zip(*each))) for each in (fine, coarse))
    rec, kl = without_grid(vae, x)
    return Found(x, places, table, log_q, lines, wide, rec, kl, std)


# ---- other estimates of log p(x) -----------------------------------------------------------------


def by_samples_of_prior(found: Found, n: int) -> Array:
    """log of the mean p(x|z) at n of the grid's places, drawn as p(z) has them: (N,) in nats."""
    p = np.exp(found.places.log_prior)
    chosen = np.random.default_rng(0).choice(len(p), n, p=p / p.sum())
    values = found.log_likelihood[:, chosen]
    highest = values.max(1)
    bound: Array = highest + np.log(np.exp(values - highest[:, None]).mean(1))
    return bound


def iwae_bounds(vae: VAE, x: mg.Tensor, k: int, samples: int) -> Array:
    """IWAE's bound on log p(x) of N images in nats, as often as takes so many samples of each:
    (samples / k, N)."""
    together = max(1, ROWS // len(x))
    times = [min(together, samples // k - i) for i in range(0, samples // k, together)]
    copies = (x.expand(n, *x.shape).flatten(0, 1) for n in times)
    bounds = [vae.iwae(images, k).double().numpy() for images in copies]
    return np.concatenate(bounds).reshape(-1, len(x))


def standard_error(bounds: Array) -> float:
    """Of the mean of bounds (repeats, N) over the same N images."""
    variances = bounds.var(0, ddof=1) / len(bounds)
    return math.sqrt(variances.sum()) / len(bounds[0])


# ---- in numbers ----------------------------------------------------------------------------------

DERIVATION = ("log_p", "expected_log_p", "bayes", "times_q_over_q", "three_terms")
TERMS = ("rec", "kl_prior", "elbo", "kl_posterior")


def summary(found: Found, iwae: Mapping[int, Array]) -> dict[str, Any]:
    """How far the lines agree, and how far IWAE's bounds for each k (repeats, N) climb."""
    fine = found.fine
    identity = found.rec - found.kl + fine.kl_posterior
    return {
        "images": len(found.x),
        "lines, mean": {name: getattr(fine, name).mean() for name in DERIVATION},
        "terms, mean": {name: getattr(fine, name).mean() for name in TERMS},
        "lines differ by": max(_worst(getattr(fine, name), fine.log_p) for name in DERIVATION),
        "largest error of the identity": _worst(fine.log_p, identity),
        "KL(q || p(z)), grid and closed form": _worst(fine.kl_prior, found.kl),
        "IWAE-k, mean": {k: bound.mean() for k, bound in iwae.items()},
        "log p - IWAE-k, mean": {k: (fine.log_p - bound).mean() for k, bound in iwae.items()},
        "its standard error": {k: standard_error(bound) for k, bound in iwae.items()},
        "smallest KL(q || p(z|x))": fine.kl_posterior.min(),
        "images whose ELBO is above log p": int((fine.elbo > fine.log_p).sum()),
        "smallest standard deviation of q": found.std.min(),
    }


EQUAL = 1e-3  # nats by which what is equal may differ: of quadrature


def invariants(numbers: Mapping[str, Any]) -> dict[str, bool]:
    """What holds of a `summary` whatever was learned, if its integrals are right."""
    gaps, errors = numbers["log p - IWAE-k, mean"], numbers["its standard error"]
    return {
        "the derivation's lines are equal": numbers["lines differ by"] < EQUAL,
        "log p = ELBO + KL(q || p(z|x))": numbers["largest error of the identity"] < EQUAL,
        "no ELBO is above log p": numbers["images whose ELBO is above log p"] == 0,
        "no mean of IWAE-k is above log p": all(gaps[k] > -4 * errors[k] for k in gaps),
    }


def controls(found: Found, samples: int) -> dict[str, Any]:
    """What a coarser grid says, and so many samples of the prior."""
    fine, coarse = found.fine, found.coarse
    return {
        "step of the grid": math.sqrt(found.places.area),
        "log p, twice the step": _worst(fine.log_p, coarse.log_p),
        "KL(q || p(z|x)), twice the step": _worst(fine.kl_posterior, coarse.kl_posterior),
        "log p by samples of p(z)": by_samples_of_prior(found, samples).mean(),
    }


def _worst(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())
