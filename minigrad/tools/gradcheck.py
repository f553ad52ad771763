"""gradcheck compares a gradient with central differences; gradgradcheck does so for its gradient.

    x = minigrad.randn(3, 4, dtype=minigrad.float64, requires_grad=True)
    minigrad.gradcheck(my_function, (x,))

The Jacobian J of a function f has two independent sources: backward gives its rows, u'J for a
cotangent u; moving an input along v gives its columns, Jv = (f(x + eps v) - f(x - eps v)) / 2 eps.
Both are made in full, an element at a time, or in fast mode compared by the number u'Jv for random
u and v. Never choose u = 1, which checks sum(f(x)): for a batch norm its gradient is zero anyway.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd import grad
from ..modes import enable_grad, is_grad_enabled, no_grad
from ..tensor import Tensor

_DIRECTIONS = 3  # of fast mode
_Function = Callable[..., Any]
_Array = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A gradient is wrong: the message says which one, at which element, and by how much."""


class _Tolerances(NamedTuple):
    eps: float
    atol: float
    rtol: float
    nondet: float

    def agree(self, analytic: Any, numeric: Any) -> _Array:
        """Where the two are close; nothing is close to NaN."""
        return np.asarray(np.isclose(analytic, numeric, rtol=self.rtol, atol=self.atol))

    def __str__(self) -> str:
        return f"atol {self.atol:g} + rtol {self.rtol:g} * |numeric|"


def gradcheck(
    func: _Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Whether the gradients of `func` at `inputs` are those that central differences give.

    `func` takes the inputs, a tensor or a sequence (what is no tensor is passed on as it is), and
    returns a tensor or several. Checked are the gradients for all inputs that require one: their
    shapes and dtypes; that backward run twice gives the same (to `nondet_tol`); that the inputs
    stay as they are; and |analytic - numeric| <= atol + rtol |numeric| for each entry of the
    Jacobian, or with fast_mode for three random projections of it, at the same cost for any size.
    No tensor's memory is written to. Inputs may have any layout, and may be captured by `func`
    besides, as a module does its parameters.

    GradcheckError for a wrong gradient, or False where not raise_exception. ValueError for inputs
    that are not float64, or if none requires a gradient.
    """
    listed = _listed(inputs)
    names = [f"input {i}" for i in range(len(listed))]
    tolerances = _Tolerances(eps, atol, rtol, nondet_tol)
    check = _Check(f"gradcheck of {_name(func)}", func, listed, names, "output", tolerances)
    return check.passes(fast_mode, raise_exception)


def gradgradcheck(
    func: _Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """As gradcheck, for the second derivatives of `func` that create_graph=True makes possible.

    What is checked is the function from the inputs and `grad_outputs`, a cotangent for each output,
    to the gradients of the inputs. By default the cotangents are random (the same each time, and
    not from minigrad's stream), and gradients with respect to them are checked too. The differences
    are those of what a plain backward gives, so it shows if that disagrees with create_graph=True.
    """
    title, listed = f"gradgradcheck of {_name(func)}", _listed(inputs)
    wanted = _variables(title, listed)
    outputs = _outputs(title, func, listed)
    picked = [i for i, y in enumerate(outputs) if y.requires_grad]
    if not picked:
        raise ValueError(f"{title}: no output depends on an input")
    if grad_outputs is None:
        cotangents = [u.requires_grad_() for u in _random_like([outputs[i] for i in picked])]
    else:
        cotangents = _listed(grad_outputs)

    def gradients(*args: Any) -> list[Any]:
        differentiable = is_grad_enabled()
        with enable_grad():
            made = _outputs(title, func, args[: len(listed)])
            found = grad(
                [made[i] for i in picked],
                [args[i] for i in wanted],
                args[len(listed) :],
                create_graph=differentiable,
                allow_unused=True,
            )
        return [g for g in found if g is not None]

    names = [f"input {i}" for i in range(len(listed))]
    names += [f"grad_output {i}" for i in range(len(cotangents))]
    tolerances = _Tolerances(eps, atol, rtol, nondet_tol)
    check = _Check(title, gradients, [*listed, *cotangents], names, "gradient", tolerances)
    return check.passes(fast_mode, raise_exception)


class _Check:
    """One function at one place, and what messages about it call its inputs and its outputs."""

    def __init__(
        self,
        title: str,
        func: _Function,
        inputs: list[Any],
        names: list[str],
        output_name: str,
        tolerances: _Tolerances,
    ) -> None:
        self.title, self.func, self.inputs, self.names = title, func, inputs, names
        self.output_name, self.tolerances = output_name, tolerances
        self.variables = {names[i]: inputs[i] for i in _variables(title, inputs)}

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

    def pulled(self, outputs: list[Any], cotangents: list[Any]) -> list[_Array]:
        """u'J: what reaches each variable from the cotangents of these outputs."""
        pairs = [(y, u) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
        ys, us, xs = [y for y, _ in pairs], [u for _, u in pairs], list(self.variables.values())
        found: Sequence[Any] = [None] * len(xs)
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

    def pushed(self, x: Any, direction: _Array) -> list[_Array]:
        """Jv: the central difference of each output when x moves along a direction."""
        data, place, here, eps = x.data, x.device, _host(x), self.tolerances.eps
        try:
            x.data = place.asarray(here + eps * direction)
            above = self._values()
            x.data = place.asarray(here - eps * direction)
            below = self._values()
        finally:
            x.data = data
        return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]

    def _values(self) -> list[_Array]:
        with no_grad():
            made = _outputs(self.title, self.func, self.inputs)
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

    def _report(self, o: int, name: str, analytic: _Array, numeric: _Array, wrong: _Array) -> str:
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
        made = _outputs(self.title, self.func, self.inputs)
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
        cotangents = _random_like(self.outputs)
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


def _listed(inputs: Any) -> list[Any]:
    return [inputs] if isinstance(inputs, Tensor) else list(inputs)


def _variables(title: str, inputs: Sequence[Any]) -> list[int]:
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


def _outputs(title: str, func: _Function, inputs: Sequence[Any]) -> list[Any]:
    made = func(*inputs)
    listed = list(made) if isinstance(made, tuple | list) else [made]
    for y in listed:
        if not isinstance(y, Tensor):
            raise TypeError(f"{title}: the function must return tensors, not {type(y).__name__}")
    return listed


def _name(func: _Function) -> str:
    return str(getattr(func, "__name__", type(func).__name__))


def _host(x: Any) -> _Array:
    array: _Array = x.numpy(force=True)
    return array


def _bits(x: Any) -> bytes:
    return _host(x).tobytes() if isinstance(x, Tensor) else b""


def _like(y: Any, values: _Array) -> Any:
    return Tensor(y.device.asarray(values, y.dtype))


def _random_like(tensors: Sequence[Any]) -> list[Any]:
    rng = np.random.default_rng(0)
    return [_like(y, rng.standard_normal(y.shape)) for y in tensors]


def _units(shape: tuple[int, ...]) -> _Array:
    """The unit vectors of a shape, in the order of its elements."""
    size = int(np.prod(shape))
    return np.eye(size).reshape(size, *shape)
