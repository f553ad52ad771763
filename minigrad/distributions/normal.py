"""The normal distribution."""

import math
from collections.abc import Sequence
from typing import Any

import minigrad as mg
from minigrad.tensor import Tensor

from .distribution import Distribution, broadcast_all

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Normal(Distribution):
    """Normal distributions with mean `loc` and standard deviation `scale`."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all("Normal", loc, scale)
        super().__init__(self.loc.shape, (), validate_args)
        self._need(mg.isfinite(self.loc), "loc", "finite")
        self._need((self.scale > 0) & mg.isfinite(self.scale), "scale", "positive and finite")

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        """Where the density is largest: the mean."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        place, dtype = self.loc.device, self.loc.dtype
        noise = mg.randn(self._shape(sample_shape), dtype=dtype, device=place)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._need_value(value)
        self._need(value == value, "the value", "a number")
        z = (value - self.loc) / self.scale  # not over scale ** 2, which is 0 for a scale of 1e-23
        return z.square() * -0.5 - self.scale.log() - _LOG_SQRT_2PI

    def entropy(self) -> Tensor:
        return self.scale.log() + (0.5 + _LOG_SQRT_2PI)
