"""What all distributions share: their shapes, and checks of their arguments."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.backend import Shape
from minigrad.tensor import Tensor


class Distribution:
    """A batch of independent distributions, one for each element of `batch_shape`, over events of
    `event_shape`.

    Parameters outside of their domain, and values outside of the support, are a ValueError unless
    `validate_args` is False.
    """

    has_rsample = False  # whether samples have gradients for the parameters

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self.batch_shape: Shape = tuple(batch_shape)
        self.event_shape: Shape = tuple(event_shape)
        self._validated = validate_args is not False

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples (*sample_shape, *batch_shape, *event_shape) with gradients for the parameters."""
        raise NotImplementedError(
            f"{type(self).__name__}: samples are no differentiable function of the parameters; "
            "use sample()"
        )

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples (*sample_shape, *batch_shape, *event_shape), off the tape."""
        with mg.no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log of the density or probability of a value."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    # ---- for those that inherit ------------------------------------------------------------------

    def _shape(self, sample_shape: Sequence[int]) -> Shape:
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def _need(self, holds: Tensor, of: str, domain: str) -> None:
        """ValueError if a parameter or a value is not what it has to be, NaN included."""
        if self._validated and not bool(holds.all()):
            raise ValueError(
                f"{type(self).__name__}: {of} must be {domain}; validate_args=False lets all pass"
            )

    def _need_value(self, value: Any) -> None:
        """TypeError for what is no tensor, ValueError where its shape does not fit."""
        if not isinstance(value, Tensor):
            given = type(value).__name__
            raise TypeError(f"{type(self).__name__}.log_prob: needs a tensor, got {given}")
        expected = self.batch_shape + self.event_shape
        events = len(self.event_shape)
        fits = not events or value.shape[-events:] == self.event_shape
        try:
            np.broadcast_shapes(value.shape, expected)
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{type(self).__name__}.log_prob: a value of shape {list(value.shape)} does not "
                f"fit {list(expected)}"
            )


def broadcast_all(name: str, *parameters: Any) -> list[Tensor]:
    """Parameters, given as tensors or numbers, as tensors of one shape, dtype and device."""
    tensors = [p for p in parameters if isinstance(p, Tensor)]
    for parameter in parameters:
        if not isinstance(parameter, Tensor | int | float | np.number):
            given = type(parameter).__name__
            raise TypeError(f"{name}: parameters must be tensors or numbers, got {given}")
    how: dict[str, Any] = {"dtype": mg.float32}
    if tensors:
        how = {"dtype": tensors[0].dtype, "device": tensors[0].device}
    made = [p if isinstance(p, Tensor) else mg.tensor(float(p), **how) for p in parameters]
    shape = np.broadcast_shapes(*(p.shape for p in made))
    return [p if p.shape == shape else p.expand(shape) for p in made]


def one_of(name: str, probs: Any, logits: Any) -> Any:
    """The one parameter that was given."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: needs either probs or logits, and not both")
    return probs if logits is None else logits


def within(probs: Tensor) -> Tensor:
    """Probabilities that have a finite logarithm, as PyTorch moves them: by a rounding error."""
    eps = float(np.finfo(probs.dtype).eps)
    return probs.clamp(eps, 1 - eps)


def finite(logits: Tensor) -> Tensor:
    """Logits whose product with a probability of 0 is 0: without -inf."""
    return logits.clamp(min=float(np.finfo(logits.dtype).min))
