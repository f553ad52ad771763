"""Schedules that multiply the learning rate by a factor of the epoch."""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...options import number, positive, whole_number
from ..optimizer import Group, Optimizer
from .base import LRScheduler

Factor = Callable[[int], float]


class _Factor(LRScheduler):
    """lr(t) = lr f(t): a step multiplies the rate that it finds by f(t) / f(t - 1)."""

    @abstractmethod
    def _factor(self, epoch: int) -> float:
        """f(epoch)."""

    def _first(self, i: int, group: Group) -> float:
        found = float(group["lr"])
        return found * self._factor(0) if self.last_epoch == 0 else found

    def _lr(self, i: int, group: Group) -> float:
        now, before = self._factor(self.last_epoch), self._factor(self.last_epoch - 1)
        found = float(group["lr"])
        return found if now == before else found * (now / before)

    def _closed(self, i: int, group: Group) -> float:
        return float(self.base_lrs[i] * self._factor(self.last_epoch))


class StepLR(_Factor):
    """lr · gamma^(epoch // step_size)."""

    _formula = ("step_size", "gamma")

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        whole_number("StepLR", "step_size", step_size, 1)
        number("StepLR", "gamma", gamma)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float(self.gamma ** (epoch // self.step_size))


class MultiStepLR(_Factor):
    """lr · gamma^(the number of milestones that have been reached)."""

    _formula = ("milestones", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        row = list(milestones) if isinstance(milestones, Iterable) else [milestones]
        for epoch in row:
            whole_number("MultiStepLR", "milestones", epoch)
        number("MultiStepLR", "gamma", gamma)
        self.milestones = sorted(row)  # in a state of PyTorch's, a Counter of them
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        reached = [n for at, n in Counter(self.milestones).items() if at <= epoch]
        return float(self.gamma ** sum(reached))


class ExponentialLR(_Factor):
    """lr · gamma^epoch."""

    _formula = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        number("ExponentialLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float(self.gamma**epoch)


class LinearLR(_Factor):
    """lr times a factor that goes from start_factor to end_factor in total_iters epochs.

    ValueError unless 0 < start_factor <= 1 and 0 <= end_factor <= 1.
    """

    _formula = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        positive("LinearLR", "start_factor", start_factor)
        number("LinearLR", "start_factor", start_factor, 0, 1)
        number("LinearLR", "end_factor", end_factor, 0, 1)
        whole_number("LinearLR", "total_iters", total_iters, 1)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * done


class ConstantLR(_Factor):
    """lr · factor until epoch total_iters, then lr. ValueError unless 0 < factor <= 1."""

    _formula = ("factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        positive("ConstantLR", "factor", factor)
        number("ConstantLR", "factor", factor, 0, 1)
        whole_number("ConstantLR", "total_iters", total_iters)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0


class PolynomialLR(_Factor):
    """lr · (1 - epoch / total_iters)^power, and 0 from epoch total_iters on."""

    _formula = ("total_iters", "power")

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        whole_number("PolynomialLR", "total_iters", total_iters, 1)
        number("PolynomialLR", "power", power, 0)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float((1 - min(epoch, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """eta_min + (lr - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov and Hutter 2017)."""

    _formula = ("T_max", "eta_min")

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        whole_number("CosineAnnealingLR", "T_max", T_max, 1)
        number("CosineAnnealingLR", "eta_min", eta_min)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def _first(self, i: int, group: Group) -> float:
        return float(group["lr"])

    def _lr(self, i: int, group: Group) -> float:
        found = float(group["lr"])
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # upwards again, from 0
            base = float(self.base_lrs[i])
            return found + (base - self.eta_min) * self._share(self.T_max - 1)
        ratio = self._share(self.last_epoch) / self._share(self.last_epoch - 1)
        return self.eta_min + (found - self.eta_min) * ratio

    def _closed(self, i: int, group: Group) -> float:
        return float(
            self.eta_min + (self.base_lrs[i] - self.eta_min) * self._share(self.last_epoch)
        )


class LambdaLR(LRScheduler):
    """initial lr · lr_lambda(epoch), with one function for all parameter groups, or a list of them.

    As in PyTorch it sets the rate, whatever it finds; what others do to it is undone.
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        self.lr_lambdas = _functions(self, optimizer, lr_lambda)
        self._common = lr_lambda if callable(lr_lambda) else None
        super().__init__(optimizer, last_epoch)

    def _function(self, i: int) -> Factor:
        if i == len(self.lr_lambdas) and self._common is not None:  # a group that was added since
            self.lr_lambdas.append(self._common)
        if i >= len(self.lr_lambdas):
            raise ValueError(
                f"{type(self).__name__}: a parameter group was added, and has no function: append "
                "one to lr_lambdas"
            )
        return self.lr_lambdas[i]

    def _lr(self, i: int, group: Group) -> float:
        return float(self.base_lrs[i] * self._function(i)(self.last_epoch))

    def _first(self, i: int, group: Group) -> float:
        return self._closed(i, group)


class MultiplicativeLR(LambdaLR):
    """lr times lr_lambda(epoch) in each epoch but the first."""

    def _first(self, i: int, group: Group) -> float:
        return float(group["lr"])

    def _lr(self, i: int, group: Group) -> float:
        return float(group["lr"] * self._function(i)(self.last_epoch))


def _functions(schedule: Any, optimizer: Optimizer, given: Any) -> list[Factor]:
    name, groups = type(schedule).__name__, len(optimizer.param_groups)
    functions = [given] * groups if callable(given) else given
    if not (isinstance(functions, Sequence) and all(map(callable, functions))):
        raise TypeError(
            f"{name}: lr_lambda must be a function of the epoch, or one for each parameter group, "
            f"got {given!r:.60}"
        )
    if len(functions) != groups:
        raise ValueError(f"{name}: {len(functions)} functions for {groups} parameter groups")
    return list(functions)
