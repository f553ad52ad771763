"""Schedules made of schedules."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ...options import whole_number
from ..optimizer import Group, Optimizer
from .base import LRScheduler
from .plateau import ReduceLROnPlateau


class _Joined(LRScheduler):
    """Several schedules of one optimizer."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name}: needs one schedule or more")
        for i, one in enumerate(schedulers):
            if isinstance(one, ReduceLROnPlateau):
                raise ValueError(f"{name}: ReduceLROnPlateau needs a loss in each step")
            if one.optimizer is not optimizer:
                raise ValueError(f"{name}: schedule {i} belongs to another optimizer")
        self.optimizer = optimizer
        self._schedulers = list(schedulers)

    def _lr(self, i: int, group: Group) -> float:
        raise NotImplementedError  # the schedules that it is made of have one

    def state_dict(self) -> dict[str, Any]:
        """The states of all schedules."""
        own = {name: getattr(self, name) for name in self._formula}
        return {
            **own,
            "_last_lr": self._last_lr,
            "_schedulers": [s.state_dict() for s in self._schedulers],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what state_dict() gave; the optimizer keeps its rates."""
        for name in self._formula:
            setattr(self, name, state_dict[name])
        self._last_lr = list(state_dict["_last_lr"])
        for one, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            one.load_state_dict(state)


class SequentialLR(_Joined):
    """One schedule after the other: the next begins, with its epoch 0, at each milestone."""

    _formula = ("last_epoch", "_milestones")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedulers)
        if not isinstance(milestones, Sequence):
            raise TypeError(f"SequentialLR: milestones must be ints, got {milestones!r:.60}")
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
                f"got {len(milestones)}"
            )
        for epoch in milestones:
            whole_number("SequentialLR", "milestones", epoch)
        whole_number("SequentialLR", "last_epoch", last_epoch, -1)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # what making the schedules has done to the rates
            group["lr"] = group["initial_lr"]
        self._undo()
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._begin()
        self._last_lr = first.get_last_lr()

    def _undo(self) -> None:
        for one in self._schedulers:
            if isinstance(one, SequentialLR):
                one._undo()
            else:
                one.last_epoch -= 1

    def _begin(self) -> None:
        self._schedulers[0]._begin()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        at = bisect_right(self._milestones, self.last_epoch)
        now = self._schedulers[at]
        if at and self._milestones[at - 1] == self.last_epoch:
            now._restart()
        else:
            now.step()
        self._last_lr = now.get_last_lr()


class ChainedScheduler(_Joined):
    """Several schedules that are stepped together."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(optimizer or schedulers[0].optimizer, schedulers)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Go to the next epoch."""
        for one in self._schedulers:
            one.step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
