"""How a game of two networks stands: the discriminator beside the best there is, and what gradients
it gives the generator (Goodfellow et al. 2014)."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from minigrad import Tensor

from ..gan import GAN
from ..objectives import OBJECTIVES
from .distances import jensen_shannon

Array = NDArray[Any]


class Discriminator(NamedTuple):
    """What a discriminator has learned of data with density p and samples with density q; arrays
    are over places on the line."""

    d: Array
    best: Array  # p / (p + q): proposition 1
    common: Array  # where all but a thousandth of the points are
    error: float  # the largest there
    value: float  # of the game, with this D
    best_value: float  # -log 4 + 2 JSD(p, q): theorem 1


def against_best(scores: Array, p: Array, q: Array, places: Array) -> Discriminator:
    """A discriminator's scores at evenly spaced places beside the best ones."""
    shares = np.cumsum((p + q) / 2) * (places[1] - places[0])
    common = (shares > 0.0005) & (shares < 0.9995)
    d, best = 1 / (1 + np.exp(-scores)), p / (p + q)
    log_d, log_not_d = -np.logaddexp(0, -scores), -np.logaddexp(0, scores)
    return Discriminator(
        d,
        best,
        common,
        float(np.abs(d - best)[common].max()),
        float(np.trapezoid(p * log_d + q * log_not_d, places)),
        -math.log(4) + 2 * jensen_shannon(p, q, places),
    )


def gradients(gan: GAN, noise: Tensor) -> dict[str, Any]:
    """The norm of the generator's gradient under both objectives, and the mean D(G(z))."""
    scores = gan.discriminator(gan.generator(noise))
    row: dict[str, Any] = {"D(G(z))": scores.sigmoid().mean().item()}
    for name in ("minimax", "non-saturating"):
        loss = OBJECTIVES[name].generator(scores).mean()
        parts = mg.grad(loss, list(gan.generator.parameters()), retain_graph=True)
        row[name] = math.sqrt(sum(g.square().sum().item() for g in parts))
    # A gradient that is 0 but for what float32 can hold is the claim at its strongest.
    ratio = row["non-saturating"] / row["minimax"] if row["minimax"] else math.inf
    return {**row, "ratio": ratio}


def slope(name: str, d: float) -> float:
    """The slope of a generator's loss in the score a, where D = sigmoid(a) is d."""
    a = mg.tensor(math.log(d / (1 - d)), dtype=mg.float64).requires_grad_()
    (g,) = mg.grad(OBJECTIVES[name].generator(a), [a])
    return float(g.item())
