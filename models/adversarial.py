"""What models of several networks that play against each other share.

Each network moves in its own step only: `untouched_buffers` and `frozen` keep it as it is while
another one learns through it. `Average` is of a generator's weights, which swing from step to step.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import minigrad as mg
from minigrad import Tensor, nn


@contextmanager
def untouched_buffers(module: nn.Module) -> Iterator[None]:
    """Within, the module works on copies of its buffers: running statistics stay as they were."""
    kept = [(m, name, b) for m in module.modules() for name, b in m.named_buffers(recurse=False)]
    for owner, name, buffer in kept:
        setattr(owner, name, buffer.clone())
    try:
        yield
    finally:
        for owner, name, buffer in kept:
            setattr(owner, name, buffer)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Within, what the module computes leaves no trace in it: no gradients of its parameters, which
    saves the time of making them, and no change of its buffers. Its mode stays as it is."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        with untouched_buffers(module):
            yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Within, the module works as in evaluation: a batch norm uses its running statistics, and they
    stay as they are."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


class Average:
    """An exponential moving average of a module's weights and buffers, as `module`.

    Early on it forgets faster, (1 + t) / (10 + t) instead of `decay`, so that the initial weights
    are gone soon.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"Average: decay must be from 0 to below 1, got {decay}")
        self.module = copy.deepcopy(module).requires_grad_(False)
        self.decay, self.steps = decay, 0

    def update(self, module: nn.Module) -> None:
        """Takes in the weights after a step."""
        share = mg.each_step(self._share, like=next(self.module.parameters()))
        with mg.no_grad():
            for mine, theirs in _tensors(self.module, module):
                if mine.dtype.kind == "f":
                    mine.add_((theirs - mine) * share)
                else:
                    mine.copy_(theirs)  # how many batches a batch norm has seen

    def _share(self) -> float:
        """How much of the weights after one more step is taken in."""
        self.steps += 1
        return 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))

    def to(self, device: str) -> None:
        """Moves the averages to a device."""
        self.module.to(device)

    def state_dict(self) -> dict[str, Any]:
        return {"module": self.module.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.steps = int(state["steps"])


def _tensors(*modules: nn.Module) -> Iterator[tuple[Tensor, ...]]:
    """The parameters and buffers of modules of one architecture, side by side."""
    yield from zip(*(m.parameters() for m in modules), strict=True)
    yield from zip(*(m.buffers() for m in modules), strict=True)
