"""minigrad and PyTorch behind one handle: the namespaces, and the few calls that differ."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any


class Framework:
    """`nn`, `F` and the tensor functions of one framework on one device.

    `name` is "minigrad", "pytorch" or "pytorch channels_last", on a GPU also with " graph" behind
    it: then a step is captured as a CUDA graph. Raises ModuleNotFoundError where the framework is
    not installed.
    """

    def __init__(self, name: str, device: str = "cpu") -> None:
        self.graph = name.endswith(" graph")
        name = name.removesuffix(" graph")
        module = "minigrad" if name == "minigrad" else "torch"
        self.name, self.device = name, device
        self.root: Any = importlib.import_module(module)
        self.nn: Any = importlib.import_module(f"{module}.nn")
        self.F: Any = importlib.import_module(f"{module}.nn.functional")
        self.optim: Any = importlib.import_module(f"{module}.optim")
        self.no_grad = self.root.no_grad
        self.version: str = self.root.__version__
        self.channels_last = {}
        if name == "pytorch channels_last":
            self.channels_last = {"memory_format": self.root.channels_last}
        if device == "cuda":  # TF32 for everyone: PyTorch takes it by itself for convolutions alone
            if name == "minigrad":
                self.root.allow_tf32(True)
            else:
                self.root.set_float32_matmul_precision("high")

    def tensor(self, array: Any) -> Any:
        """Return NumPy's `array` as a tensor on the device, in the contestant's memory order."""
        order = self.channels_last if array.ndim == 4 else {}
        return self.root.tensor(array).to(self.device, **order)

    def place(self, module: Any) -> Any:
        """Return `module` with its parameters on the device, in the contestant's memory order."""
        return module.to(self.device, **self.channels_last)

    def randn(self, *shape: int) -> Any:
        """Return Gaussian noise of `shape`, made on the device."""
        return self.root.randn(*shape, device=self.device)

    def adam(self, parameters: Any, **options: Any) -> Any:
        """Return Adam in the framework's fastest form: for PyTorch the fused one."""
        if self.name.startswith("pytorch"):
            options |= {"fused": True, "capturable": self.graph}
        return self.optim.Adam(parameters, **options)

    def training(self, step: Callable[[Any], Any], data: Iterator[Any]) -> Callable[[], Any]:
        """Return what does `step` on the next batch."""
        if self.graph:
            step = (
                self.root.graphed(step) if self.name == "minigrad" else self._captured(step, data)
            )
        return lambda: step(next(data))

    def _captured(self, step: Callable[[Any], Any], data: Iterator[Any]) -> Callable[[Any], Any]:
        """Return PyTorch's step as a CUDA graph, as its documentation says to make one."""
        cuda, x = self.root.cuda, next(data).clone()
        aside = cuda.Stream()
        aside.wait_stream(cuda.current_stream())
        with cuda.stream(aside):
            for _ in range(3):
                step(x)
        cuda.current_stream().wait_stream(aside)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            result = step(x)

        def replay(batch: Any) -> Any:
            x.copy_(batch)
            graph.replay()
            return result

        return replay

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.device == "cuda" and self.name == "minigrad":
            self.root.device("cuda").xp.cuda.get_current_stream().synchronize()
        elif self.device == "cuda":
            self.root.cuda.synchronize()
