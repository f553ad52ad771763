"""gradcheck compares a gradient with central differences; gradgradcheck does so for its gradient.

    x = minigrad.randn(3, 4, dtype=minigrad.float64, requires_grad=True)
    minigrad.gradcheck(my_function, (x,))

What is compared, and how: jacobian.py.
"""

from collections.abc import Sequence
from typing import Any

from ..autograd import enable_grad, grad, is_grad_enabled
from ..tensor import Tensor
from .jacobian import (
    Check,
    Function,
    GradcheckError,
    Tolerances,
    listed,
    name_of,
    outputs_of,
    random_like,
    variables_of,
)

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


def gradcheck(
    func: Function,
    inputs: Tensor | Sequence[object],
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

    >>> x = mg.rand(2, 3, dtype=mg.float64, requires_grad=True)
    >>> mg.gradcheck(lambda x: x.softmax(1), x)
    True
    """
    given = listed(inputs)
    names = [f"input {i}" for i in range(len(given))]
    tolerances = Tolerances(eps, atol, rtol, nondet_tol)
    check = Check(f"gradcheck of {name_of(func)}", func, given, names, "output", tolerances)
    return check.passes(fast_mode, raise_exception)


def gradgradcheck(
    func: Function,
    inputs: Tensor | Sequence[object],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
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
    title, given = f"gradgradcheck of {name_of(func)}", listed(inputs)
    wanted = variables_of(title, given)
    outputs = outputs_of(title, func, given)
    picked = [i for i, y in enumerate(outputs) if y.requires_grad]
    if not picked:
        raise ValueError(f"{title}: no output depends on an input")
    if grad_outputs is None:
        cotangents = [u.requires_grad_() for u in random_like([outputs[i] for i in picked])]
    else:
        cotangents = listed(grad_outputs)

    def gradients(*args: Any) -> list[Tensor]:
        differentiable = is_grad_enabled()
        with enable_grad():
            made = outputs_of(title, func, args[: len(given)])
            found = grad(
                [made[i] for i in picked],
                [args[i] for i in wanted],
                args[len(given) :],
                create_graph=differentiable,
                allow_unused=True,
            )
        return [g for g in found if g is not None]

    names = [f"input {i}" for i in range(len(given))]
    names += [f"grad_output {i}" for i in range(len(cotangents))]
    tolerances = Tolerances(eps, atol, rtol, nondet_tol)
    check = Check(title, gradients, [*given, *cotangents], names, "gradient", tolerances)
    return check.passes(fast_mode, raise_exception)
