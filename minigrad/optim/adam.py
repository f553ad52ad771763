"""Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019)."""

from ..backend import Array, device_of
from .blocks import blocks, vectors
from .optimizer import Group, Optimizer, Params, State, zeros_like


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1); weight decay is added to the gradient."""

    decoupled = False

    def __init__(
        self,
        params: Params,
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
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            step=state["step"],
            lr=group["lr"],
            betas=group["betas"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam with weight decay taken from the parameter (Loshchilov and Hutter 2019, algorithm 2)."""

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def adam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= lr M / (sqrt(V) + eps).

    M = m / (1 - b1^step) and V = v / (1 - b2^step) have no bias: Kingma and Ba 2015, algorithm 1.
    Weight decay is added to the gradient or, decoupled, taken from p (Loshchilov and Hutter 2019).
    """
    device, (b1, b2) = device_of(param), betas
    xp = device.xp
    root = (1 - b2**step) ** 0.5  # the correction of V, moved out of the passes over the arrays
    rate, floor = lr * root / (1 - b1**step), eps * root
    g, p, m, v = arrays = vectors(grad, (param, exp_avg, exp_avg_sq))
    keep, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rates = {"beta1": b1, "rest1": 1 - b1, "beta2": b2, "rest2": 1 - b2}
    if device.adam(p, g, m, v, **rates, rate=rate, floor=floor, decay=decay, keep=keep):
        return
    for t, g, p, m, v in blocks(1, *arrays):
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + p * weight_decay
        m *= b1
        m += xp.multiply(g, 1 - b1, out=t)
        v *= b2
        v += xp.multiply(xp.multiply(g, g, out=t), 1 - b2, out=t)
        xp.sqrt(v, out=t)
        t += floor
        xp.divide(m, t, out=t)
        t *= rate
        p -= t
