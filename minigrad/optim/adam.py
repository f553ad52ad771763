"""Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019)."""

from typing import Any

from ..backend import Array, device_of
from ..backend.graph import recording
from ..tensor import Tensor
from .blocks import in_blocks, vectors
from .optimizer import Group, Optimizer, Params, State, check_ways, gradient, zeros_like


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015, algorithm 1); weight decay is added to the gradient.

    With amsgrad the steps are divided by the largest second moment so far (Reddi et al. 2018); with
    maximize they go upwards. `ways` are PyTorch's foreach, fused and capturable: without effect.

    >>> x = mg.tensor(4.0, requires_grad=True)
    >>> adam = mg.optim.Adam([x], lr=0.1)
    >>> for _ in range(200):
    ...     adam.zero_grad()
    ...     (x - 1).square().backward()
    ...     adam.step()
    >>> round(x.item(), 2)
    1.0
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

    def _captured(self, graph: Any) -> None:
        """The kernel's numbers are computed anew for each replay."""

    def _update_all(self, params: list[Tensor], states: list[State], group: Group) -> None:
        """In one kernel all that have one, a device, a dtype and a step in common."""
        alike: dict[Any, list[int]] = {}
        for i, (p, state) in enumerate(zip(params, states)):
            self._begin(p.array, state, group)
            alike.setdefault((type(p.array), p.array.dtype, state["step"]), []).append(i)
        for places in alike.values():
            some, their = [params[i] for i in places], [states[i] for i in places]
            if group["amsgrad"] or not self._in_one_kernel(some, their, group):
                if recording.graph is not None:
                    kinds = f"{some[0].dtype}, amsgrad={group['amsgrad']}"
                    raise RuntimeError(f"{type(self).__name__}: no kernel to capture for {kinds}")
                super()._update_all(some, their, group)

    def _in_one_kernel(self, params: list[Tensor], states: list[State], group: Group) -> bool:
        arrays = [
            vectors(gradient(p, group), p.array, state["exp_avg"].array, state["exp_avg_sq"].array)
            for p, state in zip(params, states)
        ]
        first, array = params[0], params[0].array

        def numbers() -> list[float]:
            if self.state.get(first) is not states[0] or first.array is not array:
                raise RuntimeError(
                    f"{type(self).__name__}: parameters or their states have been replaced since "
                    "the step was captured"
                )
            for state in states:
                state["step"] += 1
            return [*_numbers(states[0]["step"], group, self.decoupled).values()]

        return device_of(array).adam([[p, g, m, v] for g, p, m, v in arrays], numbers)

    @staticmethod
    def _begin(p: Array, state: State, group: Group) -> None:
        if not state:
            state |= {"step": 0, "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = zeros_like(p)

    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        state["step"] += 1
        adam_step(
            p,
            g,
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            state["max_exp_avg_sq"].array if group["amsgrad"] else None,
            **_numbers(state["step"], group, self.decoupled),
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


def _numbers(step: int, group: Group, decoupled: bool) -> dict[str, float]:
    """What a step multiplies and adds, in the order in which the kernel takes it.

    The corrections of the moments' bias are moved out of the passes over the arrays: M / (sqrt(V) +
    eps) with M = m / (1 - b1^step) and V = v / (1 - b2^step) is m / (sqrt(v) + floor) * rate / lr.
    """
    (b1, b2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
    root = (1 - b2**step) ** 0.5
    return {
        "beta1": b1,
        "rest1": 1 - b1,
        "beta2": b2,
        "rest2": 1 - b2,
        "rate": lr * root / (1 - b1**step),
        "floor": group["eps"] * root,
        "decay": 0.0 if decoupled else decay,
        "keep": 1 - lr * decay if decoupled else 1.0,
    }


def adam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None = None,
    *,
    beta1: float,
    rest1: float,
    beta2: float,
    rest2: float,
    rate: float,
    floor: float,
    decay: float,
    keep: float,
) -> None:
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= lr M / (sqrt(V) + eps).

    M = m / (1 - b1^step) and V = v / (1 - b2^step) have no bias: Kingma and Ba 2015, algorithm 1.
    With max_exp_avg_sq, v is there the largest so far (Reddi et al. 2018, algorithm 2). Weight
    decay is added to the gradient or, decoupled, taken from p (Loshchilov and Hutter 2019).
    """
    xp = device_of(param).xp

    def rule(t: Array, g: Array, p: Array, m: Array, v: Array, *most: Array) -> None:
        if keep != 1:
            p *= keep
        if decay:
            g = g + p * decay
        m *= beta1
        m += xp.multiply(g, rest1, out=t)
        v *= beta2
        v += xp.multiply(xp.multiply(g, g, out=t), rest2, out=t)
        xp.sqrt(xp.maximum(most[0], v, out=most[0]) if most else v, out=t)
        t += floor
        xp.divide(m, t, out=t)
        t *= rate
        p -= t

    most = [] if max_exp_avg_sq is None else [max_exp_avg_sq]
    in_blocks(rule, 1, vectors(grad, param, exp_avg, exp_avg_sq, *most))
