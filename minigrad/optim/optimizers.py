"""SGD, RMSprop, Adam and AdamW, with PyTorch's names, defaults and formulas."""

from collections.abc import Iterable
from typing import Any

from ..backend import Array
from .optimizer import Group, Optimizer, State, zeros_like
from .updates import adam_step, rmsprop_step, sgd_step


class SGD(Optimizer):
    """Gradient descent, with momentum (Sutskever et al. 2013; the first buffer is the gradient)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        buffer, dampening = None, group["dampening"]
        if group["momentum"]:
            if "momentum_buffer" not in state:
                state["momentum_buffer"], dampening = zeros_like(p), 0
            buffer = state["momentum_buffer"].data
        sgd_step(
            p,
            g,
            buffer,
            lr=group["lr"],
            momentum=group["momentum"],
            dampening=dampening,
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
        )


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient (Hinton's lecture 6e).

    NOTE: alpha 0.99 and eps 1e-8 are PyTorch's; others have 0.9 and 1e-10, and so other results.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        names = ["square_avg"]
        names += ["grad_avg"] if group["centered"] else []
        names += ["momentum_buffer"] if group["momentum"] else []
        for name in names:
            if name not in state:
                state[name] = zeros_like(p)
        rmsprop_step(
            p,
            g,
            state["square_avg"].data,
            state["grad_avg"].data if group["centered"] else None,
            state["momentum_buffer"].data if group["momentum"] else None,
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
        )


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015); weight decay is added to the gradient."""

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state |= {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        state["step"] += 1
        adam_step(
            p,
            g,
            state["exp_avg"].data,
            state["exp_avg_sq"].data,
            step=state["step"],
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam with weight decay taken from the parameter itself (Loshchilov and Hutter 2019)."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
