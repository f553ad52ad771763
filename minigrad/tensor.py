"""Tensor: an array plus its place on the tape."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import autograd, ops
from .backend import Array, Device, DType, Shape, device_of, find_dtype
from .backend import device as find_device
from .broadcasting import cast
from .kinds import Kinds
from .ops.shape import move_to
from .tape import Leaf, Node, Variable, extras_of

if TYPE_CHECKING:
    from typing import Self


class Tensor(Kinds):
    """An n-dimensional array that remembers how it was made. Make one with `minigrad.tensor`."""

    __slots__ = ("_frozen",)  # the leaf, while requires_grad_(False) has taken it off the tape
    __hash__ = object.__hash__

    def __init__(self, array: Array, node: Node | None = None) -> None:
        if type(array) is not np.ndarray and not hasattr(array, "strides"):
            raise TypeError(
                f"Tensor: needs an array, got {type(array).__name__}; use minigrad.tensor(...)"
            )
        if array.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: needs floats, ints or bools, got {array.dtype}")
        self.array = array
        self.node = node

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The length of each axis."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> DType:
        """NumPy's dtype of the elements."""
        dtype: DType = self.array.dtype
        return dtype

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return device_of(self.array)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self.array.ndim)

    def dim(self) -> int:
        """How many axes there are."""
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one of its lengths."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """How many elements there are."""
        return int(self.array.size)

    def element_size(self) -> int:
        """The bytes of an element."""
        return int(self.array.itemsize)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len: a tensor without axes has no length")
        return int(self.array.shape[0])

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        text = np.array2string(
            self.numpy(force=True), separator=", ", prefix="tensor(", precision=4
        )
        notes = [] if self.dtype in (np.float32, np.int64, np.bool_) else [f"dtype={self.dtype}"]
        if self.device.name != "cpu":
            notes.append(f"device='{self.device}'")
        if self.node is not None:
            notes.append("requires_grad=True" if self.is_leaf else f"grad_fn=<{self.node.name}>")
        return f"tensor({', '.join([text, *notes])})"

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ValueError(
                f"bool: a tensor of shape {list(self.shape)} is neither true nor false; use "
                ".any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise TypeError(f"index: only an integer tensor can be an index, got {self.dtype}")
        return int(self.item())

    # ---- its place on the tape -------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether it is on the tape. Setting it does as `requires_grad_`."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> "Self":
        """Have gradients accumulate in `.grad` from now on, or no longer."""
        if self.node is not None and not isinstance(self.node, Leaf):
            if not requires_grad:
                raise RuntimeError(
                    f"requires_grad_: the result of '{self.node.name}' is on the tape; use "
                    ".detach()"
                )
        elif not requires_grad:
            if self.node is not None:
                self._frozen = self.node
            self.node = None
        elif self.node is None:
            if self.dtype.kind != "f":
                raise TypeError(
                    "requires_grad_: only floating tensors have gradients, this one is "
                    f"{self.dtype}"
                )
            self.node = getattr(self, "_frozen", None) or Leaf(self.array)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no op on the tape made it."""
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor, or None for a leaf."""
        return None if self.is_leaf else self.node

    @property
    def grad(self) -> "Tensor | None":
        """What backward() has added up for this leaf, or kept after retain_grad()."""
        node = self.node or getattr(self, "_frozen", None)
        found: Tensor | None = None
        if node is not None:
            found = node.grad if isinstance(node, Leaf) else (node.extras or {}).get("grad")
        return found

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        node = self.node or getattr(self, "_frozen", None)
        if not isinstance(node, Leaf):
            if value is not None:
                raise RuntimeError("grad: only a leaf that requires a gradient has a .grad to set")
            return
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"grad: needs a tensor or None, got {type(value).__name__}")
        if value is not None and (value.shape, value.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"grad: needs shape {list(self.shape)} and {self.dtype}, got {list(value.shape)} "
                f"and {value.dtype}"
            )
        node.grad = value

    def retain_grad(self) -> None:
        """Keep the gradient of an interior tensor in `.grad` at the next backward()."""
        if self.node is None:
            raise RuntimeError("retain_grad: this tensor requires no gradient")
        if not isinstance(self.node, Leaf):
            extras_of(self.node)["retain"] = True

    def register_hook(self, hook: "Callable[[Tensor], Tensor | None]") -> "autograd.Hook":
        """Call `hook` with the gradient when it is known; what it returns, if anything, replaces
        it. `remove()` of what is returned takes the hook away."""
        if self.node is None:
            raise RuntimeError("register_hook: this tensor requires no gradient")
        if not callable(hook):
            raise TypeError(f"register_hook: needs a function, got {type(hook).__name__}")
        return autograd.add_hook(self.node, hook)

    def backward(
        self,
        gradient: "Tensor | None" = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf that it was made from.

        `gradient` is the cotangent, of this tensor's shape; it may be left out for a single number.

        >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**3).sum().backward()
        >>> x.grad
        tensor([ 3., 12.])
        """
        autograd.backward([self], [gradient], retain_graph, create_graph)

    def detach(self) -> "Tensor":
        """The same memory, off the tape."""
        return Tensor(self.array)

    @property
    def data(self) -> "Tensor":
        """The same memory, off the tape: what is changed in place there is changed here, and the
        tape sees it. Set it to have the memory of another tensor, of this shape, dtype and device:
        TypeError or ValueError for what does not fit."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: needs a tensor, got {type(value).__name__}")
        if (value.shape, value.dtype, value.device) != (self.shape, self.dtype, self.device):
            raise ValueError(
                f"data: needs {self.dtype}{list(self.shape)} on {self.device}, got "
                f"{value.dtype}{list(value.shape)} on {value.device}"
            )
        self.array = value.array

    def __deepcopy__(self, memo: dict[int, Any]) -> "Self":
        """A leaf with memory, and a place on the tape, of its own. RuntimeError for other
        tensors."""
        if not self.is_leaf:
            raise RuntimeError(
                f"deepcopy: only a leaf can be copied, this is the result of '{self.node}'; "
                "use .detach().clone()"
            )
        copied = type(self).__new__(type(self))
        copied.array, copied.node = self.array.copy(order="K"), None
        memo[id(self)] = copied
        copied.requires_grad_(self.requires_grad)
        if self.grad is not None and copied.requires_grad:
            copied.grad = self.grad.detach().clone()
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a tensor is not pickled: use minigrad.save(), or copy.deepcopy for a copy")

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.numel() == 1 and spec else repr(self), spec)

    @property
    def T(self) -> "Tensor":
        """The axes in reverse order: a view."""
        return self.permute(tuple(range(self.ndim))[::-1])

    # ---- to and from other places ----------------------------------------------------------------

    def item(self) -> Any:
        """The one element as a Python number; waits for the device."""
        if self.numel() != 1:
            raise ValueError(
                f"item: a tensor of shape {list(self.shape)} has {self.numel()} elements, needs 1"
            )
        return self.device.to_numpy(self.array).item()

    def tolist(self) -> Any:
        """The elements as Python numbers, in lists for each axis; waits for the device."""
        return self.device.to_numpy(self.array).tolist()

    def numpy(self, *, force: bool = False) -> "np.ndarray[Any, Any]":
        """The elements as a NumPy array, which shares memory if they are on the CPU.

        RuntimeError for a tensor on the tape, TypeError for one on a GPU, unless `force`.
        """
        if not force and self.node is not None:
            raise RuntimeError(
                "numpy: this tensor is on the tape; use .detach().numpy(), or numpy(force=True)"
            )
        if not force and self.device.name != "cpu":
            raise TypeError(
                f"numpy: this tensor is on {self.device}; use .cpu().numpy(), or numpy(force=True)"
            )
        return self.device.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **how: Any) -> Any:
        if self.node is not None:
            raise BufferError("__dlpack__: this tensor is on the tape; use .detach()")
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, number = self.array.__dlpack_device__()
        return kind, number

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
    ) -> "Tensor":
        """This tensor on another device or in another dtype; itself if nothing changes, unless a
        copy is asked for. `non_blocking` is accepted, and changes nothing."""
        for arg in args:
            if isinstance(arg, Tensor):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, Device) or (isinstance(arg, str) and not hasattr(np, arg)):
                device = arg
            else:
                dtype = arg
        out: Tensor = self
        if dtype is not None and find_dtype("to", dtype) != self.dtype:
            kind = find_dtype("to", dtype)
            out = cast(self if kind.kind == "f" else self.detach(), dtype=kind)
        if device is not None and (target := find_device(device)) is not self.device:
            out = move_to(out, device=target)
        return ops.clone(out) if copy and out is self else out

    def astype(self, dtype: Any) -> "Tensor":
        """This tensor in another dtype."""
        return self.to(dtype=dtype)

    def contiguous(self) -> "Tensor":
        """This tensor with its elements in C order in memory; itself if they are."""
        return self if self.array.flags.c_contiguous else ops.clone(self, order="C")


Variable.made = Tensor
