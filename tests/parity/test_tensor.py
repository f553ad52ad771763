"""Tensor's methods and conventions beside PyTorch's."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

F32, F64, I64 = np.float32, np.float64, np.int64
array = hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=3, max_side=3), elements=st.floats(-3, 3, width=16)
)


def name_of(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def agree(ours: Any, theirs: Any, *, rtol: float = 1e-6) -> None:
    """The same kind of thing: dtype, shape, and values."""
    assert name_of(ours.dtype) == name_of(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    a, b = ours.numpy(force=True), theirs.detach().numpy()
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7)


def both(f: Any, *arrays: Any, requires_grad: bool = False) -> tuple[Any, Any]:
    ours = [mg.tensor(a, requires_grad=requires_grad) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=requires_grad) for a in arrays]
    return f(mg, *ours), f(torch, *theirs)


# ---- making tensors ------------------------------------------------------------------------------

DATA = {
    "float": 1.5, "int": 3, "bool": True, "empty": [], "nested empty": [[], []],
    "floats": [1.0, 2.5], "ints": [1, 2], "bools": [True, False], "mixed": [1, 2.5, True],
    "ints and bools": [1, True], "tuple": (1.0, 2.0), "range": range(3), "nested": [[1, 2], [3, 4]],
    "np.float64": np.float64(1), "np.float32": np.float32(1), "np.int32": np.int32(1),
    "float64 array": np.ones(2), "float32 array": np.ones(2, F32), "uint8": np.ones(2, np.uint8),
    "list of np.float64": [np.float64(1), 2.0], "list of np.float32": [np.float32(1), 2.0],
    "a float before np.float64": [1.0, np.float64(2)], "inf": [float("inf"), float("nan")],
    "list of arrays": [np.ones(2, F32), np.zeros(2, F32)],
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_tensor_has_torchs_dtype_and_shape(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: a list of arrays is slow
        theirs = torch.tensor(DATA[name])
    agree(mg.tensor(DATA[name]), theirs)


CREATION: dict[str, Any] = {
    "zeros": lambda t: t.zeros(2, 3), "zeros tuple": lambda t: t.zeros((2, 3)),
    "zeros list": lambda t: t.zeros([2, 3]), "zeros ()": lambda t: t.zeros(()),
    "zeros 0": lambda t: t.zeros(0, 2), "ones": lambda t: t.ones(3),
    "zeros None": lambda t: t.zeros(2, dtype=None), "float64": lambda t: t.ones(2, dtype=t.float64),
    "int64": lambda t: t.ones(2, dtype=t.int64), "full": lambda t: t.full((2,), 7),
    "full float": lambda t: t.full((2, 1), 0.5), "full bool": lambda t: t.full((2,), True),
    "eye": lambda t: t.eye(2), "eye 2": lambda t: t.eye(2, 3),
    "arange": lambda t: t.arange(5), "arange float": lambda t: t.arange(5.0),
    "arange 2": lambda t: t.arange(2, 5), "arange step": lambda t: t.arange(0, 1, 0.1),
    "arange down": lambda t: t.arange(5, 0, -2), "arange up to 2.5": lambda t: t.arange(1, 2.5),
    "arange float64": lambda t: t.arange(3, dtype=t.float64),
    "linspace": lambda t: t.linspace(-1, 1, 7), "linspace 1": lambda t: t.linspace(3, 4, 1),
    "zeros_like": lambda t: t.zeros_like(t.ones(2, dtype=t.int64)),
    "ones_like": lambda t: t.ones_like(t.zeros(2), dtype=t.float64),
    "full_like": lambda t: t.full_like(t.zeros(2), 3),
    "as_tensor": lambda t: t.as_tensor([1.0, 2.0]),
    "randint shape": lambda t: t.randint(3, (2, 2)) * 0, "randperm": lambda t: t.randperm(4) * 0,
    "rand": lambda t: t.rand(2, 3) * 0, "randn 64": lambda t: t.randn((2,), dtype=t.float64) * 0,
}  # fmt: skip


@pytest.mark.parametrize("name", CREATION)
def test_creation(name: str) -> None:
    agree(CREATION[name](mg), CREATION[name](torch))


# ---- dtypes that meet ----------------------------------------------------------------------------

PARTNERS: dict[str, Any] = {
    "float": lambda t: 2.0, "int": lambda t: 2, "bool": lambda t: True,
    "np.float64": lambda t: np.float64(2), "np.float32": lambda t: np.float32(2),
    "np.int64": lambda t: np.int64(2),
    "f32": lambda t: t.tensor([1.0, 2.0]), "f64": lambda t: t.tensor([1.0, 2.0], dtype=t.float64),
    "i64": lambda t: t.tensor([1, 2]), "bools": lambda t: t.tensor([True, True]),
    "0-d f32": lambda t: t.tensor(2.0), "0-d f64": lambda t: t.tensor(2.0, dtype=t.float64),
    "0-d i64": lambda t: t.tensor(2), "0-d bool": lambda t: t.tensor(True),
}  # fmt: skip
PAIRS = [(a, b) for a in PARTNERS for b in PARTNERS if "-d" in a or a in ("f32", "f64", "i64")]
SIGNS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_dtypes_meet_as_in_torch(a: str, b: str, sign: str) -> None:
    if sign == "**" and "bool" in a and "bool" in b:
        pytest.skip("NumPy knows no power of bools")
    try:
        theirs = SIGNS[sign](PARTNERS[a](torch), PARTNERS[b](torch))
    except (RuntimeError, TypeError):
        pytest.skip("not defined in torch")
    agree(SIGNS[sign](PARTNERS[a](mg), PARTNERS[b](mg)), theirs)


# ---- methods -------------------------------------------------------------------------------------

METHODS: dict[str, Any] = {
    "exp": lambda t, x: x.exp(), "expm1": lambda t, x: x.expm1(), "sin": lambda t, x: x.sin(),
    "cos": lambda t, x: x.cos(), "tanh": lambda t, x: x.tanh(), "sigmoid": lambda t, x: x.sigmoid(),
    "relu": lambda t, x: x.relu(), "abs": lambda t, x: x.abs(), "abs()": lambda t, x: abs(x),
    "neg": lambda t, x: -x, "sign": lambda t, x: x.sign(), "square": lambda t, x: x.square(),
    "pow": lambda t, x: x.pow(2), "cube": lambda t, x: x**3, "two to the": lambda t, x: 2**x,
    "clamp": lambda t, x: x.clamp(-1, 1), "clip min": lambda t, x: x.clip(min=0.5),
    "clamp max": lambda t, x: x.clamp(max=0.5), "sum": lambda t, x: x.sum(),
    "sum 0": lambda t, x: x.sum(0), "sum -1": lambda t, x: x.sum(-1, keepdim=True),
    "sum axis": lambda t, x: x.sum(axis=0, keepdims=True), "mean": lambda t, x: x.mean(),
    "mean -1": lambda t, x: x.mean(-1), "amax": lambda t, x: x.amax(0),
    "amin": lambda t, x: x.amin(-1, keepdim=True), "max": lambda t, x: x.max(),
    "min": lambda t, x: x.min(), "logsumexp": lambda t, x: x.logsumexp(0),
    "softmax": lambda t, x: x.softmax(-1), "log_softmax": lambda t, x: x.log_softmax(0),
    "T": lambda t, x: x.T if x.ndim == 2 else x, "reshape": lambda t, x: x.reshape(-1),
    "reshape ()": lambda t, x: x.reshape(-1, 1), "view": lambda t, x: x.view(1, -1),
    "flatten": lambda t, x: x.flatten(), "squeeze": lambda t, x: x.squeeze(),
    "squeeze 0": lambda t, x: x.squeeze(0), "unsqueeze": lambda t, x: x.unsqueeze(-1),
    "transpose": lambda t, x: x.transpose(0, -1), "expand": lambda t, x: x.expand(2, *x.shape),
    "expand -1": lambda t, x: x.unsqueeze(0).expand(3, *[-1] * x.ndim),
    "permute": lambda t, x: x.permute(*range(x.ndim)[::-1]), "flip": lambda t, x: x.flip(0),
    "flip all": lambda t, x: x.flip(tuple(range(x.ndim))), "clone": lambda t, x: x.clone(),
    "chunk": lambda t, x: x.chunk(2)[0], "split": lambda t, x: x.split(2)[-1],
    "getitem": lambda t, x: x[0], "slice": lambda t, x: x[..., :1], "None": lambda t, x: x[None],
    "mask": lambda t, x: x[x > 0], "list": lambda t, x: x[[0, -1, 0]],
    "where": lambda t, x: t.where(x > 0, x, 0.0), "maximum": lambda t, x: x.maximum(-x),
    "isnan": lambda t, x: x.isnan(), "isfinite": lambda t, x: x.isfinite(),
    "float": lambda t, x: x.float(), "long": lambda t, x: x.long(), "bool": lambda t, x: x.bool(),
    "any": lambda t, x: (x > 0).any(), "all": lambda t, x: (x > 0).all(),
    "leaky": lambda t, x: (t.nn.functional.leaky_relu(x)),
}  # fmt: skip
METHODS |= {
    "argmax": lambda t, x: (x + _ramp(t, x)).argmax(),
    "argmin 0": lambda t, x: (x + _ramp(t, x)).argmin(0, keepdim=True),
    "max 0": lambda t, x: (x + _ramp(t, x)).max(0).values,
    "min indices": lambda t, x: (x + _ramp(t, x)).min(-1).indices,
    "var": lambda t, x: x.reshape(-1).expand(2, -1).reshape(-1).var(),
    "var biased": lambda t, x: (x + _ramp(t, x)).reshape(-1).var(correction=0),
    "gather": lambda t, x: x.gather(0, t.zeros(x.shape, dtype=t.int64)),
}


def _ramp(t: Any, x: Any) -> Any:
    """Different numbers, so that no two elements tie."""
    return t.arange(x.numel(), dtype=t.float64).reshape(x.shape) * 0.01


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=max(settings.default.max_examples // 5, 4))  # for each of 70 methods
@given(a=array)
def test_methods_and_their_gradients(name: str, a: Any) -> None:
    f = METHODS[name]
    ours, theirs = mg.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    y, expected = f(mg, ours), f(torch, theirs)
    agree(y, expected)
    assert y.requires_grad == expected.requires_grad
    if not y.requires_grad or not y.numel():
        return
    g = np.random.default_rng(0).normal(size=tuple(y.shape)).astype(y.dtype)
    y.backward(mg.tensor(g))
    expected.backward(torch.tensor(g))
    assert ours.grad is not None
    agree(ours.grad, theirs.grad)


# ---- conventions of the tape ---------------------------------------------------------------------


def tape(t: Any) -> dict[str, Any]:
    """A tour of the tape's conventions; what each library makes of it, as plain values."""
    seen: dict[str, Any] = {}

    def leaf() -> Any:
        return t.tensor([1.0, 2.0], requires_grad=True)

    grad = mg.grad if t is mg else t.autograd.grad
    x = leaf()
    seen["is_leaf"] = (x.is_leaf, (x * 2).is_leaf, x.detach().is_leaf, (x.detach() * 2).is_leaf)
    seen["grad before"] = x.grad
    seen["grad_fn"] = (x.grad_fn is None, (x * 2).grad_fn is None)
    (x * 3).sum().backward()
    (x * 4).sum().backward()
    seen["adds up"] = x.grad.tolist()
    x.requires_grad_(False)
    seen["frozen"] = (x.grad.tolist(), (x * 2).requires_grad)
    x.requires_grad_()
    x.sum().backward()
    seen["thawed"] = x.grad.tolist()

    x = leaf()
    y = x * x
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    z = (y * 2).sum()
    z.backward(retain_graph=True)
    z.backward()
    seen["retained"] = (y.grad.tolist(), x.grad.tolist())

    x = leaf()
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    x.sum().backward()
    x.sum().backward()
    seen["leaf hooks"] = x.grad.tolist()

    x = leaf()
    y = x * 2
    z = (y * y).sum()
    (g,) = grad(z, y)
    y.backward(g)
    seen["carried on"] = (g.tolist(), x.grad.tolist())

    x = leaf()
    (g,) = grad((x**3).sum(), x, create_graph=True)
    seen["create_graph"] = (g.requires_grad, grad(g.sum(), x)[0].tolist())
    (x**2).sum().backward()
    seen["not on the tape"] = x.grad.requires_grad
    a, b = grad((x * 2).sum(), [x, leaf()], allow_unused=True)
    seen["unused"] = (a.tolist(), b)
    seen["itself"] = grad(x, x, t.tensor([5.0, 6.0]))[0].tolist()

    x = leaf()
    with t.no_grad():
        seen["no_grad"] = ((x * 2).requires_grad, x.requires_grad)
        x -= t.tensor([0.5, 0.5])
        x.mul_(2)
        x[0] = 7.0
    seen["in place"] = (x.tolist(), x.is_leaf, x.requires_grad)
    seen["comparison"] = ((x > 1).requires_grad, x.argmax().requires_grad, x.long().requires_grad)
    seen["like"] = (t.zeros_like(x).requires_grad, t.tensor(x.tolist()).requires_grad)
    total = 0
    for v in x:
        total = total + v * v
    total.backward()
    seen["iterated"] = x.grad.tolist()
    seen["max of ties"] = grad(t.max(m := t.ones(2, requires_grad=True)), m)[0].tolist()
    seen["view shares"] = _shares(t)
    return seen


