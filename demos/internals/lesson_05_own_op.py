"""An op of your own, with its gradient rule, and gradcheck finding a planted mistake

An op is two functions. The forward works on plain arrays: `xp` is NumPy, or CuPy on a GPU. The rule
takes g, the gradient of the result, and gives that of the operand; what else it needs it names, and
so the tape keeps it. Both are written in ordinary Python.

Whether a rule is right is not a matter of opinion: gradcheck compares it with differences of the
forward, in float64, entry by entry. Here the op is swish(x) = x sigmoid(x), and the mistake is one
that trains: a plot of the loss would not show it.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg


@mg.elementwise
def swish(xp, x):
    return x / (1 + xp.exp(-x))


@swish.gradient("x")
def _(g, x, out):
    s = mg.sigmoid(x)  # an op: the rule itself can be differentiated, for second derivatives
    return g * (s + out * (1 - s))


@mg.elementwise
def wrong_swish(xp, x):
    return x / (1 + xp.exp(-x))


@wrong_swish.gradient("x")
def _(g, x, out):
    return g * mg.sigmoid(x)  # the product rule's second half is missing


def main(out: Path) -> None:
    x = mg.tensor([-1.0, 0.0, 2.0], dtype=mg.float64, requires_grad=True)
    y = swish(x)
    y.sum().backward()
    print(y.detach())  # → tensor([-0.2689, 0. , 1.7616], dtype=float64)
    print(x.grad)  # → tensor([0.0723, 0.5 , 1.0908], dtype=float64)

    # Every entry of the Jacobian, by backward and by differences. True, or an error.
    print(mg.gradcheck(swish, x), mg.gradgradcheck(swish, x))  # → True True

    # The wrong one fails, and the message says where, by how much, and how many entries.
    try:
        mg.gradcheck(wrong_swish, x)
    except mg.GradcheckError as error:
        for part in str(error).replace(": ", ":\n  ").splitlines()[:3]:
            print(part)
    # → gradcheck of wrong_swish:
    # → wrong gradient for input 0 of output 0 (made by 'wrong_swish'):
    # → the derivative of element [2] by element [2] is analytic 0.880797078, numeric 1.09078425:

    # Other mistakes have names of their own: a shape that does not fit, a rule that is missing.
    @mg.op
    def total(xp, x):
        return xp.sum(x)

    total.gradient("x")(lambda g: g)  # forgets that one number became many
    try:
        total(x).backward()
    except ValueError as error:
        print(error)
    # → total: a gradient rule gave shape [] for an operand of shape [3]
    try:
        mg.op(lambda xp, x: x * 1)(x)
    except NotImplementedError as error:
        print(error)  # → <lambda>: no gradient rule for operand x

    # What a rule names is what the tape keeps, and no more.
    print(y.node.plan.kept)  # → ['x', 'out']
    draw(out)


def draw(out: Path) -> None:
    """The slope by the right rule, by the wrong one, and by differences."""
    x = mg.linspace(-6, 6, 121, dtype=mg.float64).requires_grad_()
    slopes = [mg.grad(op(x).sum(), x)[0].numpy() for op in (swish, wrong_swish)]
    at, h = np.linspace(-6, 6, 25), 1e-6
    differences = (swish(at + h) - swish(at - h)) / (2 * h)  # on plain arrays: a plain array
    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(x.detach().numpy(), slopes[0], label="the rule")
    axes.plot(x.detach().numpy(), slopes[1], label="the wrong rule")
    axes.plot(at, differences, "ko", markersize=4, label="differences of the forward")
    axes.set_xlabel("x")
    axes.set_title("the slope of x sigmoid(x)", fontsize=10)
    axes.legend()
    figure.savefig(out / "05_own_op.png")
