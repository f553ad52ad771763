"""Dtypes by PyTorch's older names, and tensors made after another tensor."""

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import random
from .backend import device as find_device
from .backend import device_of, find_dtype
from .dtypes import TENSOR_TYPES
from .inplace import InPlace
from .ops import where
from .ops.checks import shape_of

if TYPE_CHECKING:
    from .tensor import Tensor


class Kinds(InPlace):
    """What Tensor inherits."""

    __slots__ = ()

    def type(self, dtype: Any = None) -> Any:
        """This tensor in another dtype, or as a TensorType or its name says, on its device too;
        without one the name of its own."""
        if dtype is None:
            name = next(name for name, kind in TENSOR_TYPES.items() if kind == self.array.dtype)
            return f"minigrad.{'cuda.' * self.is_cuda}{name}"
        if isinstance(dtype, str) and dtype.rpartition(".")[2] in TENSOR_TYPES:
            place = "cuda" if "cuda." in dtype else "cpu"
            return self._to(TENSOR_TYPES[dtype.rpartition(".")[2]], place)
        if hasattr(dtype, "device"):
            return self._to(dtype.dtype, dtype.device)
        return self._to(find_dtype("type", dtype))

    def _to(self, dtype: Any = None, device: Any = None) -> "Tensor":
        found: Any = self
        return found.to(dtype=dtype, device=device)  # type: ignore[no-any-return]

    def type_as(self, other: "Tensor") -> "Tensor":
        """This tensor in the dtype and on the device of another."""
        return self._to(other.dtype, other.device)

    def float(self) -> "Tensor":
        """This tensor in float32."""
        return self._to(np.float32)

    def double(self) -> "Tensor":
        """This tensor in float64."""
        return self._to(np.float64)

    def half(self) -> "Tensor":
        """This tensor in float16."""
        return self._to(np.float16)

    def long(self) -> "Tensor":
        """This tensor in int64."""
        return self._to(np.int64)

    def int(self) -> "Tensor":
        """This tensor in int32."""
        return self._to(np.int32)

    def bool(self) -> "Tensor":
        """This tensor as bools: where its elements are not 0."""
        return self._to(np.bool_)

    def cpu(self) -> "Tensor":
        """This tensor on the CPU."""
        return self._to(device="cpu")

    def cuda(self, device: Any = None, non_blocking: builtins.bool = False) -> "Tensor":
        """This tensor on the GPU."""
        return self._to(device="cuda" if device in (None, 0) else device)

    def nelement(self) -> builtins.int:
        """How many elements there are."""
        return int(self.array.size)

    def ndimension(self) -> builtins.int:
        """How many axes there are."""
        return int(self.array.ndim)

    def is_floating_point(self) -> builtins.bool:
        """Whether the elements are floats."""
        return bool(self.array.dtype.kind == "f")

    @property
    def is_cuda(self) -> builtins.bool:
        """Whether it is on a GPU."""
        return device_of(self.array).name == "cuda"

    def where(self, condition: "Tensor", other: Any) -> "Tensor":
        """This tensor where `condition` holds, else `other`."""
        return where(condition, self, other)  # type: ignore[call-overload, no-any-return]

    # ---- tensors with this one's dtype and device ------------------------------------------------

    def _made(
        self, make: Callable[..., Any], dtype: Any, device: Any, requires: builtins.bool
    ) -> "Tensor":
        place = device_of(self.array) if device is None else find_device(device)
        kind = self.array.dtype if dtype is None else find_dtype("new", dtype)
        out: Tensor = self.made(make(place.xp, kind))
        return out.requires_grad_() if requires else out

    def new_zeros(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> "Tensor":
        """Zeros of that shape, in this one's dtype and on its device."""
        shape = shape_of(size)
        return self._made(lambda xp, kind: xp.zeros(shape, kind), dtype, device, requires_grad)

    def new_ones(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> "Tensor":
        """Ones of that shape, in this one's dtype and on its device."""
        shape = shape_of(size)
        return self._made(lambda xp, kind: xp.ones(shape, kind), dtype, device, requires_grad)

    def new_empty(
        self,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> "Tensor":
        """Memory of that shape as it is, in this one's dtype and on its device."""
        shape = shape_of(size)
        return self._made(lambda xp, kind: xp.empty(shape, kind), dtype, device, requires_grad)

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> "Tensor":
        """That number everywhere, in this one's dtype and on its device."""
        shape = shape_of((size,))
        return self._made(
            lambda xp, kind: xp.full(shape, fill_value, kind), dtype, device, requires_grad
        )

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> "Tensor":
        """A tensor of a copy of `data` in this one's dtype."""
        data = getattr(data, "array", data)
        return self._made(lambda xp, kind: xp.array(data, kind), dtype, device, requires_grad)

    def bernoulli(self, p: Any = None, *, generator: Any = None) -> "Tensor":
        """1 with the probability that this tensor says, or with p, else 0."""
        chance = self.array if p is None else getattr(p, "array", p)
        out: Tensor = self.made(random.bernoulli(chance, self.array, generator))
        return out
