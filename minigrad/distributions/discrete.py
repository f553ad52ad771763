"""Distributions over {0, 1} and over {0, ..., K - 1}, by probabilities or by their logits."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.tensor import Tensor

from .distribution import Distribution, broadcast_all, finite, one_of, within


class Bernoulli(Distribution):
    """1 with probability `probs`, or sigmoid(`logits`), and else 0."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (given,) = broadcast_all("Bernoulli", one_of("Bernoulli", probs, logits))
        super().__init__(given.shape, (), validate_args)
        if logits is None:
            self.probs = given
            self._need((given >= 0) & (given <= 1), "probs", "from 0 to 1")
        else:
            self.logits = given
            self._need(mg.isfinite(given), "logits", "finite")

    @cached_property
    def probs(self) -> Tensor:
        return self.logits.sigmoid()

    @cached_property
    def logits(self) -> Tensor:
        probs = within(self.probs)
        return probs.log() - (-probs).log1p()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Zeros and ones, in the dtype of the parameter."""
        probs = self.probs.detach()
        drawn = mg.rand(self._shape(sample_shape), dtype=probs.dtype, device=probs.device)
        return (drawn < probs).to(probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._need_value(value)
        self._need((value == 0) | (value == 1), "the value", "0 or 1")
        value, logits = broadcast_all("Bernoulli", value.to(self.logits.dtype), self.logits)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


class Categorical(Distribution):
    """Of K categories one, with the last axis of `probs` as probabilities up to a factor, or that
    of `logits` as their logarithms up to a summand."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        given = one_of("Categorical", probs, logits)
        if not isinstance(given, Tensor) or not given.ndim:
            raise ValueError("Categorical: needs a tensor with at least one axis")
        super().__init__(given.shape[:-1], (), validate_args)
        self._num_events = given.shape[-1]
        if logits is None:
            total = given.sum(-1, keepdim=True)
            self._need((given >= 0) & (total > 0), "probs", "not negative, and not all 0")
            self.probs = given / total
        else:
            self._need(given < math.inf, "logits", "numbers, or -inf")
            self.logits = given - given.logsumexp(-1, keepdim=True)

    @cached_property
    def probs(self) -> Tensor:
        return self.logits.softmax(-1)

    @cached_property
    def logits(self) -> Tensor:
        return within(self.probs).log()

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameters: batch_shape and the number of categories."""
        return (*self.batch_shape, self._num_events)

    @property
    def mode(self) -> Tensor:
        """The category with the largest probability."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Numbers of categories, int64."""
        # Waiting times with the probabilities as rates: which comes first is distributed as them.
        probs = self.probs.detach().double()
        shape = (*self._shape(sample_shape), self._num_events)
        times = -(-mg.rand(shape, dtype=mg.float64, device=probs.device)).log1p()
        possible = (probs > 0).expand(shape)
        never = mg.full_like(times, float("inf"))
        return mg.where(possible, times / probs.clamp(min=1e-300), never).argmin(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._need_value(value)
        known = (value >= 0) & (value < self._num_events)
        self._need(known & (value == value.long()), "the value", f"0, ..., {self._num_events - 1}")
        index = value.long().unsqueeze(-1)
        shape = np.broadcast_shapes(index.shape[:-1], self.batch_shape)
        logits = self.logits.expand((*shape, self._num_events))
        return logits.gather(-1, index.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.probs * finite(self.logits)).sum(-1)
