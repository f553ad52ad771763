"""f-GANs (Nowozin et al. 2016): a GAN for every f-divergence.

    D_f(p || q) = E_q[f(p / q)],  f convex, f(1) = 0
               >= E_p[T(x)] - E_q[f*(T(x))],  f* the convex conjugate of f, T any function

The discriminator's score v becomes T = g(v) by an activation g that keeps it where f* is defined.
The bound is tight at T = f'(p / q), so that minus the discriminator's loss estimates the
divergence, in nats; the generator makes it small. `f_gan` is an objective of models/gan.py's game.

The generator minimises -E_q[f*(T)], as algorithm 1 has it. The paper's trick of section 3.2, to
maximise T instead, has other minimisers, and what is to be shown here is that divergences differ.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import minigrad.nn.functional as F
from minigrad import Tensor

from ..objectives import Objective

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """f of the ratio r = p / q, the activation g, and f*(g(v)): tables 1, 2 and 6 of the paper."""

    f: Function
    activation: Function
    conjugate: Function  # of the score v: f* after g


DIVERGENCES = {
    # Where data are, samples have to be: it covers all modes.
    "KL": Divergence(
        f=lambda r: r * r.log(),
        activation=lambda v: v,
        conjugate=lambda v: (v - 1).exp(),
    ),
    # Where no data are, no samples may be: it seeks a mode.
    "reverse KL": Divergence(
        f=lambda r: -r.log(),
        activation=lambda v: -(-v).exp(),
        conjugate=lambda v: v - 1,
    ),
    "squared Hellinger": Divergence(
        f=lambda r: (r.sqrt() - 1).square(),
        activation=lambda v: 1 - (-v).exp(),
        conjugate=lambda v: v.exp() - 1,
    ),
    # Twice the divergence, whose bound is log 4: as the paper has it.
    "Jensen-Shannon": Divergence(
        f=lambda r: r * r.log() - (r + 1) * ((r + 1) / 2).log(),
        activation=lambda v: math.log(2) - F.softplus(-v),
        conjugate=lambda v: F.softplus(v) - math.log(2),
    ),
}


def f_gan(name: str) -> Objective:
    """The objective of one of DIVERGENCES. ValueError for a name that is none of theirs."""
    if name not in DIVERGENCES:
        expected = ", ".join(DIVERGENCES)
        raise ValueError(f"f_gan: unknown divergence {name!r}; expected one of {expected}")
    found = DIVERGENCES[name]
    return Objective(
        real=lambda v: -found.activation(v),
        fake=found.conjugate,
        generator=lambda v: -found.conjugate(v),
    )
