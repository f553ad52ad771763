"""A convolution by nine products instead of sixteen

Where a kernel is twice its stride, as in every DCGAN, its convolution is one of two taps over cells
of stride * stride pixels. Along one axis two outputs need four products: y0 = d0 g0 + d1 g1 and
y1 = d1 g0 + d2 g1. Three are enough (Winograd 1980):

    m0 = (d0 - d1) g0      m1 = d1 (g0 + g1)      m2 = (d2 - d1) g1
    y0 = m0 + m1           y1 = m1 + m2

What is multiplied are sums of cells, A d, and sums of taps, B g, and what comes out are sums of
products, C' m. Lesson 6 has seen a convolution from three sides; all three share these maps.
minigrad/backend/nine.py is the same along two axes.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from minigrad.backend import Geometry, nine

A = np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]])  # of the cells d0, d1, d2
B = np.array([[1, 0], [1, 1], [0, 1]])  # of the taps g0, g1
C = np.array([[1, 0], [1, 1], [0, 1]])  # of the outputs y0, y1


def main(out: Path) -> None:
    rng = np.random.default_rng(0)
    d, g, y = (rng.integers(-5, 6, n) for n in (3, 2, 2))
    print((A @ d) * (B @ g), C.T @ ((A @ d) * (B @ g)))  # → [ -6 -10   4] [-16  -6]
    print(np.array([d[0] * g[0] + d[1] * g[1], d[1] * g[0] + d[2] * g[1]]))  # → [-16  -6]

    # Which cell meets which tap in which output: a table of ones, whose entries are the products.
    # It is a sum of three tables that are each a product of a row of A, one of B and one of C; and
    # of no fewer.
    meets = np.zeros((3, 2, 2), int)
    for output in range(2):
        for tap in range(2):
            meets[output + tap, tap, output] = 1
    three = np.einsum("rd,rg,ry->dgy", A, B, C)
    print(meets.sum(), np.array_equal(meets, three))  # → 4 True

    # The table does not say which of the three is sought. So the adjoint and the taps' gradient
    # need three products as well, with the same maps.
    g_d, g_g = A.T @ ((B @ g) * (C @ y)), B.T @ ((A @ d) * (C @ y))
    print(np.array_equal(g_d, np.einsum("dgy,g,y->d", meets, g, y)))  # → True
    print(np.array_equal(g_g, np.einsum("dgy,d,y->g", meets, d, y)))  # → True

    # Along two axes the maps are Kronecker products: 9 cells, 4 taps, 4 outputs, and nine products
    # for sixteen.
    print([np.kron(m, m).shape for m in (A, B, C)])  # → [(9, 9), (9, 4), (9, 4)]

    # With matrices for numbers, it is how conv2d multiplies where channels are many. Whole numbers
    # have no rounding, so equal means equal.
    how = Geometry((2, 2), (1, 1), (1, 1), 1)
    image = rng.integers(-5, 6, (2, 12, 12, 3)).astype(float)  # channels last
    kernel = rng.integers(-5, 6, (5, 4, 4, 3)).astype(float)
    result, cells, taps = nine.conv2d(image, kernel, None, how, (6, 6))
    ours = mg.conv2d(*[mg.tensor(x.transpose(0, 3, 1, 2)) for x in (image, kernel)], None, 2, 1)
    print(np.array_equal(result.transpose(0, 3, 1, 2), ours.numpy()))  # → True

    # Nine products of (rows of tiles, 4 * 3) with (4 * 3, 5), each tile being four outputs. What
    # waits for backward is smaller, too, than the patches of 4 * 4 * 3 pixels at each output.
    print(cells.shape, taps.shape)  # → (9, 2, 3, 3, 12) (9, 5, 12)
    multiplications, patches = 2 * 6 * 6 * 48 * 5, 2 * 6 * 6 * 48
    print(cells.size * 5 / multiplications, cells.size / patches)  # → 0.5625 0.5625

    # Sums before products cost digits, but few: the maps have no numbers but 1 and -1.
    image = rng.standard_normal((8, 16, 16, 64))
    kernel = rng.standard_normal((32, 4, 4, 64))
    exact = nine.conv2d(image, kernel, None, how, (8, 8))[0]
    in_float32 = [x.astype(np.float32) for x in (image, kernel)]
    error = abs(nine.conv2d(*in_float32, None, how, (8, 8))[0] - exact).max() / abs(exact).max()
    print(error < 3e-6)  # → True
    draw(out)


def draw(out: Path) -> None:
    figure = Figure(figsize=(8, 4), dpi=100, layout="constrained")
    named = (("A, of 9 cells", A), ("B, of 4 taps", B), ("C, of 4 outputs", C))
    panels = figure.subplots(1, 3, width_ratios=[9, 4, 4])
    for axes, (title, matrix) in zip(panels, named, strict=True):
        matrix = np.kron(matrix, matrix)
        axes.imshow(matrix, cmap="RdBu", vmin=-1.5, vmax=1.5)
        for (row, column), value in np.ndenumerate(matrix):
            if value:
                axes.text(column, row, f"{value:+d}", ha="center", va="center", fontsize=8)
        axes.set_title(title)
        axes.set_xticks([])
        axes.set_yticks(
            range(9), [f"product {r + 1}" for r in range(9)] if axes is panels[0] else []
        )
    figure.savefig(out / "11_nine_products.png")
