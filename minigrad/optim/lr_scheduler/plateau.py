"""A schedule that looks at the loss."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

from ...options import number, whole_number
from ..optimizer import Group, Optimizer
from .base import LRScheduler


class ReduceLROnPlateau(LRScheduler):
    """lr · factor when step(loss) has brought nothing better for more than `patience` epochs.

    Better is less than best (1 - threshold), or best - threshold with threshold_mode "abs"; with
    mode "max", more. After that nothing counts for `cooldown` epochs. `min_lr` is a bound, or one
    for each group; changes of eps or less are not made. ValueError for a factor that is not below 1
    and for unknown modes.
    """

    _formula = (
        *("factor", "patience", "cooldown", "eps", "mode", "threshold", "threshold_mode"),
        *("min_lrs", "best", "cooldown_counter", "num_bad_epochs"),
    )

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        number(name, "factor", factor, 0, 1)
        if factor == 1:
            raise ValueError(f"{name}: factor must be below 1, got {factor}")
        whole_number(name, "patience", patience)
        whole_number(name, "cooldown", cooldown)
        number(name, "threshold", threshold, 0)
        number(name, "eps", eps, 0)
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"{name}: mode must be 'min' or 'max', and threshold_mode 'rel' or "
                f"'abs'; got {mode!r} and {threshold_mode!r}"
            )
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"{name}: {len(self.min_lrs)} min_lr for {groups} parameter groups")
        for bound in self.min_lrs:
            number(name, "min_lr", bound, 0)
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        super().__init__(optimizer)

    def _names(self) -> tuple[str, ...]:
        return ("last_epoch", "_last_lr", *self._formula)

    def _lr(self, i: int, group: Group) -> float:
        return float(group["lr"])

    def _better(self, value: float) -> bool:
        margin = self.threshold if self.mode == "min" else -self.threshold
        relative = self.threshold_mode == "rel"
        bound = self.best * (1 - margin) if relative else self.best - margin
        return value < bound if self.mode == "min" else value > bound

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Go to the next epoch, which ended with this loss."""
        value = float(metrics)
        self.last_epoch += 1
        if self._better(value):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        bounds = self.min_lrs + [self.min_lrs[-1]] * (len(groups) - len(self.min_lrs))
        for group, bound in zip(groups, bounds, strict=True):
            lr = max(group["lr"] * self.factor, bound)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
