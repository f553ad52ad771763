"""A training step that a GPU is handed as a whole: `graphed`.

A step is some hundred launches, each of which takes the host longer than it takes the GPU. With
`graphed` they are captured once, as a CUDA graph, and then replayed by one call. A replay gives the
same bits as the step itself, in a tenth of the host's time.
"""

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, TypeVar, cast

from .backend import Device
from .backend.graph import recording
from .tensor import Tensor

Step = TypeVar("Step", bound=Callable[..., Any])

__all__ = ["each_step", "graphed"]

WARM_UP = 2  # steps before the capture: they compile kernels and make what is made once


def graphed(step: Step) -> Step:
    """`step`, captured as a CUDA graph when its arguments have had the same shapes for the third
    time, and replayed from then on; on other devices the step itself.

    Its arguments are tensors, numbers or strings; its result is tensors, in tuples, lists or dicts.
    A replay runs no Python: what the step decides, prints and computes in Python stays as it was
    when it was captured. Random numbers and the numbers of Adam go on, and so does all that
    `each_step` is given. RuntimeError for a step that fetches numbers (`item`, `float`), brings
    some to the GPU, or moves an optimizer that counts its steps and is not Adam or AdamW; then it
    has been half done. Later RuntimeError where a replay would do something else than the step:
    other options of an optimizer, or another state of Adam.

    >>> layer = mg.nn.Linear(3, 1)
    >>> adam = mg.optim.Adam(layer.parameters())
    >>> @mg.graphed
    ... def train_step(x, y):
    ...     loss = (layer(x) - y).square().mean()
    ...     adam.zero_grad()
    ...     loss.backward()
    ...     adam.step()
    ...     return loss.detach()
    >>> train_step(mg.ones(8, 3), mg.ones(8, 1)).shape
    ()
    """
    _check("graphed", step)
    return cast(Step, _Graphed(step))


class _Graphed:
    def __init__(self, step: Callable[..., Any]) -> None:
        update_wrapper(self, step)
        self._step = step
        self._seen: dict[Any, int] = {}
        self._graphs: dict[Any, tuple[Any, list[Tensor]]] = {}

    def __call__(self, *args: Any) -> Any:
        tensors = [x for x in args if isinstance(x, Tensor)]
        if not tensors or tensors[0].device.type == "cpu":
            return self._step(*args)
        key = tuple([(x.shape, x.dtype) if isinstance(x, Tensor) else x for x in args])
        if key in self._graphs:
            graph, inputs = self._graphs[key]
            for mine, x in zip(inputs, tensors):
                mine.array[...] = x.array
            graph.replay()
            return _copied(graph.result)
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= WARM_UP:
            return self._step(*args)
        return self._captured(key, args, tensors[0].device)

    def _captured(self, key: Any, args: tuple[Any, ...], device: Device) -> Any:
        """The third step: captured, and run."""
        mine = [x.detach().clone() if isinstance(x, Tensor) else x for x in args]
        graph = device.captured(lambda: _mapped(self._step(*mine), Tensor.detach))
        if graph is None:
            self._seen[key] = -(2**60)
            return self._step(*args)
        self._graphs[key] = graph, [x for x in mine if isinstance(x, Tensor)]
        return _copied(graph.result)


def each_step(number: Callable[[], Any], like: Tensor | None = None) -> Any:
    """number(), now and again whenever the step is replayed: what a step does in Python each time.

    With `like`, number() is a number that is used on that tensor: in a step that is being captured
    it is given as a tensor without axes, which has the number of each replay.
    """
    _check("each_step", number)
    if recording.graph is None:
        return number()
    if like is not None:
        return Tensor(like.device.live(lambda: (number(),), like.dtype).reshape(()))
    return recording.graph.each(number)


def _check(name: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"{name}: needs a function, got {function!r:.60}")


def _copied(result: Any) -> Any:
    """The result in memory of its own, since the next replay writes into that of the graph."""
    return _mapped(result, lambda x: Tensor(x.array.copy()))


def _mapped(result: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(result, Tensor):
        return function(result)
    if isinstance(result, Mapping):
        return {name: _mapped(x, function) for name, x in result.items()}
    if isinstance(result, list | tuple):
        return type(result)([_mapped(x, function) for x in result])
    return result
