"""Parameter: a tensor that is learned."""

from typing import Any

from ..backend import Array
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that is learned: a Module's attribute of this type is one of its parameters.

    It shares the memory of `data`, a tensor or an array.
    """

    __slots__ = ()

    def __init__(self, data: Tensor | Array, requires_grad: bool = True) -> None:
        super().__init__(data.array if isinstance(data, Tensor) else data)
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        """A leaf of its own, without the gradient, in the same order in memory."""
        return type(self)(self.array.copy(order="K"), self.requires_grad)
