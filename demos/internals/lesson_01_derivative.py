"""One number and its derivative

A derivative says how fast a result moves when its input does. There are three ways to get one:

- by hand: f(x) = x sin(x) has f'(x) = sin(x) + x cos(x); exact, but somebody has to do it;
- by differences: (f(x + h) - f(x - h)) / 2h; needs no thought, but is wrong by a multiple of h^2,
  and for a million inputs it needs two million evaluations;
- by the tape: while f runs, each operation leaves a note of what it did. Read backwards, with the
  chain rule at each note, the notes give the exact derivative for all inputs at once.

The third is what minigrad is. An operation's note is a node (minigrad/tape.py), its part of the
chain rule is a gradient rule (minigrad/ops/elementwise.py), and the reading is one loop
(minigrad/tape.py, `walk`).
"""

import math
from pathlib import Path

from matplotlib.figure import Figure

import minigrad as mg


def f(x: mg.Tensor) -> mg.Tensor:
    return x * x.sin()


def main(out: Path) -> None:
    # requires_grad: this is a number that we want derivatives for.
    x = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    y = f(x)
    y.backward()
    print(f"f(2) = {y.item():.9f}")  # → f(2) = 1.818594854
    print(f"by the tape: f'(2) = {x.grad.item():.9f}")  # → by the tape: f'(2) = 0.077003754
    by_hand = math.sin(2) + 2 * math.cos(2)
    print(f"by hand:     f'(2) = {by_hand:.9f}")  # → by hand: f'(2) = 0.077003754

    # A difference is never exact. A tenth of the h has a hundredth of the error, until the digits
    # that cancel in f(x + h) - f(x - h) are all there were.
    for h in (1e-1, 1e-2, 1e-3):
        with mg.no_grad():  # no notes are taken in here
            slope = ((f(x + h) - f(x - h)) / (2 * h)).item()
        print(f"h = {h:g}: f'(2) = {slope:.9f}, wrong by {abs(slope - by_hand):.1e}")
    # → h = 0.1: f'(2) = 0.073847517, wrong by 3.2e-03
    # → h = 0.01: f'(2) = 0.076972161, wrong by 3.2e-05
    # → h = 0.001: f'(2) = 0.077003438, wrong by 3.2e-07

    # The notes, from the result back: y was made by multiply, of x itself and of what sin made.
    node = y.node
    print(f"y's node: {node.name}")  # → y's node: multiply
    # backward() has torn up the notes as it read them, so that their memory is free.
    print(f"its parents now: {node.parents}")  # → its parents now: ()
    again = f(x).node
    print(f"of a new tape: {list(again.parents)}")  # → of a new tape: [<leaf []>, <sin []>]

    # A second backward() adds to the gradient that is there. This is what makes a parameter that
    # is used twice come out right, and why a training step begins with zero_grad().
    f(x).backward()
    print(f"after a second backward: {x.grad.item():.9f}")  # → after a second backward: 0.154007507

    # One backward serves any number of inputs: the sum's derivative for each point is f' there.
    points = mg.linspace(-6, 6, 241, dtype=mg.float64).requires_grad_()
    f(points).sum().backward()
    draw(out, points, f(points), points.grad, by_hand)


def draw(out: Path, x: mg.Tensor, y: mg.Tensor, slope: mg.Tensor, at_two: float) -> None:
    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(x.detach().numpy(), y.detach().numpy(), label="f(x) = x sin(x)")
    axes.plot(x.detach().numpy(), slope.numpy(), label="f'(x), by one backward()")
    ends = [0.5, 3.5]
    tangent = [f(mg.tensor(2.0)).item() + at_two * (end - 2) for end in ends]
    axes.plot(ends, tangent, "k--", label="the tangent at 2")
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xlabel("x")
    axes.legend()
    figure.savefig(out / "01_derivative.png")
