"""KL divergences in closed form."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.tensor import Tensor

from .discrete import Bernoulli, Categorical
from .distribution import Distribution, finite
from .independent import Independent, sum_rightmost
from .normal import Normal

Formula = TypeVar("Formula", bound=Callable[[Any, Any], Tensor])
_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """A decorator: this function is KL(p || q) for distributions of these types."""

    def register(formula: Formula) -> Formula:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q) in nats, for each element of the batch.

    NotImplementedError where no closed form is known here.
    """
    for type_p in type(p).__mro__:
        for type_q in type(q).__mro__:
            if formula := _FORMULAS.get((type_p, type_q)):
                return formula(p, q)
    names = f"{type(p).__name__} from {type(q).__name__}"
    raise NotImplementedError(f"kl_divergence: no closed form is known for {names}")


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    # (r - 1 - log r + z**2) / 2 for the ratio r of the variances; nearly equal scales cancel less
    # in expm1(log r) than in r - 1.
    log_ratio = (p.scale / q.scale).log() * 2
    z = (p.loc - q.loc) / q.scale
    return (log_ratio.expm1() - log_ratio + z.square()) * 0.5


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = _part(p.probs, F.softplus(-q.logits) - F.softplus(-p.logits), q.probs)
    zeros = _part(1 - p.probs, F.softplus(q.logits) - F.softplus(p.logits), 1 - q.probs)
    return ones + zeros


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Tensor:
    if p.param_shape[-1] != q.param_shape[-1]:
        sizes = f"{p.param_shape[-1]} and {q.param_shape[-1]}"
        raise ValueError(f"kl_divergence: {sizes} categories")
    return _part(p.probs, finite(p.logits) - finite(q.logits), q.probs).sum(-1)


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: Independent with different numbers of axes")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


def _part(probs: Tensor, log_ratio: Tensor, others: Tensor) -> Tensor:
    """probs * log_ratio: 0 for what never happens, infinite for what never happens under q."""
    never, impossible = probs == 0, others == 0
    term = probs * mg.where(never | impossible, mg.zeros_like(log_ratio), log_ratio)
    infinite = mg.full_like(term, math.inf)
    return mg.where(impossible & ~never, infinite, term)
