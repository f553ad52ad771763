"""Functions of single elements give the same for arrays that go through them a part at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backend import cpu, in_parts, parts, threads
from minigrad.backend.base import Device

LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "reversed": lambda x: x[:, ::-1].copy()[:, ::-1],
    "with gaps": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
    "expanded": lambda x: np.broadcast_to(x[:1], x.shape),
}


def several(xp, x, y, factor):
    """Two results, of two dtypes, of arrays and a number."""
    return x * factor - y, x > y


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from([1, 7, 1 << 18]),
    st.tuples(*[st.integers(1, 3)] * 4),
)
def test_parts_of_any_size_and_order_in_memory_change_nothing(first, second, cached, shape):
    rng = np.random.default_rng(0)
    x, y = (
        LAYOUTS[name](rng.standard_normal(shape).astype(np.float32)) for name in (first, second)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LARGE", 1)
        patch.setattr(threads, "_CACHED", cached)
        found = in_parts(several)(np, x, y, 0.5)
        alone = in_parts(lambda xp, x: np.tanh(x))(np, x)
    for got, wanted in zip(found, several(np, x, y, 0.5), strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_allclose(alone, np.tanh(x), 1e-6)  # an end may be computed otherwise
    if first in ("contiguous", "channels last"):  # the order of memory is kept
        assert [s for s, n in zip(alone.strides, shape, strict=True) if n > 1] == [
            s for s, n in zip(x.strides, shape, strict=True) if n > 1
        ]


def test_a_large_cross_entropy_is_the_small_ones():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((400, 400)), rng.random((400, 400))
    assert x.size >= parts._LARGE
    terms = cpu.bce_terms(x, target)
    for got, wanted in zip(terms, Device.bce_terms(cpu, x, target), strict=True):
        np.testing.assert_allclose(got, wanted, 1e-12)
    slope = Device.bce_slope(cpu, x, target, terms[1])
    np.testing.assert_allclose(cpu.bce_slope(x, target, terms[1]), slope, 1e-12, 1e-15)
