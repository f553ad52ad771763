"""What all learning rate schedules share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ...options import whole_number
from ..optimizer import Group, Optimizer


class LRScheduler(ABC):
    """The base of all schedules: a step goes on from the rates that it finds in the optimizer.

    So schedules on one optimizer compose, and a rate that was set by hand counts from then on. The
    rate that a group began with is its "initial_lr", which an optimizer's state keeps. With a
    `last_epoch`, the optimizer is taken to have the rate of the epoch after it, as in PyTorch.
    """

    _formula: tuple[str, ...] = ()  # the attributes that state_dict saves besides

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: needs an optimizer, got a {type(optimizer).__name__}"
            )
        whole_number(type(self).__name__, "last_epoch", last_epoch, -1)
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch {last_epoch} needs 'initial_lr' in every "
                    "parameter group: load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """Go to the first epoch of a run."""
        self.last_epoch += 1
        self._set(self._first)

    def _first(self, i: int, group: Group) -> float:
        """The rate of a group in the first epoch of a run."""
        return self._closed(i, group) if self.last_epoch == 0 else float(group["lr"])

    @abstractmethod
    def _lr(self, i: int, group: Group) -> float:
        """The rate of group i in epoch `last_epoch`, when group["lr"] is that of the one before."""

    def _closed(self, i: int, group: Group) -> float:
        """The same, whatever the rate of the epoch before was."""
        return self._lr(i, group)

    def _restart(self) -> None:
        """Go to epoch 0: for SequentialLR."""
        self.last_epoch = 0
        self._set(self._closed)

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        self._set(self._lr)

    def _set(self, rate: Any) -> None:
        groups = self.optimizer.param_groups
        for group in groups[len(self.base_lrs) :]:  # groups that were added since
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
        rates = [rate(i, group) for i, group in enumerate(groups)]  # all, before one is changed
        for group, lr in zip(groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = rates

    def get_last_lr(self) -> list[float]:
        """The learning rate that the last step gave to each parameter group."""
        return list(self._last_lr)

    # ---- state -----------------------------------------------------------------------------------

    def _names(self) -> tuple[str, ...]:
        return ("last_epoch", "base_lrs", "_last_lr", *self._formula)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer (and functions), as numbers and lists."""
        return {name: getattr(self, name) for name in self._names()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what state_dict() gave, here or in PyTorch; the optimizer keeps its rates."""
        names = {name for name in self._names() if name != "_last_lr"}
        if not names <= set(state_dict):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: expected {sorted(names)}, got "
                f"{sorted(state_dict)}"
            )
        for name in (*names, "_last_lr"):
            if name in state_dict:
                setattr(self, name, state_dict[name])
