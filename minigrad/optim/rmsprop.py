"""RMSprop (Hinton's lecture 6e)."""

from ..backend import Array, device_of
from .blocks import in_blocks, vectors
from .optimizer import Group, Optimizer, Params, State, check_ways, zeros_like


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient (Hinton's lecture 6e).

    NOTE: alpha 0.99 and eps 1e-8 are PyTorch's; others have 0.9 and 1e-10, and so other results.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **ways: object,
    ) -> None:
        check_ways("RMSprop", ways)
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        state["step"] = state.get("step", 0) + 1  # PyTorch counts them too
        names = ["square_avg"]
        names += ["grad_avg"] if group["centered"] else []
        names += ["momentum_buffer"] if group["momentum"] else []
        for name in names:
            if name not in state:
                state[name] = zeros_like(p)
        rmsprop_step(
            p,
            g,
            state["square_avg"].array,
            state["grad_avg"].array if group["centered"] else None,
            state["momentum_buffer"].array if group["momentum"] else None,
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
        )


def rmsprop_step(
    param: Array,
    grad: Array,
    square_avg: Array,
    grad_avg: Array | None,
    momentum_buffer: Array | None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> None:
    """v = alpha v + (1 - alpha) g²; p -= lr g / (sqrt(v) + eps)  (Hinton's lecture 6e).

    With grad_avg (centered), the square of the running mean of g is taken from v; with a buffer b
    = momentum b + g / (sqrt(v) + eps), p -= lr b.
    """
    xp = device_of(param).xp

    def rule(t: Array, s: Array, g: Array, p: Array, v: Array, *rest: Array) -> None:
        if weight_decay:
            g = xp.add(g, xp.multiply(p, weight_decay, out=s), out=s)
        v *= alpha
        v += xp.multiply(xp.multiply(g, g, out=t), 1 - alpha, out=t)
        if grad_avg is None:
            xp.sqrt(v, out=t)
        else:
            mean = rest[0]
            mean *= alpha
            mean += g * (1 - alpha)
            xp.sqrt(xp.subtract(v, xp.multiply(mean, mean, out=t), out=t), out=t)
        t += eps
        xp.divide(g, t, out=t)
        if momentum_buffer is not None:
            b = rest[-1]
            b *= momentum
            b += t
            t[...] = b
        t *= lr
        p -= t

    kept = [x for x in (grad_avg, momentum_buffer) if x is not None]
    in_blocks(rule, 2, vectors(grad, param, square_avg, *kept))
