"""Broadcasting and its gradient

A column of 3 plus a row of 4 is a 3x4 matrix: each number of the column is used 4 times, each of
the row 3 times. What is used many times gets the sum of what reaches each use, so the gradient of
the column is a matrix summed along its rows. Broadcasting copies; its gradient sums.

In minigrad these are two operations, `expand` and `sum_to` (minigrad/broadcasting.py), and each is
the other's gradient rule. No elementwise operation knows of it: `multiply` says g * y, and the node
sums what came out to the operand's shape (minigrad/broadcasting.py, `fitted`).
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from minigrad.broadcasting import expand, sum_to


def main(out: Path) -> None:
    column = mg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    row = mg.tensor([10.0, 20.0, 30.0, 40.0], requires_grad=True)
    total = (column * row).sum()
    total.backward()
    # Each number of the column met all of the row, whose sum is 100; and the other way around.
    print(column.grad.tolist())  # → [[100.0], [100.0], [100.0]]
    print(row.grad.tolist())  # → [6.0, 6.0, 6.0, 6.0]

    # A number is broadcast most of all. This is how a bias gets its gradient.
    bias = mg.tensor(0.5, requires_grad=True)
    (mg.ones(64, 10) + bias).sum().backward()
    print(bias.grad.item())  # → 640.0

    # Two maps are adjoint if <A x, y> = <x, A' y> for all x and y: then A' is what backward needs.
    mg.manual_seed(0)
    x, y = mg.randint(-9, 10, (3, 1)), mg.randint(-9, 10, (2, 3, 4))
    print((expand(x, shape=(2, 3, 4)) * y).sum().item())  # → -91
    print((x * sum_to(y, shape=(3, 1))).sum().item())  # → -91

    # Copying takes no memory here: a view whose stride is 0 reads one number many times. So it is
    # never written to.
    copies = expand(x, shape=(2, 3, 4)).array
    print(copies.strides, copies.flags.writeable)  # → (0, 8, 0) False

    # The mistake that broadcasting invites: (N,) less (N, 1) is (N, N), and its mean is a loss that
    # trains to nothing. All is well-formed; only the shape tells.
    target, scores = mg.tensor([0.0, 1.0, 2.0]), mg.tensor([[0.0], [1.0], [2.0]])
    wrong = scores - target
    print(list(wrong.shape), wrong.square().mean().item())  # → [3, 3] 1.3333333730697632
    print((scores.squeeze(1) - target).square().mean().item())  # → 0.0

    # As matrices: expand is ones and zeros, a row for each copy; sum_to is the same, transposed.
    def matrix(of, shape: tuple[int, ...]) -> np.ndarray:
        """The Jacobian of a linear map, from the gradient of each element of its result."""
        x = mg.zeros(shape, requires_grad=True)
        made = of(x).reshape(-1)
        rows = [mg.grad(element, x, retain_graph=True)[0] for element in made]
        return np.stack([row.numpy().reshape(-1) for row in rows])

    spread = matrix(lambda x: expand(x, shape=(3, 4)), (3, 1))
    gather = matrix(lambda x: sum_to(x, shape=(3, 1)), (3, 4))
    print(spread.shape, gather.shape, np.array_equal(spread, gather.T))  # → (12, 3) (3, 12) True
    draw(out, spread, gather)


def draw(out: Path, spread: np.ndarray, gather: np.ndarray) -> None:
    figure = Figure(figsize=(7, 3.6), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 4])
    for axes, jacobian, title in (
        (left, spread, "expand\n(3, 1) to (3, 4)"),
        (right, gather, "sum_to, its transpose\n(3, 4) to (3, 1)"),
    ):
        axes.imshow(jacobian, cmap="Greys", vmin=0, vmax=1.5)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("operand")
        axes.set_ylabel("result")
        axes.set_xticks(np.arange(jacobian.shape[1] + 1) - 0.5, labels=[])
        axes.set_yticks(np.arange(jacobian.shape[0] + 1) - 0.5, labels=[])
        axes.grid(color="0.8", linewidth=0.5)
        axes.tick_params(length=0)
    figure.savefig(out / "04_broadcasting.png")
