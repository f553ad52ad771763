"""The ops of tests/ops/test_generative.py beside PyTorch's: signatures, values, gradients."""

import math

import numpy as np
import pytest

import minigrad as mg

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
Y = RNG.standard_normal((3, 4))
P = RNG.uniform(0.3, 2, (3, 4))
ZEROS = np.where(X > 0, X, 0)
TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 1.0, 2.0]])
B = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 4, 3))

# name: f(the module, its tensors of ...), the arrays
CASES = {
    **{
        name: (lambda t, x, name=name: getattr(t, name)(x), [X * 3])
        for name in ("floor", "ceil", "round", "trunc", "frac", "reciprocal", "erf", "exp2", "tan")
    },
    **{
        name: (lambda t, x, name=name: getattr(x, name)(), [P])
        for name in ("rsqrt", "log2", "log10", "norm", "prod", "tril", "triu", "t")
    },
    "round decimals": (lambda t, x: t.round(x, decimals=1), [X]),
    "remainder": (lambda t, x, y: x % y, [X * 5, P]),
    "remainder 3": (lambda t, x: x % 3, [X * 5]),
    "fmod": (lambda t, x, y: t.fmod(x, y), [X * 5, P]),
    "div trunc": (lambda t, x: t.div(x, 2, rounding_mode="trunc").detach() * x, [X * 5]),
    "add alpha": (lambda t, x, y: t.add(x, y, alpha=3), [X, Y]),
    "sub alpha": (lambda t, x, y: x.sub(y, alpha=0.5), [X, Y]),
    "lerp": (lambda t, x, y: t.lerp(x, y, 0.3), [X, Y]),
    "lerp by tensors": (lambda t, x, y, w: x.lerp(y, w), [X, Y, P]),
    "addcmul": (lambda t, x, y, z: t.addcmul(x, y, z, value=0.5), [X, Y, P]),
    "addcdiv": (lambda t, x, y, z: x.addcdiv(y, z, value=0.5), [X, Y, P]),
    **{
        f"norm {p} {dim} {keepdim}": (
            lambda t, x, how=(p, dim, keepdim): t.norm(x, *how),
            [ZEROS],
        )
        for p in ("fro", 1, 2, 3, math.inf, -math.inf)
        for dim, keepdim in ((1, False), ((0, 1), True), (None, False))
    },
    "norm(dim=)": (lambda t, x: x.norm(dim=1, keepdim=True), [X]),
    "norm(2, 1)": (lambda t, x: x.view(3, -1).norm(2, 1), [X]),
    "prod 0": (lambda t, x: x.prod(0), [ZEROS]),
    "prod kept": (lambda t, x: t.prod(x, 1, True), [ZEROS]),
    "cumsum": (lambda t, x: x.cumsum(0), [X]),
    "cumsum -1": (lambda t, x: t.cumsum(x, dim=-1), [X]),
    "cumprod": (lambda t, x: t.cumprod(x, 1), [ZEROS]),
    "sort": (lambda t, x: x.sort(1)[0], [X]),
    "sort down": (lambda t, x: t.sort(x, 0, True).values, [X]),
    "topk": (lambda t, x: x.topk(2).values, [X]),
    "topk smallest": (lambda t, x: t.topk(x, 2, 0, False)[0], [X]),
    "tril -1": (lambda t, x: t.tril(x, -1), [X]),
    "triu 1": (lambda t, x: t.triu(x, diagonal=1), [X]),
    "roll": (lambda t, x: x.roll(2), [X]),
    "roll 1 0": (lambda t, x: t.roll(x, 1, 0), [X]),
    "roll dims": (lambda t, x: t.roll(x, shifts=(1, -2), dims=(0, 1)), [X]),
    "repeat": (lambda t, x: x.repeat(2, 1, 3), [X]),
    "repeat of a size": (lambda t, x: x.repeat((1, 2)), [X]),
    "tile": (lambda t, x: t.tile(x, (2,)), [X]),
    "repeat_interleave": (lambda t, x: x.repeat_interleave(2, dim=0), [X]),
    "repeat_interleave all": (lambda t, x: t.repeat_interleave(x, 2), [X]),
    "swapaxes": (lambda t, x: x.swapaxes(0, 1), [X]),
    "movedim": (lambda t, x: t.movedim(x, (0, 2), (2, 1)), [B[0]]),
    "view_as": (lambda t, x, y: x.view_as(y.t()) * y.t(), [X, Y]),
    "expand_as": (lambda t, x, y: x[:1].expand_as(y) * y, [X, Y]),
    "unbind": (lambda t, x: list(t.unbind(x, 1)), [X]),
    "select": (lambda t, x: x.select(1, -2), [X]),
    "narrow": (lambda t, x: x.narrow(1, 1, 2), [X]),
    "index_select": (lambda t, x: x.index_select(1, t.tensor([0, 3, 0])), [X]),
    "masked_fill": (lambda t, x: x.masked_fill(t.tensor(Y > 0), -1e9), [X]),
    "masked_fill by a tensor": (
        lambda t, x: t.masked_fill(x, t.tensor(Y[:1] > 0), t.tensor(2.0)),
        [X],
    ),
    "masked_select": (lambda t, x: t.masked_select(x, t.tensor(Y[:1] > 0)), [X]),
    "scatter": (lambda t, x, y: x.scatter(1, t.tensor([[3, 0], [1, 2]]), y[:2, :2]), [X, Y]),
    "scatter a number": (lambda t, x: t.scatter(x, 0, t.tensor([[2, 0]]), 5.0), [X]),
    "scatter_add": (
        lambda t, x, y: x.scatter_add(1, t.tensor([[3, 3], [1, 3]]), y[:2, :2]),
        [X, Y],
    ),
    "mm": (lambda t, x, y: t.mm(x, y.t()), [X, Y]),
    "bmm": (lambda t, x, y: x.bmm(y), [*B]),
    "mv": (lambda t, x, y: x.mv(y[0]), [X, Y]),
    "dot": (lambda t, x, y: t.dot(x[0], y[0]), [X, Y]),
    "outer": (lambda t, x, y: t.outer(x[0], y[1]), [X, Y]),
    "einsum": (lambda t, x, y: t.einsum("bij,bjk->bik", x, y), [*B]),
    "einsum in a list": (lambda t, x, y: t.einsum("b i j, b j k -> k", [x, y]), [*B]),
    "einsum dots": (lambda t, x, y: t.einsum("...ij,...jk", x, y[0]), [*B]),
    "hstack": (lambda t, x, y: t.hstack([x, y]), [X, Y]),
    "vstack": (lambda t, x, y: t.vstack((x, y)), [X, Y]),
    "meshgrid": (lambda t, x, y: list(t.meshgrid(x[0], y[1], indexing="ij")), [X, Y]),
    "broadcast_to": (lambda t, x: t.broadcast_to(x, (2, 3, 4)), [X]),
}