def _shares(t: Any) -> list[float]:
    x = t.zeros(2, 2)
    x.reshape(4)[0] = 1.0
    x.T[0, 1] = 2.0
    x.detach()[1, 1] = 3.0
    return x.tolist()  # type: ignore[no-any-return]


def test_the_tapes_conventions_are_torchs() -> None:
    ours, theirs = tape(mg), tape(torch)
    for key in theirs:
        assert ours[key] == theirs[key], key


ERRORS: dict[str, Any] = {
    "no tape": lambda t: t.ones(()).backward(),
    "not a number": lambda t: (t.ones(2, requires_grad=True) * 2).backward(),
    "twice": lambda t: [y.backward() for y in [(t.ones(1, requires_grad=True) ** 2)] for _ in "ab"],
    "leaf in place": lambda t: t.ones(2, requires_grad=True).add_(1),
    "integers": lambda t: t.arange(2).requires_grad_(),
    "take off the tape": lambda t: (t.ones(2, requires_grad=True) * 2).requires_grad_(False),
    "numpy": lambda t: t.ones(2, requires_grad=True).numpy(),
    "truth": lambda t: bool(t.ones(2)),
    "empty truth": lambda t: bool(t.ones(0)),
    "float": lambda t: float(t.ones(2)),
    "item": lambda t: t.ones(2).item(),
    "len": lambda t: len(t.tensor(1.0)),
    "iterate a number": lambda t: list(t.tensor(1.0)),
    "list": lambda t: t.ones(2) + [1.0, 2.0],
    "shape": lambda t: t.ones(2) + t.ones(3),
    "matmul": lambda t: t.ones(2, 3) @ t.ones(2, 3),
    "matmul dtypes": lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64),
    "mean of ints": lambda t: t.arange(3).mean(),
    "float index": lambda t: t.ones(2)[t.tensor([0.0])],
    "oob": lambda t: t.ones(2)[2],
    "dim": lambda t: t.ones(2).sum(1),
    "changed": lambda t: _changed(t),
    "zeros of a float": lambda t: t.zeros(2.5),
    "tensor of None": lambda t: t.tensor(None),
    "ragged": lambda t: t.tensor([[1.0], [1.0, 2.0]]),
}


