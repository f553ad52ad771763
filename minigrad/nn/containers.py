"""Modules made of modules. Children are named "0", "1", ... unless given names."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, overload

from ..tensor import Tensor
from .module import Module
from .parameter import Parameter

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeVar

    M = TypeVar("M", bound=Module, default=Module)  # so that ModuleList alone is a type, too
else:
    from typing import TypeVar

    M = TypeVar("M", bound=Module)

V = TypeVar("V")


class _Listed(Module, Generic[M]):
    """A module whose children are a list."""

    def _items(self) -> list[M]:
        items: list[Any] = [m for m in vars(self).values() if isinstance(m, Module)]
        return items

    def _names(self) -> list[str]:
        return [name for name, m in vars(self).items() if isinstance(m, Module)]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[M]:
        return iter(self._items())

    @overload
    def __getitem__(self, index: int) -> M: ...

    @overload
    def __getitem__(self, index: slice) -> "Self": ...

    def __getitem__(self, index: int | slice) -> "M | Self":
        """The child at a place, or for a slice a container of this type."""
        items = self._items()
        if isinstance(index, slice):
            return self._sliced(index)
        try:
            return items[index]
        except IndexError:
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {len(items)} modules"
            ) from None

    @abstractmethod
    def _sliced(self, index: slice) -> "Self":
        """A container of this type with the children of a slice."""

    def __setitem__(self, index: int, module: M) -> None:
        self.add_module(self._names()[index], module)

    def append(self, module: M) -> "Self":
        """Add a child at the end."""
        place = len(self)
        while str(place) in vars(self):  # a slice has kept the names of its modules
            place += 1
        self.add_module(str(place), module)
        return self

    def extend(self, modules: Iterable[M]) -> "Self":
        """Add children at the end."""
        for module in modules:
            self.append(module)
        return self


class Sequential(_Listed[Any]):
    """Modules one after the other, each called with the result of the one before.

    `Sequential(a, b)`, or `Sequential(OrderedDict(first=a, second=b))` for names.
    """

    @overload
    def __init__(self, *modules: Module) -> None: ...

    @overload
    def __init__(self, named: Mapping[str, Module], /) -> None: ...

    def __init__(self, *modules: Any) -> None:
        named = {str(i): module for i, module in enumerate(modules)}
        if len(modules) == 1 and isinstance(modules[0], dict):
            (named,) = modules
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Tensor) -> Tensor:
        for module in list(vars(self).values()):
            if isinstance(module, Module):
                input = module(input)
        return input

    def _sliced(self, index: slice) -> "Self":
        return type(self)(OrderedDict(list(zip(self._names(), self._items(), strict=True))[index]))


class ModuleList(_Listed[M]):
    """A list of modules, whose parameters are found; it has no forward."""

    as_list = True

    def __init__(self, modules: Iterable[M] = ()) -> None:
        self.extend(modules)

    def _sliced(self, index: slice) -> "Self":
        return type(self)(self._items()[index])


class _Named(Module, Generic[V]):
    """A module whose children, or parameters, are a dict."""

    @abstractmethod
    def _held(self) -> dict[str, V]:
        """What it holds, by name."""

    def __getitem__(self, key: str) -> V:
        return self._held()[key]

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __contains__(self, key: object) -> bool:
        return key in self._held()

    def keys(self) -> Iterable[str]:
        """The names, in order."""
        return self._held().keys()

    def values(self) -> Iterable[V]:
        """What has them, in order."""
        return self._held().values()

    def items(self) -> Iterable[tuple[str, V]]:
        """Both in pairs, in order."""
        return self._held().items()


class ModuleDict(_Named[Module]):
    """Modules by name, whose parameters are found; it has no forward."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})

    def _held(self) -> dict[str, Module]:
        return {name: m for name, m in vars(self).items() if isinstance(m, Module)}

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def pop(self, key: str) -> Module:
        """The module of this name, which is removed."""
        module = self[key]
        delattr(self, key)
        return module

    def update(self, modules: Mapping[str, Module]) -> None:
        """Take over these, in the place of those of the same names."""
        for name, module in modules.items():
            self[name] = module


def _parameter(value: Tensor) -> Parameter:
    return value if isinstance(value, Parameter) else Parameter(value)


class ParameterList(Module):
    """A list of parameters, which are found; what is a plain tensor becomes one."""

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        self.extend(values)

    def _items(self) -> list[Parameter]:
        return [p for p in vars(self).values() if isinstance(p, Parameter)]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._items())

    @overload
    def __getitem__(self, index: int) -> Parameter: ...

    @overload
    def __getitem__(self, index: slice) -> "ParameterList": ...

    def __getitem__(self, index: int | slice) -> "Parameter | ParameterList":
        """The parameter at a place, or for a slice a list of them."""
        items = self._items()
        return ParameterList(items[index]) if isinstance(index, slice) else items[index]

    def __setitem__(self, index: int, value: Tensor) -> None:
        name = str(range(len(self))[index])
        setattr(self, name, _parameter(value))

    def append(self, value: Tensor) -> "Self":
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> "Self":
        """Add parameters at the end."""
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(
            f"({i}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
            for i, p in enumerate(self)
        )


class ParameterDict(_Named[Parameter]):
    """Parameters by name, which are found; what is a plain tensor becomes one."""

    def __init__(self, parameters: Mapping[str, Tensor] | None = None) -> None:
        for name, value in (parameters or {}).items():
            self[name] = value

    def _held(self) -> dict[str, Parameter]:
        return {name: p for name, p in vars(self).items() if isinstance(p, Parameter)}

    def __setitem__(self, key: str, value: Tensor) -> None:
        self.register_parameter(key, _parameter(value))