def outputs(made):
    return made if isinstance(made, list) else [made]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, dtype):
    f, arrays = CASES[name]
    found = []
    for module, grad in ((mg, mg.grad), (torch, torch.autograd.grad)):
        leaves = [module.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        made = outputs(f(module, *leaves))
        loss = sum((y * y).sum() for y in made)
        grads = grad(loss, leaves) if getattr(loss, "requires_grad", False) else []
        found.append([y.detach().numpy() for y in [*made, *grads]])
    for ours, theirs in zip(*found, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        digits = 3e-5 if dtype == np.float32 else 1e-11
        np.testing.assert_allclose(ours, theirs, digits, digits)


PLACES = {
    "argsort": lambda t, x: t.argsort(x, dim=1, stable=True),
    "argsort down": lambda t, x: t.argsort(x, dim=-1, descending=True, stable=True),
    "sort": lambda t, x: t.sort(x, dim=1, stable=True)[1],
    "nonzero": lambda t, x: t.nonzero(x),
    "nonzero of a number": lambda t, x: t.nonzero(x[0, 0]),
    "where": lambda t, x: t.where(x > 1)[1],
    "isinf": lambda t, x: (x / 0).isinf(),
    "isfinite": lambda t, x: t.isfinite(x),
    "eq": lambda t, x: x.eq(2) | x.ne(1) & x.ge(1) ^ x.lt(3),
    "logical": lambda t, x: x.logical_not().logical_or(x.gt(2)).logical_xor(t.logical_and(x, x)),
    "//": lambda t, x: x.long() // 2,
    "%": lambda t, x: -x.long() % 2,
    "div trunc": lambda t, x: t.div(-x.long(), 2, rounding_mode="trunc"),
    "cumsum of ints": lambda t, x: x.bool().cumsum(1),
    "prod of ints": lambda t, x: x.int().prod(),
    "isclose": lambda t, x: t.isclose(x, x * (1 + 1e-5)),
    "allclose": lambda t, x: t.tensor(t.allclose(x, x + 1e-9)),
    "equal": lambda t, x: t.tensor(t.equal(x, x.clone())),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_places_and_truths(name):
    ours, theirs = (PLACES[name](t, t.tensor(TIES)) for t in (mg, torch))
    assert f"torch.{ours.dtype}" == str(theirs.dtype)
    assert ours.tolist() == theirs.tolist()
    assert ours.shape == tuple(theirs.shape)