def _changed(t: Any) -> None:
    x, c = t.ones(2, requires_grad=True), t.ones(2)
    y = (x * c).sum()
    c.add_(1)
    y.backward()


@pytest.mark.parametrize("name", ERRORS)
def test_what_torch_refuses_is_refused(name: str) -> None:
    errors = (RuntimeError, TypeError, ValueError, IndexError)
    for t in (torch, mg):
        with pytest.raises(errors):
            ERRORS[name](t)


# ---- arrays that go between the two --------------------------------------------------------------


@given(array)
def test_dlpack_between_the_two_shares_memory(a: Any) -> None:
    ours = mg.tensor(a)
    theirs = torch.from_dlpack(ours)
    agree(ours, theirs)
    theirs.add_(1)
    agree(ours, theirs)
    back = mg.from_dlpack(theirs)
    back.add_(1)
    np.testing.assert_allclose(theirs.numpy(), a + 2)


def test_torch_takes_our_tensors_and_the_other_way_round() -> None:
    ours = mg.tensor([1.0, 2.0])
    assert torch.as_tensor(np.asarray(ours)).tolist() == [1.0, 2.0]
    theirs = torch.tensor([1.0, 2.0])
    copied = mg.tensor(theirs)
    copied.zero_()
    assert theirs.tolist() == [1.0, 2.0]
    assert copied.dtype == np.float32
    assert mg.tensor(theirs.numpy()).tolist() == [1.0, 2.0]


def test_bfloat16_is_loaded_as_float32_value_for_value(tmp_path):
    from safetensors.torch import save_file

    bits = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)  # NaN and infinities too
    x = bits.view(torch.bfloat16).reshape(2, -1)
    save_file({"x": x}, tmp_path / "x")
    agree(mg.load(tmp_path / "x")["x"], x.float())
