"""A Jacobian from its two independent sources, and what must hold of a function besides.

For a function f, backward gives the rows of the Jacobian J, u'J for a cotangent u; moving an input
along v gives its columns, Jv = (f(x + eps v) - f(x - eps v)) / 2 eps. Both are made in full, an
element at a time, or compared by the number u'Jv for random u and v. Never choose u = 1, which
checks sum(f(x)): for a batch norm its gradient is zero anyway.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd import grad, no_grad
from ..tensor import Tensor

_DIRECTIONS = 3  # of random projections
Function = Callable[..., Any]
Host = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A gradient is wrong: the message says which one, at which element, and by how much."""


class Tolerances(NamedTuple):
    """The step of the differences, and how far two numbers may be apart."""

    eps: float
    atol: float
    rtol: float
    nondet: float

    def agree(self, analytic: Any, numeric: Any) -> Host:
        """Where the two are close; nothing is close to NaN."""
        return np.asarray(np.isclose(analytic, numeric, rtol=self.rtol, atol=self.atol))

    def __str__(self) -> str:
        return f"atol {self.atol:g} + rtol {self.rtol:g} * |numeric|"


class Check:
    """One function at one place, and what messages about it call its inputs and its outputs."""

    def __init__(
        self,
        title: str,
        func: Function,
        inputs: Sequence[Any],
        names: list[str],
        output_name: str,
        tolerances: Tolerances,
    ) -> None:
        self.title, self.func, self.inputs, self.names = title, func, inputs, names
        self.output_name, self.tolerances = output_name, tolerances
        self.variables: dict[str, Tensor] = {
            names[i]: inputs[i] for i in variables_of(title, inputs)
        }

    def passes(self, fast_mode: bool, raise_exception: bool) -> bool:
        try:
            self.check_manners()
            self.check_projections() if fast_mode else self.check_jacobian()
        except GradcheckError:
            if raise_exception:
                raise
            return False
        return True

    # ---- the two sources of the Jacobian ---------------------------------------------------------

    def pulled(self, outputs: list[Tensor], cotangents: list[Tensor]) -> list[Host]:
        """u'J: what reaches each variable from the cotangents of these outputs."""
        pairs = [(y, u) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
        ys, us, xs = [y for y, _ in pairs], [u for _, u in pairs], list(self.variables.values())
        found: Sequence[Tensor | None] = [None] * len(xs)
        if pairs:
            found = grad(ys, xs, us, retain_graph=True, allow_unused=True)
        for g, (name, x) in zip(found, self.variables.items(), strict=True):
            if g is not None and (g.shape, g.dtype) != (x.shape, x.dtype):
                raise GradcheckError(
                    f"{self.title}: the gradient for {name} is {g.dtype}{list(g.shape)}, "
                    f"expected {x.dtype}{list(x.shape)} ({self._made_by()})"
                )
        return [
            np.zeros(x.shape) if g is None else _host(g) for g, x in zip(found, xs, strict=True)
        ]

    def pushed(self, x: Tensor, direction: Host) -> list[Host]:
        """Jv: the central difference of each output when x moves along a direction."""
        data, place, here, eps = x.array, x.device, _host(x), self.tolerances.eps
        try:
            x.array = place.asarray(here + eps * direction)
            above = self._values()
            x.array = place.asarray(here - eps * direction)
            below = self._values()
        finally:
            x.array = data
        return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]

    def _values(self) -> list[Host]:
        with no_grad():
            made = outputs_of(self.title, self.func, self.inputs)
        return [_host(made[i]).copy() for i in self.picked]

    # ---- the comparisons -------------------------------------------------------------------------

    def check_jacobian(self) -> None:
        """Compare every entry."""
        columns = {
            name: [self.pushed(x, v) for v in _units(x.shape)] for name, x in self.variables.items()
        }
        for o, y in enumerate(self.outputs):
            rows = [self.pulled([y], [_like(y, u)]) for u in _units(y.shape)]
            for i, (name, x) in enumerate(self.variables.items()):
                size = (y.numel(), x.numel())
                analytic = np.reshape([row[i] for row in rows], size)
                numeric = np.reshape([column[o] for column in columns[name]], size[::-1]).T
                wrong = ~self.tolerances.agree(analytic, numeric)
                if wrong.any():
                    raise GradcheckError(self._report(o, name, analytic, numeric, wrong))

    def _report(self, o: int, name: str, analytic: Host, numeric: Host, wrong: Host) -> str:
        off = np.where(wrong, np.nan_to_num(abs(analytic - numeric), nan=np.inf), -1)
        row, column = divmod(int(off.argmax()), off.shape[1])
        y, x = self.outputs[o], self.variables[name]
        by, of = (
            [int(k) for k in np.unravel_index(at, t.shape)] for at, t in ((column, x), (row, y))
        )
        a, n = analytic[row, column], numeric[row, column]
        return (
            f"{self.title}: wrong gradient for {name} of {self.output_name} {self.picked[o]} "
            f"({self._made_by(o)}): the derivative of element {of} by element {by} is "
            f"analytic {a:.9g}, numeric {n:.9g}: {abs(a - n):.3g} apart, allowed is "
            f"{self.tolerances}. {wrong.sum()} of {wrong.size} entries are wrong, this one most"
        )

    def check_projections(self) -> None:
        """Compare u'Jv for a few random u and v; where they differ, look at every entry."""
        rng = np.random.default_rng(1)
        for _ in range(_DIRECTIONS):
            us = [rng.standard_normal(y.shape) for y in self.outputs]
            pulled = self.pulled(
                self.outputs, [_like(y, u) for y, u in zip(self.outputs, us, strict=True)]
            )
            for row, (name, x) in zip(pulled, self.variables.items(), strict=True):
                v = rng.standard_normal(x.shape)
                with np.errstate(invalid="ignore"):  # infinity less infinity: no agreement
                    analytic = np.sum(row * v)
                numeric = sum(np.sum(u * c) for u, c in zip(us, self.pushed(x, v), strict=True))
                if not self.tolerances.agree(analytic, numeric):
                    self.check_jacobian()
                    raise GradcheckError(
                        f"{self.title}: wrong gradient for {name} ({self._made_by()}): a random "
                        f"projection u'Jv is analytic {analytic:.9g}, numeric {numeric:.9g}, "
                        f"allowed is {self.tolerances}"
                    )

    def _made_by(self, o: int = 0) -> str:
        node = self.outputs[o].node
        return "not on the tape" if node is None else f"made by '{node.name}'"

    # ---- what must hold besides ------------------------------------------------------------------

    def check_manners(self) -> None:
        """Call func and its backward: neither changes an input, both do the same when run again."""
        before = [_bits(x) for x in self.inputs]
        made = outputs_of(self.title, self.func, self.inputs)
        self._check_unchanged(before, "the function")
        # As in PyTorch: an output that is off the tape is left out; if all are, all slopes are 0.
        floating = [i for i, y in enumerate(made) if y.dtype.kind == "f"]
        self.picked = [i for i in floating if made[i].requires_grad] or floating
        self.outputs = [made[i] for i in self.picked]
        for i, y, again in zip(self.picked, self.outputs, self._values(), strict=True):
            if y.dtype != np.float64:
                raise ValueError(
                    f"{self.title}: {self.output_name} {i} is {y.dtype} though the inputs are "
                    "float64: differences of it would show nothing but its rounding"
                )
            same = self.tolerances.agree(_host(y), again) | (np.isnan(_host(y)) & np.isnan(again))
            if not same.all():
                raise GradcheckError(
                    f"{self.title}: {self.output_name} {i} is another when computed again without "
                    "recording: is the function random, or does it change what it reads?"
                )
        cotangents = random_like(self.outputs)
        first, second = (self.pulled(self.outputs, cotangents) for _ in range(2))
        self._check_unchanged(before, "backward")
        for name, a, b in zip(self.variables, first, second, strict=True):
            if (
                not np.array_equal(a, b, equal_nan=True)
                and abs(a - b).max() > self.tolerances.nondet
            ):
                raise GradcheckError(
                    f"{self.title}: backward run twice gave two gradients for {name}, "
                    f"{abs(a - b).max():.3g} apart ({self._made_by()})"
                )

    def _check_unchanged(self, before: list[bytes], what: str) -> None:
        for x, name, was in zip(self.inputs, self.names, before, strict=True):
            if _bits(x) != was:
                raise GradcheckError(f"{self.title}: {what} changed {name} in place")


