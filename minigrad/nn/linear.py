"""Fully connected layers."""

from typing import Any

from .. import creation
from ..options import whole_number
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """Its input; arguments are accepted and not used, so that it can take any layer's place."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """x (..., in_features) -> x @ weight.T + bias (..., out_features).

    `weight` is (out_features, in_features), `bias` (out_features) or None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        whole_number("Linear", "in_features", in_features)
        whole_number("Linear", "out_features", out_features)
        place: Any = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(creation.empty(out_features, in_features, **place))
        self.bias = Parameter(creation.empty(out_features, **place)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        init.default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
