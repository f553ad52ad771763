"""Axes of a batch as axes of one event."""

from collections.abc import Sequence

from minigrad.options import whole_number
from minigrad.tensor import Tensor

from .distribution import Distribution


class Independent(Distribution):
    """A distribution whose last `reinterpreted_batch_ndims` axes of the batch are part of the
    event: their log-probabilities add up."""

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        n, shape = reinterpreted_batch_ndims, base_distribution.batch_shape
        whole_number("Independent", "reinterpreted_batch_ndims", n)
        if n > len(shape):
            raise ValueError(f"Independent: a batch of shape {list(shape)} has no {n} last axes")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        cut = len(shape) - n
        event_shape = shape[cut:] + base_distribution.event_shape
        super().__init__(shape[:cut], event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)


def sum_rightmost(value: Tensor, n: int) -> Tensor:
    """The sum over the last n axes."""
    return value.sum(tuple(range(-n, 0))) if n else value
