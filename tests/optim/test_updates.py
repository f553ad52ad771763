"""Optimizers' formulas, in any layout of memory and in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend import threads
from minigrad.optim import blocks
from tests.optim.configurations import CONFIGURATIONS, configurations, reference, run

# ---- formulas ------------------------------------------------------------------------------------


@configurations
def test_the_formula(cls, options):
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal((3, 4)), rng.standard_normal((7, 3, 4))
    expected = reference(cls, start.copy(), grads, options)
    np.testing.assert_allclose(run(cls, options, start, grads), expected, rtol=1e-11)


@configurations
def test_float32_stays_and_is_close(cls, options):
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal((3, 4)), rng.standard_normal((7, 3, 4))
    found = run(cls, options, start.astype(np.float32), grads)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(cls, start, grads, options), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("cls", [optim.Adam, optim.RMSprop])
def test_a_constant_gradient_moves_lr_per_step(cls, sign):
    options = {"lr": 0.1, "alpha": 0.0} if cls is optim.RMSprop else {"lr": 0.1}
    found = run(cls, options, np.zeros(3), [sign * np.array([1e-3, 1.0, 1e3])] * 10)
    np.testing.assert_allclose(found, -sign, rtol=2e-5)


@configurations
def test_a_zero_gradient_moves_nothing_but_by_decay(cls, options):
    options = {**options, "weight_decay": 0}
    start = np.array([1.0, -2.0, 0.0])
    np.testing.assert_array_equal(run(cls, options, start.copy(), [np.zeros(3)] * 3), start)


@configurations
def test_gradients_of_any_size_are_survived_with_numpys_errors_raising(cls, options):
    with np.errstate(all="raise"):
        found = run(cls, options, np.ones(3, np.float32), [np.array([1e-30, 0.0, 1e10])] * 3)
    assert np.isfinite(found).all()


# ---- layouts and blocks --------------------------------------------------------------------------

LAYOUTS = {
    "C": lambda x: x.copy(),
    "Fortran": lambda x: np.asfortranarray(x),
    "channels-last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "reversed": lambda x: x[:, ::-1].copy()[:, ::-1],
    "with gaps": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
}


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(sorted(CONFIGURATIONS)),
    st.sampled_from([1, 5, 24, 10**6]),
)
def test_layouts_and_blocks_change_nothing(param_layout, grad_layout, name, block):
    cls, options = CONFIGURATIONS[name]
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal((2, 3, 2, 4)), rng.standard_normal((3, 2, 3, 2, 4))
    expected = run(cls, options, start.copy(), grads)
    p = nn.Parameter(LAYOUTS[param_layout](start))
    opt = cls([p], **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "FEW", block)
        patch.setattr(threads, "_CACHED", block)
        for g in grads:
            p.grad = mg.from_numpy(LAYOUTS[grad_layout](g))
            opt.step()
            np.testing.assert_array_equal(p.grad.array, g)  # the gradient is left as it is
    np.testing.assert_allclose(p.numpy(force=True), expected, rtol=1e-13)


def test_a_parameter_of_more_than_a_block():
    n = 2 * blocks.FEW + 7
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal(n), rng.standard_normal((2, n))
    expected = reference(optim.Adam, start.copy(), grads, {"lr": 0.01})
    np.testing.assert_allclose(run(optim.Adam, {"lr": 0.01}, start, grads), expected, rtol=1e-11)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (1, 1, 1, 1)])
def test_small_and_empty_shapes(shape):
    for cls, options in CONFIGURATIONS.values():
        start = np.ones(shape)
        expected = reference(cls, start.copy(), [start.copy()] * 2, options)
        np.testing.assert_allclose(run(cls, options, start, [np.ones(shape)] * 2), expected)


def test_moments_lie_in_memory_as_the_parameter():
    conv = nn.Conv2d(3, 4, 2)
    opt = optim.Adam(conv.parameters())
    conv(mg.ones(1, 3, 2, 2)).sum().backward()
    opt.step()
    assert opt.state[conv.weight]["exp_avg"].array.strides == conv.weight.array.strides
    vectors = blocks.vectors(conv.weight.grad.array, conv.weight.array)
    assert np.shares_memory(vectors[0], conv.weight.grad.array)  # no copy of the gradient is made
    assert np.shares_memory(vectors[1], conv.weight.array)
