"""The ops beside PyTorch's: values, gradients, ties and kinks, dtypes of results, errors."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.ops.losses import bce_with_logits
from tests.checks import as_list
from tests.strategies import (
    at_most,
    between,
    convolutions,
    distinct,
    nonzero,
    normal,
    positive,
    seeds,
)

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")
F = torch.nn.functional

BOTH = [np.float32, np.float64]


def same(name):
    return getattr(mg, name), getattr(torch, name)


def unit(filling):
    return [((2, 3, 4), filling)]


# name: minigrad's, PyTorch's, the operands' shapes and fillings
CASES = {
    **{name: (*same(name), unit(normal)) for name in ("exp", "expm1", "sin", "cos", "tanh")},
    **{name: (*same(name), unit(normal)) for name in ("sigmoid", "relu", "negative", "sign")},
    **{name: (*same(name), unit(positive)) for name in ("log", "log1p", "sqrt")},
    "abs": (mg.abs, torch.abs, unit(nonzero)),
    "softplus": (mg.softplus, F.softplus, unit(normal)),
    "leaky_relu": (mg.leaky_relu, F.leaky_relu, unit(nonzero)),
    "leaky_relu .2": (
        lambda x: mg.leaky_relu(x, negative_slope=0.2),
        lambda x: F.leaky_relu(x, 0.2),
        unit(nonzero),
    ),
    "clip": (lambda x: x.clip(-1, 0.5), lambda x: x.clip(-1, 0.5), unit(normal)),
    "power 3": (lambda x: x**3, lambda x: x**3, unit(normal)),
    "power -.5": (lambda x: x**-0.5, lambda x: x**-0.5, unit(positive)),
    "2 to the power": (lambda x: 2**x, lambda x: 2**x, unit(normal)),
    **{
        name: (*same(name), [((2, 3, 4), positive), ((3, 1), positive)])
        for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")
    },
    "power": (mg.power, torch.pow, [((2, 3, 4), positive), ((3, 1), normal)]),
    "where": (
        lambda x, y: mg.where(x > 0, x, y),
        lambda x, y: torch.where(x > 0, x, y),
        [((2, 3), nonzero), ((3,), normal)],
    ),
    **{
        f"{name} {dim} {keepdim}": (
            lambda x, name=name, how=(dim, keepdim): getattr(mg, name)(x, *how),
            lambda x, name=name, how=(dim, keepdim): getattr(torch, name)(x, *how),
            unit(distinct),
        )
        for name in ("sum", "mean", "amax", "amin", "logsumexp")
        for dim, keepdim in ((1, False), ((0, -1), True))
    },
    **{
        f"{name} {correction}": (
            lambda x, name=name, c=correction: getattr(mg, name)(x, (0, 2), correction=c),
            lambda x, name=name, c=correction: getattr(torch, name)(x, (0, 2), correction=c),
            unit(normal),
        )
        for name in ("var", "std")
        for correction in (0, 1, 2)
    },
    "max": (lambda x: x.max(1).values, lambda x: x.max(1).values, unit(distinct)),
    "min of all": (mg.min, torch.min, unit(distinct)),
    "softmax": (lambda x: mg.softmax(x, 1), lambda x: x.softmax(1), unit(normal)),
    "log_softmax": (lambda x: mg.log_softmax(x, -1), lambda x: x.log_softmax(-1), unit(normal)),
    "reshape": (lambda x: x.reshape(4, -1), lambda x: x.reshape(4, -1), unit(normal)),
    "permute": (lambda x: x.permute(2, 0, -2), lambda x: x.permute(2, 0, -2), unit(normal)),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.transpose(0, -1), unit(normal)),
    "expand": (
        lambda x: x.expand(2, 3, -1),
        lambda x: x.expand(2, 3, -1),
        [((3, 1), normal)],
    ),
    "squeeze": (lambda x: x.squeeze(1), lambda x: x.squeeze(1), [((2, 1, 1), normal)]),
    "unsqueeze": (lambda x: x.unsqueeze(-2), lambda x: x.unsqueeze(-2), unit(normal)),
    "flatten": (lambda x: x.flatten(1), lambda x: x.flatten(1), unit(normal)),
    "flip": (lambda x: x.flip(0, -1), lambda x: x.flip(0, -1), unit(normal)),
    "split": (lambda x: x.split(3, -1), lambda x: x.split(3, -1), unit(normal)),
    "split sections": (
        lambda x: x.split([1, 0, 3], 2),
        lambda x: x.split([1, 0, 3], 2),
        unit(normal),
    ),
    "chunk": (lambda x: x.chunk(3, 2), lambda x: x.chunk(3, 2), unit(normal)),
    "concat": (
        lambda x, y: mg.concat([x, y, x], 1),
        lambda x, y: torch.concat([x, y, x], 1),
        [((2, 3), normal), ((2, 1), normal)],
    ),
    "stack": (
        lambda x, y: mg.stack([x, y], -1),
        lambda x, y: torch.stack([x, y], -1),
        [((2, 3), normal), ((2, 3), normal)],
    ),
    "pad": (
        lambda x: mg.pad(x, [1, -2, 0, 2], value=3.0),
        lambda x: F.pad(x, [1, -2, 0, 2], value=3.0),
        unit(normal),
    ),
    "index": (lambda x: x[:, [0, 2, 2], 1:], lambda x: x[:, [0, 2, 2], 1:], unit(normal)),
    "mask": (lambda x: x[x > 0.3], lambda x: x[x > 0.3], unit(distinct)),
    "gather": (
        lambda x: x.gather(1, mg.tensor([[[0, 2], [1, 1]]])),
        lambda x: x.gather(1, torch.tensor([[[0, 2], [1, 1]]])),
        unit(normal),
    ),
    **{
        f"matmul {a} {b}": (mg.matmul, torch.matmul, [(a, normal), (b, normal)])
        for a, b in [
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((3,), (2, 3, 4)),
            ((5, 2, 3), (3,)),
            ((5, 1, 2, 3), (4, 3, 2)),
        ]
    },
    "linear": (mg.linear, F.linear, [((5, 2, 3), normal), ((4, 3), normal), ((4,), normal)]),
    "bce_with_logits": (
        bce_with_logits,
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
        [((2, 3), normal), ((2, 3), between(0, 1))],
    ),
    "batch_norm": (
        lambda x, w, b: mg.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        [((4, 3, 2, 2), normal), ((3,), normal), ((3,), normal)],
    ),
}


def tolerance(dtype):
    digits = 2e-5 if dtype == np.float32 else 1e-11
    return {"rtol": digits, "atol": digits}


def compare(ours, theirs, arrays, **tolerance):
    """The results of both, and the gradients for one random cotangent."""
    x = [mg.tensor(a, requires_grad=True) for a in arrays]
    t = [torch.tensor(a, requires_grad=True) for a in arrays]
    a, b = as_list(ours(*x)), as_list(theirs(*t))
    rng = np.random.default_rng(0)
    us = [np.asarray(rng.standard_normal(y.shape), y.dtype) for y in a]
    for y, z in zip(a, b, strict=True):
        assert tuple(z.shape) == y.shape and str(z.dtype) == f"torch.{y.dtype}"
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), **tolerance)
    for g, h in zip(
        mg.grad(a, x, [mg.tensor(u) for u in us]),
        torch.autograd.grad(b, t, [torch.tensor(u) for u in us]),
        strict=True,
    ):
        assert str(h.dtype) == f"torch.{g.dtype}"
        np.testing.assert_allclose(g.numpy(), h.numpy(), **tolerance)


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, dtype):
    ours, theirs, operands = CASES[name]
    rng = np.random.default_rng(1)
    arrays = [np.asarray(filling(rng, shape), dtype) for shape, filling in operands]
    compare(ours, theirs, arrays, **tolerance(dtype))


@given(convolutions(min_batch=1), st.booleans(), seeds)
@at_most(40)
def test_convolutions(c, with_bias, seed):
    rng = np.random.default_rng(seed)
    x, w, y = (normal(rng, shape) for shape in (c.x, c.weight, c.y))
    exact = tolerance(np.float64)
    for f, name, first, channels, more in (
        (mg.conv2d, "conv2d", x, c.weight[0], {}),
        (mg.conv_transpose2d, "conv_transpose2d", y, c.x[1], {"output_padding": c.output_padding}),
    ):
        bias = [normal(rng, (channels,))] * with_bias
        settings = {**c.settings, **more}
        compare(
            lambda *a, f=f, s=settings: f(*a, **s),
            lambda *a, name=name, s=settings: getattr(F, name)(*a, **s),
            [first, w, *bias],
            **exact,
        )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 3)])
def test_running_statistics(shape, training):
    rng = np.random.default_rng(0)
    start = normal(rng, (3,)), positive(rng, (3,))
    ours, theirs = [mg.tensor(s) for s in start], [torch.tensor(s) for s in start]
    for _ in range(3):
        compare(
            lambda *a: mg.batch_norm(a[0], *ours, *a[1:], training, momentum=0.3),
            lambda *a: F.batch_norm(a[0], *theirs, *a[1:], training, momentum=0.3),
            [normal(rng, shape), normal(rng, (3,)), normal(rng, (3,))],
            **tolerance(np.float64),
        )
    for s, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(s.numpy(), t.numpy(), rtol=1e-12)


# ---- at ties and kinks ---------------------------------------------------------------------------

KINKS = {
    **{name: (*same(name), 1) for name in ("relu", "sign", "amax", "amin", "max", "min")},
    **{name: (*same(name), 2) for name in ("maximum", "minimum")},
    "abs": (mg.abs, torch.abs, 1),
    "leaky_relu": (
        lambda x: mg.leaky_relu(x, negative_slope=0.2),
        lambda x: F.leaky_relu(x, 0.2),
        1,
    ),
    "clip": (lambda x: x.clip(-1, 1), lambda x: x.clip(-1, 1), 1),
    "clip from below": (lambda x: x.clip(min=0), lambda x: x.clip(min=0), 1),
    "amax of rows": (lambda x: x.amax((0, 1)), lambda x: x.amax((0, 1)), 1),
    "max of rows": (lambda x: x.max(1).values, lambda x: x.max(1).values, 1),
    "min of rows": (lambda x: x.min(-1).values, lambda x: x.min(-1).values, 1),
    "power 0": (lambda x: x**0, lambda x: x**0, 1),
    "power 1": (lambda x: x**1, lambda x: x**1, 1),
    "power 2": (lambda x: x**2, lambda x: x**2, 1),
}


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", KINKS)
def test_at_ties_and_kinks(name, dtype):
    ours, theirs, count = KINKS[name]
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-2, 3, (3, 4, 5)).astype(dtype) for _ in range(count)]
    arrays[0][0, 0, :2] = [0.0, -0.0]
    compare(ours, theirs, arrays, rtol=1e-6)


@pytest.mark.parametrize("dtype", BOTH)
def test_slopes_that_are_not_finite(dtype):
    x = np.array([0, 0, 0, 0, 1, 2, 2], dtype)
    y = np.array([0, 1, 2, 0.5, 0, 0, 3], dtype)
    with np.errstate(divide="ignore"):
        compare(mg.sqrt, torch.sqrt, [x], rtol=1e-6)
        compare(lambda x: x**0.5, lambda x: x**0.5, [x], rtol=1e-6)
        compare(mg.power, torch.pow, [x, y], rtol=1e-6)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_of_extremes(name):
    ours, theirs = same(name)
    x = np.random.default_rng(0).integers(0, 3, (4, 5)).astype(np.float32)
    for dim in (None, 0, -1):
        for keepdim in (False, True):
            out = ours(mg.tensor(x), dim, keepdim).numpy()
            expected = theirs(torch.tensor(x), dim, keepdim).numpy()
            # PyTorch promises no order among equal ones; ours is the first.
            assert out.shape == expected.shape
            if dim is not None:
                at = out if keepdim else np.expand_dims(out, dim)
                there = expected if keepdim else np.expand_dims(expected, dim)
                np.testing.assert_array_equal(
                    np.take_along_axis(x, at, dim), np.take_along_axis(x, there, dim)
                )


# ---- the dtype of results ------------------------------------------------------------------------

NUMBERS = [True, 2, 2.5]
OPERANDS = [
    np.array(value, dtype)
    for value in ([1, 2], 1)
    for dtype in (np.bool_, np.uint8, np.int64, np.float32, np.float64)
]
BINARY = {
    "+": lambda x, y: x + y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    ">": lambda x, y: x > y,
}


@pytest.mark.parametrize("name", BINARY)
def test_the_dtype_of_two(name):
    f, wrong = BINARY[name], []
    pairs = [
        *itertools.product(OPERANDS, OPERANDS + NUMBERS),
        *itertools.product(NUMBERS, OPERANDS),
    ]
    for a, b in pairs:
        theirs = [torch.tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)]
        ours = [mg.tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)]
        whole = not any(np.asarray(v).dtype.kind == "f" for v in (a, b))
        if whole and name in ("+", "*", "**") and ours[0] is not a and ours[1] is not b:
            continue  # of two integer tensors NumPy's rule holds
        if whole and name == "**" and "b" in {np.asarray(v).dtype.kind for v in (a, b)}:
            continue  # and powers of truth values have no use
        expected, found = str(f(*theirs).dtype), f"torch.{f(*ours).dtype}"
        if found != expected:
            wrong.append(f"{a!r} {name} {b!r}: {found}, PyTorch {expected}")
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in BINARY if name != ">"])
def test_gradients_of_mixed_dtypes(name):
    f = BINARY[name]
    floats = [np.array(v, t) for v in ([1.5, 2.5], 1.25) for t in BOTH]
    for a, b in itertools.product(floats, floats):
        compare(f, f, [a, b], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("matmul", ((2, 2), (2, 2))),
        ("conv2d", ((1, 2, 3, 3), (2, 2, 2, 2))),
        ("conv_transpose2d", ((1, 2, 3, 3), (2, 2, 2, 2))),
        ("linear", ((2, 2), (2, 2))),
    ],
)
def test_products_of_two_dtypes_are_an_error_here_and_there(name, args):
    a, b = (np.ones(shape, t) for shape, t in zip(args, BOTH, strict=True))
    with pytest.raises(TypeError):
        getattr(mg, name)(mg.tensor(a), mg.tensor(b))
    theirs = getattr(torch, name, None) or F.linear
    with pytest.raises(RuntimeError):
        theirs(torch.tensor(a), torch.tensor(b))


@pytest.mark.parametrize(
    "value", [2, 2.5, True, [1.0], [1, 2.5], [True], np.float64(2), [np.float64(2)]]
)
def test_the_dtype_of_new_tensors(value):
    assert f"torch.{mg.tensor(value).dtype}" == str(torch.tensor(value).dtype)
