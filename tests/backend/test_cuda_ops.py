"""Every op and its gradient on CUDA, or on the stand-in for it, against the CPU."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import ops
from minigrad.backend import Device
from minigrad.nn import functional as F
from minigrad.ops.losses import bce_with_logits, bce_with_logits_sum
from tests.devices import check_as_on_the_cpu

pytestmark = pytest.mark.slow


def normal(*shape: int) -> Any:
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


def positive(*shape: int) -> Any:
    return abs(normal(*shape)) + 0.5


def last(*shape: int) -> Any:
    """An image (N, C, H, W) that is channels-last in memory."""
    n, c, h, w = shape
    return np.ascontiguousarray(normal(n, h, w, c)).transpose(0, 3, 1, 2)


def places(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 3, shape)


X, Y, P, I = normal(3, 4), normal(1, 4), positive(3, 4), places(3, 4)
IMAGE = last(2, 3, 5, 4)

CASES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "add": (ops.add, [X, Y]),
    "subtract": (ops.subtract, [X, Y]),
    "multiply": (ops.multiply, [X, Y]),
    "divide": (ops.divide, [X, P]),
    "power": (ops.power, [P, X]),
    "negative": (ops.negative, [X]),
    "exp": (ops.exp, [X]),
    "expm1": (ops.expm1, [X]),
    "log": (ops.log, [P]),
    "log1p": (ops.log1p, [P]),
    "sqrt": (ops.sqrt, [P]),
    "abs": (ops.abs, [X]),
    "sign": (ops.sign, [X]),
    "sin": (ops.sin, [X]),
    "cos": (ops.cos, [X]),
    "tanh": (ops.tanh, [X]),
    "sigmoid": (ops.sigmoid, [X * 50]),
    "softplus": (ops.softplus, [X * 50]),
    "relu": (ops.relu, [X]),
    "leaky_relu": (lambda x: ops.leaky_relu(x, negative_slope=0.2), [X]),
    "maximum": (ops.maximum, [X, Y]),
    "minimum": (ops.minimum, [X, Y]),
    "clip": (lambda x: ops.clip(x, min=-0.5, max=0.5), [X]),
    "where": (lambda x, y: ops.where(x > 0, x, y), [X, Y]),
    "bce_with_logits": (bce_with_logits, [X * 50, P / 9]),
    "bce_with_logits_sum": (
        bce_with_logits_sum,
        [last(2, 3, 4, 4) * 20, abs(last(2, 3, 4, 4)) / 9],
    ),
    "linear": (ops.linear, [X, normal(5, 4), normal(5)]),
    "matmul": (ops.matmul, [X, normal(4, 2)]),
    "matmul of batches": (ops.matmul, [normal(2, 3, 4), normal(2, 4, 5)]),
    "matmul with a vector": (ops.matmul, [X, normal(4)]),
    "sum": (lambda x: ops.sum(x, (0, 2)), [normal(2, 3, 4)]),
    "mean": (lambda x: ops.mean(x, 1), [X]),
    "var": (lambda x: ops.var(x, 0), [X]),
    "std": (lambda x: ops.std(x, 0), [X]),
    "amax": (lambda x: ops.amax(x, 1), [X]),
    "amin": (lambda x: ops.amin(x, 1), [X]),
    "max": (lambda x: ops.max(x, 1), [X]),
    "min": (lambda x: ops.min(x, 1), [X]),
    "argmax": (lambda x: ops.argmax(x, 1), [X]),
    "argmin": (ops.argmin, [X]),
    "softmax": (lambda x: ops.softmax(x, 1), [X * 20]),
    "log_softmax": (lambda x: ops.log_softmax(x, 1), [X * 20]),
    "logsumexp": (lambda x: ops.logsumexp(x, 1), [X * 20]),
    "reshape": (lambda x: ops.reshape(x, 4, 3), [X]),
    "flatten": (ops.flatten, [IMAGE]),
    "permute": (lambda x: ops.permute(x, 0, 2, 3, 1), [IMAGE]),
    "transpose": (lambda x: ops.transpose(x, 0, 1), [X]),
    "expand": (lambda x: ops.expand(x, 3, 4), [Y]),
    "squeeze": (ops.squeeze, [Y]),
    "unsqueeze": (lambda x: ops.unsqueeze(x, 1), [X]),
    "flip": (lambda x: ops.flip(x, 0, 1), [X]),
    "concat": (lambda x, y: ops.concat([x, y]), [X, Y]),
    "stack": (lambda x, y: ops.stack([x, y], 1), [X, P]),
    "split": (lambda x: ops.split(x, [1, 3], 1), [X]),
    "chunk": (lambda x: ops.chunk(x, 2), [X]),
    "pad": (lambda x: ops.pad(x, (1, 2, 0, 1), 0.5), [X]),
    "index": (lambda x: x[1:, ::2], [X]),
    "index by places": (lambda x, i: x[i[0]], [X, I]),
    "index by pairs": (lambda x, i: x[i[0], i[1]], [X, I]),
    "index by a list": (lambda x: x[[2, 0, 2]], [X]),
    "index by a mask": (lambda x: x[x > 0], [X]),
    "gather": (lambda x, i: ops.gather(x, 0, i), [X, I]),
    "clone": (ops.clone, [IMAGE]),
    "move_to": (lambda x: x.cpu().to(x.device), [X]),
    "eq": (ops.eq, [X, X]),
    "ne": (ops.ne, [X, Y]),
    "lt": (ops.lt, [X, Y]),
    "le": (ops.le, [X, X]),
    "gt": (ops.gt, [X, Y]),
    "ge": (ops.ge, [X, X]),
    "bitwise_and": (lambda x, y: (x > 0) & (y > 0), [X, Y]),
    "bitwise_or": (lambda x, y: (x > 0) | (y > 0), [X, Y]),
    "bitwise_not": (lambda x: ~(x > 0), [X]),
    "isfinite": (ops.isfinite, [X * np.array([np.inf, 1, np.nan, 1])]),
    "isnan": (ops.isnan, [X]),
    "any": (ops.any, [X > 1]),
    "all": (ops.all, [X > -1]),
    "conv2d": (
        lambda x, w, b: ops.conv2d(x, w, b, 2, 1),
        [IMAGE, normal(4, 3, 3, 2), normal(4)],
    ),
    "conv2d of groups": (
        lambda x, w: ops.conv2d(x, w, None, 1, (1, 0), (2, 1), 2),
        [last(2, 4, 5, 4), normal(6, 2, 3, 2)],
    ),
    "conv_transpose2d": (
        lambda x, w, b: ops.conv_transpose2d(x, w, b, 2, 1, 1),
        [IMAGE, normal(3, 4, 3, 3), normal(4)],
    ),
    "conv_transpose2d of groups": (
        lambda x, w: ops.conv_transpose2d(x, w, None, (1, 2), groups=2, dilation=(2, 1)),
        [last(2, 4, 3, 3), normal(4, 3, 3, 2)],
    ),
    "batch_norm": (
        lambda x, w, b: ops.batch_norm(x, None, None, w, b, training=True),
        [IMAGE, positive(3), normal(3)],
    ),
    "batch_norm of rows": (lambda x: ops.batch_norm(x, None, None, training=True), [X]),
    "batch_norm in evaluation": (
        lambda x, w, b: ops.batch_norm(x, w.detach(), (w * w).detach(), w, b),
        [IMAGE, positive(3), normal(3)],
    ),
}

CUBE, SQUARE = normal(2, 3, 4), normal(3, 3)
OF_ONE = (
    *("ceil", "erf", "exp2", "floor", "frac", "isinf", "logical_not", "nonzero", "norm", "prod"),
    *("reciprocal", "round", "t", "tan", "tril", "triu", "trunc", "square", "neg"),
)
OF_TWO = (
    *("add", "sub", "mul", "div", "pow", "dot", "floor_divide", "fmod", "isclose", "logical_and"),
    *("logical_or", "logical_xor", "remainder", "lerp", "expand_as", "view_as"),
)
CASES |= {name: (getattr(ops, name), [X]) for name in OF_ONE}
CASES |= {name: (getattr(ops, name), [P, P[::-1]]) for name in OF_TWO if name not in CASES}
CASES |= {name: (getattr(ops, name), [P]) for name in ("log2", "log10", "rsqrt")}
CASES |= {
    "addcdiv": (ops.addcdiv, [X, Y, P]),
    "addcmul": (ops.addcmul, [X, Y, P]),
    "allclose": (lambda x: mg.tensor(ops.allclose(x, x), device=x.device), [X]),
    "equal": (lambda x: mg.tensor(ops.equal(x, x), device=x.device), [X]),
    "argsort": (lambda x: ops.argsort(x, 1), [X]),
    "argsort of ties": (lambda i: ops.argsort(i, 0, True), [I]),
    "bitwise_xor": (lambda x, y: (x > 0) ^ (y > 0), [X, Y]),
    "bmm": (ops.bmm, [CUBE, normal(2, 4, 3)]),
    "broadcast_to": (lambda x: ops.broadcast_to(x, (2, 3, 4)), [X]),
    "cat": (lambda x, y: ops.cat([x, y]), [X, Y]),
    "clamp": (lambda x: ops.clamp(x, -0.5, 0.5), [X]),
    "cumprod": (lambda x: ops.cumprod(x, 1), [X]),
    "cumsum": (lambda x: ops.cumsum(x, 0), [X]),
    "dot": (lambda x, y: ops.dot(x[0], y[1]), [X, P]),
    "einsum": (lambda x, y: ops.einsum("bij,ij->bi", x, y), [CUBE, X]),
    "einsum of one": (lambda x: ops.einsum("ii->i", x), [SQUARE]),
    "hstack": (lambda x, y: ops.hstack([x, y]), [X, P]),
    "index_select": (lambda x, i: ops.index_select(x, 1, i[0]), [X, I]),
    "lerp": (lambda x, y: ops.lerp(x, y, 0.3), [X, Y]),
    "masked_fill": (lambda x: ops.masked_fill(x, x > 0, -1.0), [X]),
    "masked_select": (lambda x: ops.masked_select(x, x > 0), [X]),
    "meshgrid": (lambda x: ops.meshgrid(x[0], x[1]), [X]),
    "mm": (ops.mm, [SQUARE, X]),
    "movedim": (lambda x: ops.movedim(x, 0, 2), [CUBE]),
    "mv": (lambda x, y: ops.mv(x, y[0]), [X, P]),
    "narrow": (lambda x: ops.narrow(x, 1, 1, 2), [X]),
    "norm 3": (lambda x: ops.norm(x, 3, 1), [X]),
    "norm inf": (lambda x: ops.norm(x, np.inf, 1), [X]),
    "outer": (lambda x: ops.outer(x[0], x[1]), [X]),
    "prod 1": (lambda x: ops.prod(x, 1), [X]),
    "repeat": (lambda x: ops.repeat(x, 2, 3), [X]),
    "repeat_interleave": (lambda x: ops.repeat_interleave(x, 2, 1), [X]),
    "repeat_interleave by places": (lambda x, i: ops.repeat_interleave(x, i[0], 1), [X, I]),
    "roll": (lambda x: ops.roll(x, (1, -1), (0, 1)), [X]),
    "scatter": (lambda x: ops.scatter(x, 0, (x[:1] > 0).long(), 2.0), [X]),
    "scatter of several": (lambda x, y: ops.scatter(x, 1, (y > 0).long()[:, :1], y), [X, P]),
    "scatter_add": (lambda x, i, y: ops.scatter_add(x, 0, i, y), [X, I, P]),
    "select": (lambda x: ops.select(x, 1, -1), [X]),
    "sort": (lambda x: ops.sort(x, 1).values, [X]),
    "swapaxes": (lambda x: ops.swapaxes(x, 0, 2), [CUBE]),
    "tile": (lambda x: ops.tile(x, 2), [X]),
    "topk": (lambda x: ops.topk(x, 2).values, [X]),
    "unbind": (lambda x: ops.unbind(x, 1), [X]),
    "vstack": (lambda x, y: ops.vstack([x, y]), [X, Y]),
}


@pytest.mark.parametrize("name", CASES)
def test_an_op_does_on_a_gpu_what_it_does_on_the_cpu(name: str, gpu: Device) -> None:
    f, arrays = CASES[name]
    check_as_on_the_cpu(f, arrays, gpu)
    single = [x.astype(np.float32) if x.dtype == np.float64 else x for x in arrays]
    check_as_on_the_cpu(f, single, gpu, 1e-5)


def test_every_op_has_a_case() -> None:
    assert {name.partition(" ")[0] for name in CASES} >= set(ops.__all__) - {"plain_key"}


@pytest.mark.parametrize("name", ["tanh", "multiply", "conv2d", "conv_transpose2d", "batch_norm"])
def test_second_derivatives(name: str, gpu: Device) -> None:
    f, arrays = CASES[name]

    def slope(*operands: Any) -> Any:
        return mg.grad((f(*operands) ** 2).sum(), list(operands), create_graph=True)

    check_as_on_the_cpu(slope, arrays, gpu)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.fill_(2.0),
        lambda x: x.add_(x, alpha=2),
        lambda x: x.mul_(0.5),
        lambda x: x.clamp_(-0.5, 0.5),
        lambda x: x.copy_(np.ones((3, 4), np.float32)),
        lambda x: x.__setitem__((slice(1, 3), 0), 7.0),
        lambda x: x.__setitem__(0, np.arange(4, dtype=np.float32)),
        lambda x: x.__setitem__(([0, 2],), np.arange(4, dtype=np.float32)),
    ],
)
def test_changes_in_place(change: Callable[[Any], Any], gpu: Device) -> None:
    tensors = [mg.tensor(X.astype(np.float32), device=place) for place in ("cpu", gpu)]
    for x in tensors:
        change(x)
    np.testing.assert_array_equal(tensors[0].numpy(), tensors[1].numpy(force=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda place: mg.zeros(2, 3, device=place),
        lambda place: mg.ones(2, 3, device=place),
        lambda place: mg.full((2, 3), 2.5, device=place),
        lambda place: mg.arange(1, 9, 2, device=place),
        lambda place: mg.linspace(-1, 1, 5, device=place),
        lambda place: mg.eye(3, 2, device=place),
        lambda place: mg.tensor([[1.0, 2.0]], device=place),
        lambda place: mg.zeros_like(mg.ones(2, device=place)),
        lambda place: mg.full_like(mg.ones(2, device=place), 3.0),
    ],
)
def test_making_tensors(make: Callable[[Any], Any], gpu: Device) -> None:
    wanted, got = make("cpu"), make(gpu)
    assert got.device is gpu and got.dtype == wanted.dtype
    np.testing.assert_array_equal(got.numpy(force=True), wanted.numpy())


def test_what_a_tensor_on_a_gpu_says(gpu: Device) -> None:
    x = mg.tensor([1.5, 2.0], device=gpu)
    assert repr(x) == "tensor([1.5, 2. ], device='cuda')"
    assert x[0].item() == 1.5 and x.tolist() == [1.5, 2.0]
    with pytest.raises(TypeError, match="this tensor is on cuda"):
        x.numpy()
    with pytest.raises(ValueError, match="add: operands live on different devices"):
        x + mg.ones(2)


# ---- what the CPU refuses, and a GPU could only see by waiting -----------------------------------


@pytest.mark.parametrize(
    "taken",
    [
        lambda x, at: F.cross_entropy(x, at, reduction="none"),
        lambda x, at: F.embedding(at, x).sum(1),
        lambda x, at: mg.gather(x, 1, at.unsqueeze(1)).squeeze(1),
    ],
    ids=["cross_entropy", "embedding", "gather"],
)
def test_what_is_out_of_range_is_nan(taken: Any, gpu: Device) -> None:
    x = mg.ones((3, 3), device=gpu).requires_grad_()
    good = mg.tensor(np.array([0, 2, 1]), device=gpu)
    assert np.isfinite(taken(x, good).numpy(force=True)).all()
    found = taken(x, mg.tensor(np.array([0, 9, -1]), device=gpu))
    assert np.isnan(found.numpy(force=True)).tolist() == [False, True, True]


def test_integers_to_a_negative_integer_are_refused(device: Device) -> None:
    with pytest.raises(ValueError, match="power: Integers to negative integer powers"):
        mg.tensor(np.array([2, 1]), device=device) ** -1


def test_a_target_at_the_end_has_the_smallest_normal_number_for_0(device: Device) -> None:
    """CuPy's kernels take smaller ones for 0."""
    p = mg.zeros(1, device=device)
    target = mg.zeros(1, device=device, requires_grad=True)
    F.binary_cross_entropy(p, target).backward()
    assert target.grad is not None
    assert target.grad.item() == pytest.approx(-np.log(np.finfo(np.float32).tiny), rel=1e-6)
