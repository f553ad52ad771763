"""Batch norm's gradient, and its two modes

In training, batch norm subtracts the batch's mean and divides by its deviation, for each channel:

    xhat_i = (x_i - mean) / sqrt(var + eps)

Mean and variance are made of all x_i, so each result depends on each operand. The gradient has what
comes straight, less the two things that the normalisation has taken away: a shift and a stretch.

    g_x = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps)

In evaluation mean and variance are constants, running averages of what training saw, and the
gradient is g / sqrt(var + eps). Forgetting .eval() is to compute another function
(minigrad/ops/norm.py).
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from minigrad import nn


def jacobian(norm: nn.BatchNorm1d, x: mg.Tensor) -> np.ndarray:
    """The derivative of each result by each operand, of one channel."""
    y = norm(x)
    rows = [mg.grad(y[i, 0], x, retain_graph=True)[0].numpy()[:, 0] for i in range(len(x))]
    return np.stack(rows)


def main(out: Path) -> None:
    x = mg.tensor([[1.0], [2.0], [3.0], [6.0]], dtype=mg.float64, requires_grad=True)
    norm = nn.BatchNorm1d(1, eps=1e-300, dtype=mg.float64)
    y = norm(x)
    print([round(v, 4) for v in y.reshape(-1).tolist()])  # → [-1.069, -0.5345, 0.0, 1.6036]
    # The mean is 3 and the variance 14 / 4 = 3.5. The running ones start at 0 and 1 and move by a
    # tenth; the running variance takes the unbiased 14 / 3.
    print(f"{norm.running_mean.item():.4f} {norm.running_var.item():.4f}")  # → 0.3000 1.3667

    # The formula above, and the tape.
    g = mg.tensor([[1.0], [0.0], [0.0], [0.0]], dtype=mg.float64)
    (g_x,) = mg.grad(y, x, g)
    xhat = y.detach()
    by_hand = (g - g.mean(0) - xhat * (g * xhat).mean(0)) / 3.5**0.5
    print([round(v, 4) for v in g_x.reshape(-1).tolist()])  # → [0.2482, -0.21, -0.1336, 0.0955]
    print(f"{abs(g_x.numpy() - by_hand.numpy()).max() < 1e-15}")  # → True

    # A shift or a stretch of the whole batch changes nothing, so no gradient points along them.
    # This is why the gradient of y.sum() is 0, and why a check of a batch norm must not use it.
    print(abs(g_x.sum().item()) < 1e-15, abs((g_x * xhat).sum().item()) < 1e-15)  # → True True
    (nothing,) = mg.grad(norm(x).sum(), x)
    print(abs(nothing.numpy()).max() < 1e-15)  # → True

    # The two modes as matrices. In training every element depends on every other.
    training = jacobian(norm, x)
    print(np.count_nonzero(abs(training) > 1e-9), "of", training.size)  # → 16 of 16
    norm.eval()
    evaluation = jacobian(norm, x)
    print(np.count_nonzero(evaluation), "of", evaluation.size)  # → 4 of 16

    # The same input in both modes: after six batches, the running averages are far from settled.
    norm.train()
    for _ in range(3):
        norm(x)
    print(f"{norm.running_mean.item():.4f} {norm.running_var.item():.4f}")  # → 1.4057 2.7180
    norm.eval()
    rounded = [round(v, 4) for v in norm(x).reshape(-1).tolist()]
    print(rounded)  # → [-0.2461, 0.3605, 0.967, 2.7867]
    # After many they give nearly what the batch's own do; nearly, since theirs is unbiased.
    norm.train()
    for _ in range(200):
        norm(x)
    norm.eval()
    rounded = [round(v, 4) for v in norm(x).reshape(-1).tolist()]
    print(rounded)  # → [-0.9258, -0.4629, 0.0, 1.3887]
    draw(out, training, evaluation)


def draw(out: Path, training: np.ndarray, evaluation: np.ndarray) -> None:
    figure = Figure(figsize=(7, 3.4), dpi=100, layout="constrained")
    for axes, matrix, title in zip(
        figure.subplots(1, 2), (training, evaluation), ("training", "evaluation"), strict=True
    ):
        shown = axes.imshow(matrix, cmap="RdBu", vmin=-0.9, vmax=0.9)
        for i, j in np.ndindex(*matrix.shape):
            axes.text(j, i, f"{matrix[i, j]:.2f}", ha="center", va="center", fontsize=8)
        axes.set_title(f"{title}: d y_i / d x_j", fontsize=10)
        axes.set_xticks(range(4), ["x = 1", "2", "3", "6"])
        axes.set_yticks(range(4), ["y1", "y2", "y3", "y4"])
    figure.colorbar(shown, ax=figure.axes, shrink=0.8)
    figure.savefig(out / "07_batch_norm.png")
