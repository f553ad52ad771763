"""Module: a tree of layers, and the parameters and buffers that it holds.

Parameters, buffers and children are plain attributes. They are found by looking at what a module's
attributes are, in the order in which they were first assigned; so reading one in a forward pass
costs what reading any attribute costs.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import numpy as np

from ..backend import Device
from ..creation import DTypeLike, Place
from ..tape import mode
from ..tensor import Tensor
from .hooks import Hooked
from .parameter import Parameter
from .state import IncompatibleKeys, destination, load, move
from .tree import join, own_children, text, visits

if TYPE_CHECKING:
    from typing import Self

F = TypeVar("F", covariant=True)
T = TypeVar("T", bound=Tensor)


class _HasForward(Protocol[F]):
    @property
    def forward(self) -> F: ...


class _AsForward:
    """`__call__` to a type checker: it takes and gives what the module's own forward does."""

    def __get__(self, module: _HasForward[F], owner: Any = None) -> F:
        return module.forward


class Module(Hooked):
    """The base of all layers and models, whose attributes are its parameters and modules.

    What derives from it writes a `forward`. An error that passes through a module on its way out
    gets a note that says which layer it came from.
    """

    training: bool = True
    as_list: ClassVar[bool] = False  # whether repr() shows children that read alike as one
    _buffers: Mapping[str, bool] = {}  # the names of this module's buffers: whether each is saved

    if TYPE_CHECKING:
        __call__ = _AsForward()
    else:

        def __call__(self, *args, **kwargs):
            try:
                if mode.observer is not None:
                    return mode.observer.module(self, lambda: self._hooked(args, kwargs))
                if self._before or self._after:
                    return self._hooked(args, kwargs)
                return self.forward(*args, **kwargs)
            except RecursionError as error:
                # No function of ours is called here: the stack has ended.
                error.modules = getattr(error, "modules", 0) + 1
                error.__notes__ = [
                    f"Python's stack ended {error.modules} modules deep in a {type(self).__name__} "
                    f"(sys.getrecursionlimit() is {sys.getrecursionlimit()})"
                ]
                raise
            except Exception as error:
                _say_where(error, self)
                raise

    def __setattr__(self, name: str, value: Any) -> None:
        replaces = isinstance(vars(self).get(name), Parameter)
        if replaces and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{type(self).__name__}: cannot assign a {type(value).__name__} to the parameter "
                f"{name!r}; use nn.Parameter(...), or change its elements under minigrad.no_grad()"
            )
        if name in self._buffers and not (value is None or isinstance(value, Tensor)):
            raise TypeError(
                f"{type(self).__name__}: cannot assign a {type(value).__name__} to the buffer "
                f"{name!r}; use minigrad.tensor(...)"
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self._buffers:
            self._buffers = {k: v for k, v in self._buffers.items() if k != name}
        object.__delattr__(self, name)

    # ---- registering ---------------------------------------------------------------------------

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Have `self.name` be a tensor that is not learned, and is saved if persistent; or None."""
        self._check_name("register_buffer", name, tensor, Tensor)
        setattr(self, name, tensor)
        self._buffers = {**self._buffers, name: persistent}

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Have `self.name` be a parameter, or None."""
        self._check_name("register_parameter", name, param, Parameter)
        setattr(self, name, param)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Have `self.name` be a child, or None."""
        self._check_name("add_module", name, module, Module)
        setattr(self, name, module)

    def _check_name(self, caller: str, name: str, value: object, kind: type) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{caller}: a name must be a str, not empty and without '.': {name!r}")
        have = getattr(self, name, None)
        if hasattr(self, name) and not (have is None or isinstance(have, kind)):
            raise KeyError(f"{caller}: {type(self).__name__} has an attribute {name!r} already")
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"{caller}: {name!r} must be a {kind.__name__} or None, got {type(value).__name__}"
            )

    # ---- walking -------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of each child, in order of assignment."""
        seen = set()
        for name, child in own_children(self):
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator["Module"]:
        """Each child, in order of assignment."""
        return (child for _, child in self.named_children())

    def named_modules(
        self,
        memo: "set[Module] | None" = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of this module ("") and of all below it, each before its children."""
        if not remove_duplicate:
            yield from (visit[1:] for visit in visits(prefix, self) if not visit[0])
            return
        memo = set() if memo is None else memo
        waiting: list[tuple[str, Module]] = [(prefix, self)]  # no recursion: some are nested deep
        while waiting:
            path, module = waiting.pop()
            if module not in memo:
                memo.add(module)
                yield path, module
                inner = [(join(path, name), child) for name, child in own_children(module)]
                waiting += reversed(inner)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each before its children."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of this module and of all below it; one that is shared comes once."""
        return self._named(_own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and of all below it: what an optimizer is given."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer) of this module and of all below it."""
        return self._named(_own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and of all below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(
        self,
        own: "Callable[[Module], Iterator[tuple[str, T]]]",
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, T]]:
        seen: set[T] = set()
        here = [(prefix, self)]
        walk: Iterable[tuple[str, Module]] = (
            self.named_modules(None, prefix, remove_duplicate) if recurse else here
        )
        for path, module in walk:
            for name, tensor in own(module):
                if not (remove_duplicate and tensor in seen):
                    seen.add(tensor)
                    yield join(path, name), tensor

    # ---- state ---------------------------------------------------------------------------------

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) of everything that is saved, in PyTorch's order, whatever is shared."""
        for path, module in self.named_modules(None, prefix, remove_duplicate=False):
            for name, param in _own_parameters(module):
                yield join(path, name), param
            for name, buffer in _own_buffers(module):
                if module._buffers[name]:
                    yield join(path, name), buffer

    def get_submodule(self, target: str) -> "Module":
        """The module at a path such as "layers.0"; AttributeError where there is none."""
        found: Module = self
        for name in target.split(".") if target else ():
            part = vars(found).get(name)
            if not isinstance(part, Module):
                raise AttributeError(f"{type(self).__name__} has no module at {target!r}")
            found = part
        return found

    def state_dict(self, *, prefix: str = "") -> dict[str, Tensor]:
        """Each parameter and persistent buffer by its name ("a.b.weight"), sharing its memory."""
        return {name: tensor.detach() for name, tensor in self._state(prefix.removesuffix("."))}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy the values of a state dict into the parameters and buffers, in place.

        Floating values go over into the dtype that is here. RuntimeError lists every name that is
        missing or unexpected (if strict) and every entry of another shape, or of integers for
        floats; then nothing has been changed.
        """
        return load(dict(self._state()), state_dict, strict, type(self).__name__)

    def train(self, mode: bool = True) -> "Self":
        """Have this module and all below it behave as in training: dropout, batch statistics."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> "Self":
        """train(False)."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                param.grad.zero_()

    def requires_grad_(self, requires_grad: bool = True) -> "Self":
        """Have all parameters be learned, or none (freeze them)."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def apply(self, fn: "Callable[[Module], object]") -> "Self":
        """Call `fn` with every module below this one, then with this one."""
        for last, _, module in visits("", self):
            if last:
                fn(module)
        return self

    def to(
        self, *args: Device | DTypeLike, device: Place = None, dtype: DTypeLike = None
    ) -> "Self":
        """Move all parameters and buffers to a device, or the floating ones into a dtype, in place.

        The Parameters stay the same objects and keep their gradients, so that what is shared stays
        shared, and an optimizer that holds them goes on.
        """
        place, kind = destination(type(self).__name__, args, device, dtype)
        for tensor in (*self.parameters(), *self.buffers()):
            move(tensor, place, kind)
        return self

    def float(self) -> "Self":
        """to(float32)."""
        return self.to(dtype=np.float32)

    def double(self) -> "Self":
        """to(float64)."""
        return self.to(dtype=np.float64)

    def cpu(self) -> "Self":
        """to("cpu")."""
        return self.to(device="cpu")

    def cuda(self) -> "Self":
        """to("cuda"); RuntimeError says why where there is none."""
        return self.to(device="cuda")

    # ---- text ----------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What repr() shows of a module besides its children."""
        return ""

    def __repr__(self) -> str:
        return text(self, Module.__repr__)


def _own_parameters(module: Module) -> Iterator[tuple[str, Parameter]]:
    return ((n, v) for n, v in vars(module).items() if isinstance(v, Parameter))


def _own_buffers(module: Module) -> Iterator[tuple[str, Tensor]]:
    found = ((name, getattr(module, name)) for name in module._buffers)
    return ((name, tensor) for name, tensor in found if tensor is not None)


def _say_where(error: Exception, module: Module) -> None:
    """Adds a line to the error: the layer that raised it, and its path from `module`.

    Each module that the error passes on its way out calls this, so that the path ends up as that
    from the whole model.
    """
    layer = vars(error).setdefault("layer", module)
    path = next((name for name, part in module.named_modules() if part is layer), "")
    owner = f", which is {path!r} of a {type(module).__name__}" if path else ""
    before = [note for note in getattr(error, "__notes__", []) if not note.startswith(_START)]
    error.__notes__ = [*before, f"{_START}{type(layer).__name__}({layer.extra_repr()}){owner}"]


_START = "in the layer "
