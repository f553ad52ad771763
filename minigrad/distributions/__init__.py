"""Distributions with the names and signatures of `torch.distributions`."""

from .discrete import Bernoulli, Categorical
from .distribution import Distribution
from .independent import Independent
from .kl import kl_divergence, register_kl
from .normal import Normal

__all__ = [
    "Bernoulli", "Categorical", "Distribution", "Independent", "Normal", "kl_divergence",
    "register_kl",
]  # fmt: skip