# ---- small helpers -------------------------------------------------------------------------------


def listed(inputs: Tensor | Sequence[object]) -> list[Any]:
    """One input or several, as a list."""
    return [inputs] if isinstance(inputs, Tensor) else list(inputs)


def variables_of(title: str, inputs: Sequence[Any]) -> list[int]:
    """Which inputs require a gradient."""
    found = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not found:
        raise ValueError(f"{title}: no input requires a gradient; use requires_grad_()")
    for i in found:
        if inputs[i].dtype != np.float64:
            raise ValueError(
                f"{title}: input {i} is {inputs[i].dtype}, but differences need float64 (.double())"
            )
    return found


def outputs_of(title: str, func: Function, inputs: Sequence[object]) -> list[Tensor]:
    """What `func` returns, as a list; TypeError unless all of it is tensors."""
    made = func(*inputs)
    listed = list(made) if isinstance(made, tuple | list) else [made]
    for y in listed:
        if not isinstance(y, Tensor):
            raise TypeError(f"{title}: the function must return tensors, not {type(y).__name__}")
    return listed


def name_of(func: Function) -> str:
    """What messages call a function."""
    return str(getattr(func, "__name__", type(func).__name__))


def _host(x: Tensor) -> Host:
    return x.numpy(force=True)


def _bits(x: object) -> bytes:
    return _host(x).tobytes() if isinstance(x, Tensor) else b""


def _like(y: Tensor, values: Host) -> Tensor:
    return Tensor(y.device.asarray(values, y.dtype))


def random_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Normal random numbers, the same each time, in the shapes and on the devices of tensors."""
    rng = np.random.default_rng(0)
    return [_like(y, rng.standard_normal(y.shape)) for y in tensors]


def _units(shape: tuple[int, ...]) -> Host:
    """The unit vectors of a shape, in the order of its elements."""
    size = int(np.prod(shape))
    return np.eye(size).reshape(size, *shape)
