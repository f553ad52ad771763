"""The kernels with the arithmetic of a chip: a product and a sum are rounded once, and subnormal
floats are zeros. Their results stay within rounding of their twins'."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backend.launch import KERNELS
from tests.backend import test_kernels as plain
from tests.standin.kernels import COMPILER, REALS, compiled, has_fma, twin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None or not has_fma(), reason="needs g++ and FMA on x86-64"),
]
TINY = """
typedef REAL real;
#define KERNEL extern "C" __global__ void
KERNEL fused(const real* x, real* out, int n) {
    out[0] = x[0] * x[1] + x[2];
}
"""


@pytest.mark.parametrize("as_a_chip", [False, True])
def test_the_arithmetic_is_that_of_a_chip(as_a_chip: bool) -> None:
    def fused(x: list[float], real: str) -> Any:
        values, out = np.array(x, REALS[real]), np.zeros(1, REALS[real])
        run = compiled(TINY, real, "fused", as_a_chip=as_a_chip)
        run((1,), (1,), [values, out, np.int32(1)])
        return out[0]

    for real in ("float", "double"):
        eps = np.finfo(REALS[real]).eps
        assert fused([1 + eps, 1 - eps, -1], real) == (-(eps**2) if as_a_chip else 0)
    assert (fused([1e-30, 1e-10, 0], "float") != 0) != as_a_chip
    assert (fused([1e-40, 1, 0], "float") != 0) != as_a_chip
    assert fused([1e-310, 1, 0], "double") == 1e-310


COPYING = {"gather_patches", "collect_patches", "add_runs", "random_words", "write_words"}


@pytest.mark.parametrize("real", sorted(REALS))
@pytest.mark.parametrize("name", sorted(set(KERNELS) - COPYING))  # which no product is in
def test_a_kernel_computes_as_a_chip_what_its_twin_does(name: str, real: str) -> None:
    @given(data=st.data())
    def check_one(data: st.DataObject) -> None:
        grid, block, values = getattr(plain, name)(data.draw, REALS[real])
        typed = plain.in_their_types(name, REALS[real], values)
        expected = plain.mapped(np.copy, typed)
        compiled(plain.CODE, real, name, as_a_chip=True)(grid, block, typed)
        twin(name)(expected)
        for got, wanted in zip(*map(plain.arrays_of, (typed, expected)), strict=True):
            if got is not None:
                plain.close(got, wanted, plain.ROUNDING[REALS[real]])

    check_one()
