"""Learning rate schedules, with PyTorch's names: call `step()` after each epoch.

Each is a formula for the learning rate of an epoch, given the one that the optimizer began with.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .optimizer import Optimizer

Factor = Callable[[int], float]


class LRScheduler(ABC):
    """The base of all schedules; the optimizer's learning rates are those of `last_epoch`."""

    _formula: tuple[str, ...] = ()  # the attributes that state_dict saves besides

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group["initial_lr"] = group["lr"]
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch {last_epoch} needs 'initial_lr' in every "
                    "parameter group: load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    @abstractmethod
    def _lr(self, group: int, base_lr: float) -> float:
        """The learning rate of a group in epoch `last_epoch`."""

    def step(self) -> None:
        """Go to the next epoch."""
        self.last_epoch += 1
        rates = [self._lr(i, base) for i, base in enumerate(self.base_lrs)]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer (and LambdaLR's functions), as numbers and lists."""
        names = ("last_epoch", "base_lrs", *self._formula)
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what state_dict() gave; the optimizer keeps the learning rates."""
        names = {"last_epoch", "base_lrs", *self._formula}
        if names != set(state_dict):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: expected {sorted(names)}, got "
                f"{sorted(state_dict)}"
            )
        for name, value in state_dict.items():
            setattr(self, name, value)


class StepLR(LRScheduler):
    """lr · gamma^(epoch // step_size)."""

    _formula = ("step_size", "gamma")

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _lr(self, group: int, base_lr: float) -> float:
        return float(base_lr * self.gamma ** (self.last_epoch // self.step_size))


class ExponentialLR(LRScheduler):
    """lr · gamma^epoch."""

    _formula = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _lr(self, group: int, base_lr: float) -> float:
        return float(base_lr * self.gamma**self.last_epoch)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (lr - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov and Hutter 2017)."""

    _formula = ("T_max", "eta_min")

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _lr(self, group: int, base_lr: float) -> float:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return self.eta_min + (base_lr - self.eta_min) * share


class LinearLR(LRScheduler):
    """lr times a factor that goes from start_factor to end_factor in total_iters epochs."""

    _formula = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _lr(self, group: int, base_lr: float) -> float:
        done = min(self.last_epoch, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class LambdaLR(LRScheduler):
    """lr · lr_lambda(epoch), with one function for all parameter groups, or a list of them."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(
                f"LambdaLR: {len(self.lr_lambdas)} functions for {groups} parameter groups"
            )
        super().__init__(optimizer, last_epoch)

    def _lr(self, group: int, base_lr: float) -> float:
        return base_lr * self.lr_lambdas[group](self.last_epoch)
