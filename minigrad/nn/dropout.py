"""Dropout (Srivastava et al. 2014)."""

from ..options import number
from ..tensor import Tensor
from . import functional as F
from .module import Module


class Dropout(Module):
    """In training each element is 0 with probability p, and else divided by 1 - p.

    In evaluation the input itself. ValueError for a p outside of [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        number(type(self).__name__, "p", p, 0, 1)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout2d(Dropout):
    """Dropout of whole channels of images (Tompson et al. 2015)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)
