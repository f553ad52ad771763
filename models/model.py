"""What all models have in common: networks with their optimizers, which learn batch by batch.

    model.train_step(*batch)    one step on a batch; returns its losses by name
    model.state_dict()          all that training changes, to go on from: load_state_dict
    model.sample(n)             n new samples, where a model can draw them

A program needs no more than this to train a model, whatever networks it is made of.
"""

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import minigrad as mg
from minigrad import Tensor, optim
from minigrad.optim.lr_scheduler import LRScheduler

# Tensors without axes, off the tape: means over the batch.
Losses = Mapping[str, Tensor]


@runtime_checkable
class Stateful(Protocol):
    """A network, an optimizer, averaged weights: what continues by its state_dict."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any, /) -> Any: ...


class Generative(Protocol):
    """A model that new samples can be drawn from."""

    def sample(self, n: int, /) -> Tensor: ...


class Model:
    """Networks and their optimizers. All of its attributes that have a state are the model's state,
    and those that are tensors: a number that is learned, but not by descent."""

    def train_step(self, *batch: Any, **options: Any) -> Losses:
        """One step of training on a batch. What a batch is, each model says."""
        raise NotImplementedError

    def parts(self) -> dict[str, Stateful]:
        """The networks, optimizers and whatever else has a state, in the order of assignment."""
        return {name: part for name, part in vars(self).items() if isinstance(part, Stateful)}

    def _numbers(self) -> dict[str, Tensor]:
        return {name: part for name, part in vars(self).items() if isinstance(part, Tensor)}

    def to(self, device: str) -> Self:
        """The model itself, with all that it is made of on a device."""
        parts = self.parts().values()
        for part in parts:
            if not isinstance(part, optim.Optimizer) and hasattr(part, "to"):
                part.to(device)
        for part in parts:
            if isinstance(part, optim.Optimizer):
                part.load_state_dict(part.state_dict())  # which puts it beside its parameters
        for name, number in self._numbers().items():
            setattr(self, name, number.to(device))
        return self

    def state_dict(self) -> dict[str, Any]:
        """The states of all parts."""
        states = {name: part.state_dict() for name, part in self.parts().items()}
        return {**states, **self._numbers()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a `state_dict()`. ValueError if it is of a model with other parts."""
        parts, numbers = self.parts(), self._numbers()
        if set(state) != (expected := {*parts, *numbers}):
            name = type(self).__name__
            raise ValueError(
                f"{name}.load_state_dict: expected {sorted(expected)}, got {sorted(state)}"
            )
        for name, part in parts.items():
            part.load_state_dict(state[name])
        with mg.no_grad():
            for name, number in numbers.items():
                number.copy_(state[name])


class Network(Stateful, Protocol):
    """A network that knows its losses, of which `loss` is to become small."""

    def losses(self, *batch: Any, **options: Any) -> Losses: ...


class Learner(Model):
    """One network, and the optimizer that makes its loss small."""

    def __init__(self, model: Network, optimizer: optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer

    def train_step(self, *batch: Tensor) -> Losses:
        """One step of the optimizer; returns the losses before it."""
        losses = self.model.losses(*batch)
        descend(self.optimizer, losses["loss"])
        return {name: value.detach() for name, value in losses.items()}


class Scheduled(Learner):
    """A Learner whose rate a schedule changes after each step."""

    def __init__(self, model: Network, optimizer: optim.Optimizer, schedule: LRScheduler) -> None:
        super().__init__(model, optimizer)
        self.schedule = schedule

    def train_step(self, *batch: Tensor) -> Losses:
        losses = super().train_step(*batch)
        mg.each_step(self.schedule.step)
        return losses


def descend(optimizer: optim.Optimizer, loss: Tensor) -> None:
    """One step of an optimizer down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
