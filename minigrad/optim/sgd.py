"""Stochastic gradient descent."""

from ..backend import Array, device_of
from .blocks import in_blocks, vectors
from .optimizer import Group, Optimizer, Params, State, check_ways, zeros_like


class SGD(Optimizer):
    """Gradient descent, with momentum (Sutskever et al. 2013; the first buffer is the gradient)."""

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        check_ways("SGD", ways)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        buffer, dampening = None, group["dampening"]
        if group["momentum"]:
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"], dampening = zeros_like(p), 0
            buffer = state["momentum_buffer"].array
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


def sgd_step(
    param: Array,
    grad: Array,
    momentum_buffer: Array | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """b = momentum b + (1 - dampening) g; p -= lr b, or lr (g + momentum b) with nesterov."""
    xp = device_of(param).xp

    def rule(t: Array, g: Array, p: Array, b: Array | None = None) -> None:
        if weight_decay:
            g = xp.add(g, xp.multiply(p, weight_decay, out=t), out=t)
        if b is not None:
            b *= momentum
            b += g * (1 - dampening) if dampening else g
            g = g + b * momentum if nesterov else b
        p -= xp.multiply(g, lr, out=t)

    kept = [] if momentum_buffer is None else [momentum_buffer]
    in_blocks(rule, 1, vectors(grad, param, *kept))
