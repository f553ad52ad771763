"""The one-cycle policy (Smith and Topin 2018)."""

import math
from collections.abc import Sequence

from ...options import number, positive, whole_number
from ..optimizer import Group, Optimizer
from .base import LRScheduler

Rates = float | Sequence[float]


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to 1 / final_div_factor of where it began.

    One step for each batch; `total_steps` of them, or epochs · steps_per_epoch. The share pct_start
    goes upwards, along a cosine or, with anneal_strategy "linear", a line; with three_phase it goes
    back to where it began in as many steps before it goes to the end. The momentum (or beta 1) goes
    the other way, from max_momentum to base_momentum and back. ValueError for a step too many.
    """

    _formula = ("total_steps", "cycle_momentum")

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.85,
        max_momentum: Rates = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        total_steps = _total(total_steps, epochs, steps_per_epoch)
        number("OneCycleLR", "pct_start", pct_start, 0, 1)
        positive("OneCycleLR", "div_factor", div_factor)
        positive("OneCycleLR", "final_div_factor", final_div_factor)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
            )
        self.total_steps = total_steps
        self.cycle_momentum = cycle_momentum
        self._linear = anneal_strategy == "linear"
        up, last = pct_start * total_steps - 1, total_steps - 1
        # (last step, the rate at it, the momentum at it), by the names that groups have for them
        self._phases = [(up, "max_lr", "base_momentum"), (last, "min_lr", "max_momentum")]
        if three_phase:
            down = 2 * pct_start * total_steps - 2
            self._phases.insert(1, (down, "initial_lr", "max_momentum"))
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError("OneCycleLR: cycle_momentum needs an optimizer with one")
        whole_number("OneCycleLR", "last_epoch", last_epoch, -1)
        if last_epoch == -1:
            self._prepare(optimizer, max_lr, div_factor, final_div_factor)
            if cycle_momentum:
                for name, rates in (
                    ("base_momentum", base_momentum),
                    ("max_momentum", max_momentum),
                ):
                    _give(optimizer, name, rates)
        super().__init__(optimizer, last_epoch)

    def _prepare(
        self, optimizer: Optimizer, max_lr: Rates, div_factor: float, final_div_factor: float
    ) -> None:
        _give(optimizer, "max_lr", max_lr)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["max_lr"] / div_factor
            group["min_lr"] = group["initial_lr"] / final_div_factor

    def _first(self, i: int, group: Group) -> float:
        return self._lr(i, group)

    def _lr(self, i: int, group: Group) -> float:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch} of a schedule of {self.total_steps} steps"
            )
        if "max_lr" not in group:
            raise ValueError("OneCycleLR: a parameter group that was added later has no max_lr")
        start, rate, momentum = 0.0, "initial_lr", "max_momentum"
        for end, next_rate, next_momentum in self._phases:
            if self.last_epoch <= end or end == self._phases[-1][0]:
                break
            start, rate, momentum = end, next_rate, next_momentum
        # An ascent of one step is over when it begins.
        done = (self.last_epoch - start) / (end - start) if end != start else 1.0
        if self.cycle_momentum:
            _set_momentum(group, self._between(group[momentum], group[next_momentum], done))
        return self._between(group[rate], group[next_rate], done)

    def _between(self, start: float, end: float, done: float) -> float:
        if self._linear:
            return start + (end - start) * done
        return end + (start - end) / 2 * (1 + math.cos(math.pi * done))


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR: needs total_steps, or epochs and steps_per_epoch")
        whole_number("OneCycleLR", "epochs", epochs, 1)
        whole_number("OneCycleLR", "steps_per_epoch", steps_per_epoch, 1)
        total_steps = epochs * steps_per_epoch
    whole_number("OneCycleLR", "total_steps", total_steps, 1)
    return total_steps


def _give(optimizer: Optimizer, name: str, rates: Rates) -> None:
    groups = optimizer.param_groups
    values = list(rates) if isinstance(rates, Sequence) else [rates] * len(groups)
    if len(values) != len(groups):
        raise ValueError(f"OneCycleLR: {len(values)} {name} for {len(groups)} parameter groups")
    for group, value in zip(groups, values, strict=True):
        number("OneCycleLR", name, value, 0)
        group[name] = value


def _set_momentum(group: Group, value: float) -> None:
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
