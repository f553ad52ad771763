"""Convolution as three adjoint maps

A convolution multiplies three things: an image x, a kernel w, and a y that its result is multiplied
with in the end. The number that comes out can be summed up in three orders:

    <conv2d(x, w), y>  =  <x, conv_transpose2d(y, w)>  =  <w, conv2d_weight(x, y)>

So each of the three maps is the gradient of the others, and there is nothing else: the transposed
convolution that a generator ends with is how a discriminator's gradient goes back to its image.
minigrad/ops/conv.py has the three forwards, and six rules of a line that name each other.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from minigrad.backend import Geometry
from minigrad.ops.conv import _conv2d_weight


def whole(*shape: int) -> mg.Tensor:
    """Whole numbers, so that sums have no rounding and equal means equal."""
    return mg.randint(-5, 6, shape).to(mg.float64)


def main(out: Path) -> None:
    mg.manual_seed(0)
    stride, padding = 2, 1
    x = whole(2, 3, 8, 8).requires_grad_()  # 2 images of 3 channels
    w = whole(5, 3, 4, 4).requires_grad_()  # 5 kernels, 4x4
    result = mg.conv2d(x, w, stride=stride, padding=padding)
    print(list(result.shape))  # → [2, 5, 4, 4]

    # One number, in three orders.
    y = whole(*result.shape).requires_grad_()
    back = mg.conv_transpose2d(y, w, stride=stride, padding=padding)
    how = Geometry((stride,) * 2, (padding,) * 2, (1, 1), 1)
    kernel = _conv2d_weight(x, y, how=how, kernel=(4, 4))
    orders = [(result * y).sum(), (x * back).sum(), (w * kernel).sum()]
    print([order.item() for order in orders])  # → [-5530.0, -5530.0, -5530.0]

    # And these are the gradients that the tape finds; here they are on the tape themselves, and the
    # gradients of these are the same three maps again.
    g_x, g_w = mg.grad(result, [x, w], y, create_graph=True)
    print(g_x.node.name, (g_x == back).all().item())  # → conv_transpose2d True
    print(g_w.node.name, (g_w == kernel).all().item())  # → conv2d_weight True
    (again,) = mg.grad(g_x, w, whole(*x.shape), create_graph=True)
    print(again.node.name)  # → conv2d_weight

    # A convolution is a matrix with few different numbers in it; its gradient is that matrix,
    # transposed. Here for one image of 5x5 and a kernel of 3x3.
    small = mg.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    units = mg.eye(25).reshape(25, 1, 5, 5)  # 25 images with one pixel each
    forward = mg.conv2d(units, small).reshape(25, 9).T.numpy()
    units = mg.eye(9).reshape(9, 1, 3, 3)
    transposed = mg.conv_transpose2d(units, small).reshape(9, 25).T.numpy()
    print(forward.shape, transposed.shape)  # → (9, 25) (25, 9)
    print(np.array_equal(forward.T, transposed))  # → True

    # Why generators have checkerboards: by stride 2, a kernel of 3 meets a pixel 1, 2 or 4 times; a
    # kernel of 4, which is a multiple of the stride, meets all alike, but for the border.
    for size in (3, 4):
        ones = mg.ones(1, 1, size, size)
        met = mg.conv_transpose2d(mg.ones(1, 1, 4, 4), ones, stride=2, padding=1)[0, 0]
        print(f"kernel {size}, a row in the middle:", [int(n) for n in met[3]])
    # → kernel 3, a row in the middle: [2, 4, 2, 4, 2, 4, 2]
    # → kernel 4, a row in the middle: [2, 4, 4, 4, 4, 4, 4, 2]
    draw(out, forward, transposed)


def draw(out: Path, forward: np.ndarray, transposed: np.ndarray) -> None:
    figure = Figure(figsize=(9.6, 6.4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[25, 9])
    for axes, matrix, title in (
        (left, forward, "conv2d, a kernel of 3x3 on 5x5, as a matrix"),
        (right, transposed, "conv_transpose2d:\nthe same, transposed"),
    ):
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=20)  # pale, for the numbers of the kernel
        for i, j in np.argwhere(matrix):
            axes.text(j, i, f"{matrix[i, j]:g}", ha="center", va="center", fontsize=8)
        rows, columns = matrix.shape
        axes.set_xlabel(f"{columns} pixels in", fontsize=10)
        axes.set_ylabel(f"{rows} pixels out", fontsize=10)
        axes.set_title(title, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.savefig(out / "06_convolution.png")
