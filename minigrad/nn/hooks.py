"""Functions that are called around a module's forward."""

from collections.abc import Callable, Mapping
from typing import Any

from ..autograd import Hook

Function = Callable[..., Any]
Entry = tuple[Function, bool]  # a hook, and whether it takes the keywords too


class Hooked:
    """What a Module inherits: its hooks, and how they are called."""

    _before: Mapping[int, Entry] = {}
    _after: Mapping[int, Entry] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__}: no forward() is defined")

    def register_forward_pre_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Hook:
        """Call hook(module, args) before each forward; what it returns, if anything, takes the
        place of the arguments. With with_kwargs, hook(module, args, kwargs) -> (args, kwargs).

        Returns a handle, whose remove() ends it.
        """
        return _registered(self, "_before", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Function, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Hook:
        """Call hook(module, args, output) after each forward; what it returns, if anything, takes
        the place of the output. With with_kwargs, hook(module, args, kwargs, output).

        Returns a handle, whose remove() ends it.
        """
        return _registered(self, "_after", hook, prepend, with_kwargs)

    def pre_hooks(self) -> list[Any]:
        """The functions that are called before each forward."""
        return [hook for hook, _ in self._before.values()]

    def _hooked(self, args: Any, kwargs: Any) -> Any:
        """forward, between the hooks."""
        for hook, with_kwargs in list(self._before.values()):
            found = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if found is None:
                continue
            if with_kwargs:
                args, kwargs = found
            else:
                args = found if isinstance(found, tuple) else (found,)
        out = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._after.values()):
            found = hook(self, args, kwargs, out) if with_kwargs else hook(self, args, out)
            out = out if found is None else found
        return out


def _registered(
    module: Hooked, which: str, hook: Function, prepend: bool, with_kwargs: bool
) -> Hook:
    if not callable(hook):
        raise TypeError(f"{type(module).__name__}: a hook is a function, got {hook!r:.60}")
    own = vars(module).setdefault(which, {})
    before = dict(own)
    handle = Hook(own, (hook, with_kwargs))  # type: ignore[arg-type]
    if prepend:
        for key in before:
            own[key] = own.pop(key)
    return handle
