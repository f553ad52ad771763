"""Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012)."""

from ..backend import Array, device_of
from .blocks import in_blocks, vectors
from .optimizer import Group, Optimizer, Params, State, check_ways, zeros_like


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far (Duchi et al. 2011).

    s += g²; p -= lr / (1 + (step - 1) lr_decay) · g / (sqrt(s) + eps).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        check_ways("Adagrad", ways)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            start = zeros_like(p).fill_(group["initial_accumulator_value"])
            state |= {"step": 0, "sum": start}
        state["step"] += 1
        xp = device_of(p).xp
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])

        def rule(t: Array, s: Array, g: Array, p: Array, total: Array) -> None:
            if group["weight_decay"]:
                g = xp.add(g, xp.multiply(p, group["weight_decay"], out=s), out=s)
            total += xp.multiply(g, g, out=t)
            xp.sqrt(total, out=t)
            t += group["eps"]
            xp.divide(g, t, out=t)
            t *= rate
            p -= t

        in_blocks(rule, 2, vectors(g, p, state["sum"].array))


class Adadelta(Optimizer):
    """Steps in the unit of the parameter (Zeiler 2012, algorithm 1).

    v = rho v + (1 - rho) g²; d = g sqrt(u + eps) / sqrt(v + eps); u = rho u + (1 - rho) d²;
    p -= lr d.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        check_ways("Adadelta", ways)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state |= {"step": 0, "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}
        state["step"] += 1
        xp, rho, eps = device_of(p).xp, group["rho"], group["eps"]

        def rule(t: Array, s: Array, g: Array, p: Array, v: Array, u: Array) -> None:
            if group["weight_decay"]:
                g = xp.add(g, xp.multiply(p, group["weight_decay"], out=s), out=s)
            v *= rho
            v += xp.multiply(xp.multiply(g, g, out=t), 1 - rho, out=t)
            xp.sqrt(xp.divide(u + eps, xp.add(v, eps, out=t), out=t), out=t)
            t *= g
            u *= rho
            u += xp.multiply(xp.multiply(t, t, out=s), 1 - rho, out=s)
            t *= group["lr"]
            p -= t

        arrays = vectors(g, p, state["square_avg"].array, state["acc_delta"].array)
        in_blocks(rule, 2, arrays)
