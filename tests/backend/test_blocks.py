"""What large arrays go through, products, sums and batch norms in blocks, on small ones: the blocks
are made so small that there are many, and some that are not whole."""

import itertools

import numpy as np
import pytest

from minigrad.backend import columns, cpu, products, sums, threads
from minigrad.backend.base import Device

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for module, numbers in (
        (products, {"_FEW": 8, "_FEW_OF_VECTOR": 8, "_TWO": 64, "_BLOCK": 96, "_NARROW": 2}),
        (columns, {"_ROWS": 4, "_WIDE": 11, "_BLOCK": 3}),
        (sums, {"BLOCK": 3, "_PART": 40}),
        (threads, {"_CACHED": 16}),
    ):
        for name, value in numbers.items():
            monkeypatch.setattr(module, name, value)


# ---- products ------------------------------------------------------------------------------------

OPERANDS = [
    ((5, 7), (7, 90)), ((90, 7), (7, 5)), ((40, 7), (7, 40)), ((7,), (7, 90)), ((90, 7), (7,)),
    ((90, 7), (7, 1)), ((1, 7), (7, 90)), ((3, 40, 7), (7, 5)), ((40, 7), (3, 7, 5)),
    ((3, 40, 7), (3, 7, 5)), ((3, 40, 7), (7,)), ((0, 7), (7, 90)), ((9, 0), (0, 90)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), OPERANDS)
def test_a_product_in_blocks_is_the_product(left, right):
    x, y = RNG.standard_normal(left), RNG.standard_normal(right)
    np.testing.assert_allclose(products.matmul(x, y), np.matmul(x, y), atol=1e-12)


# ---- sums ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 29, 48, 49, 160, 163])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_sums_of_columns(rows, width):
    x = RNG.standard_normal((rows, width))
    np.testing.assert_allclose(sums.column_sums(x), x.sum(0), atol=1e-12)


ORDERS = {
    "as they are": lambda x: x,
    "turned": lambda x: np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0),
    "with gaps": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "repeated": lambda x: np.broadcast_to(x[:, :1], x.shape),
    "backwards": lambda x: x[::-1, :, ::-1],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_sums_over_some_axes(order, n):
    x = ORDERS[order](RNG.standard_normal((13, 5, 11)))
    for axes in itertools.combinations(range(3), n):
        np.testing.assert_allclose(sums.long_sum(x, axes), x.sum(axes), atol=1e-12)


# ---- the device of no blocks: what others are compared with --------------------------------------


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_means_and_variances_in_numpy(axes, keepdims):
    class Plain(Device):
        xp = np
        asarray = generator = to_numpy = None

    plain = object.__new__(Plain)
    x = RNG.standard_normal((4, 3, 5))
    how = {"axis": axes, "keepdims": keepdims}
    np.testing.assert_allclose(plain._sum(x, axes, keepdims), x.sum(**how))
    np.testing.assert_allclose(plain.mean(x, axes, keepdims), x.mean(**how))
    np.testing.assert_allclose(plain.variance(x, axes, keepdims), x.var(**how))
    np.testing.assert_allclose(plain.variance(x, axes, keepdims, 1), x.var(**how, ddof=1))
    halves = np.full((300, 2), 300, np.float16)  # whose sum is beyond what float16 has
    assert plain.mean(halves, (0,)).tolist() == [300, 300]


# ---- batch norm ----------------------------------------------------------------------------------

SIZES = [(1, 1), (5, 3), (23, 2), (40, 1), (37, 12), (9, 11)]
SHAPES = pytest.mark.parametrize(("rows", "width"), SIZES)


def case(rows, width, far, dtype=np.float64):
    x = (RNG.standard_normal((rows, width)) + far).astype(dtype)
    mean, rstd = x.mean(0, dtype=np.float64), 1 / (x.std(0, dtype=np.float64) + 0.5)
    return x, mean, rstd, RNG.standard_normal(width), RNG.standard_normal(width)


@SHAPES
@pytest.mark.parametrize("far", [0, 3, 1e5])
def test_moments_of_columns(rows, width, far):
    x, *_ = case(rows, width, far)
    mean, variance = columns.statistics(x)
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(variance, x.var(0), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("far", [500, 1e6])
@pytest.mark.parametrize("width", [1, 3])
def test_moments_of_float32_far_from_0(width, far):
    """Whose mean is rounded, of the larger by up to 1/32: the square of that counts."""
    x = (RNG.standard_normal((40, width)) + far).astype(np.float32)
    mean, variance = columns.statistics(x)
    np.testing.assert_allclose(mean, x.mean(0, dtype=np.float64), rtol=1e-7)
    np.testing.assert_allclose(variance, x.var(0, dtype=np.float64), rtol=1e-5)


@SHAPES
@pytest.mark.parametrize("far", [0, 1e3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_are_normalized_and_have_their_gradients(rows, width, far, dtype):
    """As the generic device does it, in float64."""
    x, mean, rstd, weight, bias = case(rows, width, far, dtype)
    g = RNG.standard_normal((rows, width)).astype(dtype)
    tolerance = (
        {"rtol": 1e-9, "atol": 1e-9} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    )
    wide = x.astype(np.float64)
    found = columns.normalized(x, mean, rstd * weight, bias)
    wanted = (wide - mean) * rstd * weight + bias
    np.testing.assert_allclose(found, wanted, **tolerance)
    given = g.astype(np.float64), wide, mean, rstd, weight
    every = columns.gradient(g, x, mean, rstd, rstd * weight)
    generic = Device.batch_norm_gradient(cpu, *given)
    centred = wide - mean
    g_weight = (given[0] * centred).sum(0) * rstd
    g_rows = given[0] - given[0].mean(0) - centred * (g_weight * rstd / rows)
    by_hand = g_rows * rstd * weight, g_weight, given[0].sum(0)
    for one, other, plain in zip(every, generic, by_hand, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(other, plain, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one, plain, **tolerance)
