"""Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019)."""

from ..backend import Array, device_of
from .blocks import in_blocks, vectors
from .optimizer import Group, Optimizer, Params, State, check_ways, zeros_like


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1); weight decay is added to the gradient.

    With amsgrad the steps are divided by the largest second moment so far (Reddi et al. 2018); with
    maximize they go upwards. `ways` are PyTorch's foreach, fused and capturable: without effect.
    """

    decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        check_ways(type(self).__name__, ways)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state |= {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = zeros_like(p)
        state["step"] += 1
        adam_step(
            p,
            g,
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            state["max_exp_avg_sq"].array if group["amsgrad"] else None,
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
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, **ways)


def adam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None = None,
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
    With max_exp_avg_sq, v is there the largest so far (Reddi et al. 2018, algorithm 2). Weight
    decay is added to the gradient or, decoupled, taken from p (Loshchilov and Hutter 2019).
    """
    device, (b1, b2) = device_of(param), betas
    xp = device.xp
    root = (1 - b2**step) ** 0.5  # the correction of V, moved out of the passes over the arrays
    rate, floor = lr * root / (1 - b1**step), eps * root
    arrays = vectors(
        grad, param, exp_avg, exp_avg_sq, *([] if max_exp_avg_sq is None else [max_exp_avg_sq])
    )
    keep, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    rates = {"beta1": b1, "rest1": 1 - b1, "beta2": b2, "rest2": 1 - b2}
    if max_exp_avg_sq is None:
        g, p, m, v = arrays
        if device.adam(p, g, m, v, **rates, rate=rate, floor=floor, decay=decay, keep=keep):
            return

    def rule(t: Array, g: Array, p: Array, m: Array, v: Array, *most: Array) -> None:
        if weight_decay and decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + p * weight_decay
        m *= b1
        m += xp.multiply(g, 1 - b1, out=t)
        v *= b2
        v += xp.multiply(xp.multiply(g, g, out=t), 1 - b2, out=t)
        xp.sqrt(xp.maximum(most[0], v, out=most[0]) if most else v, out=t)
        t += floor
        xp.divide(m, t, out=t)
        t *= rate
        p -= t

    in_blocks(rule, 1, arrays)
