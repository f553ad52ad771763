"""What a PyTorch user writes out of habit gives what PyTorch gives, or fails where it fails."""

import numpy as np
import pytest

import minigrad as mg

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")

A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 9.0]], np.float32)
WHOLE = np.array([1, 2, 3])
MASK = np.array([True, False, True])
CUBE = np.arange(24.0).reshape(2, 3, 4)

# name: f(the module, its tensor of ...), the array
SAME = {
    "var(False)": (lambda t, x: x.var(False), A),
    "var(True)": (lambda t, x: x.var(True), A),
    "var(1, False)": (lambda t, x: x.var(1, False), A),
    "var(1, False, True)": (lambda t, x: x.var(1, False, True), A),
    "var(1, keepdim=True)": (lambda t, x: x.var(1, keepdim=True), A),
    "var(unbiased=False)": (lambda t, x: x.var(unbiased=False), A),
    "var(0, unbiased=False)": (lambda t, x: t.var(x, 0, unbiased=False), A),
    "std(0, False)": (lambda t, x: x.std(0, False), A),
    "std(1, True)": (lambda t, x: t.std(x, 1, True), A),
    "var of too few": (lambda t, x: x.var(0, correction=5), A),
    "var of equal, too few": (lambda t, x: (x * 0).var(0, correction=5), A),
    "sum of uint8": (lambda t, x: x.sum(), WHOLE.astype(np.uint8)),
    "sum of int32": (lambda t, x: x.sum(0), WHOLE.astype(np.int32)),
    "sum of bools": (lambda t, x: x.sum(), MASK),
    "sum in a dtype": (lambda t, x: x.sum(0, dtype=t.float64), A),
    "mean in a dtype": (lambda t, x: x.mean(dtype=t.float32), WHOLE),
    "sum(axis=)": (lambda t, x: x.sum(axis=1, keepdim=True), A),
    "softmax in a dtype": (lambda t, x: x.softmax(1, dtype=t.float64), A),
    "logsumexp of integers": (lambda t, x: x.logsumexp(0), WHOLE),
    "logsumexp of uint8": (lambda t, x: x.logsumexp(0), WHOLE.astype(np.uint8)),
    "max(a, b)": (lambda t, x: t.max(x, x * 0 + 3), A),
    "min(a, b)": (lambda t, x: x.min(x * 0 + 3), A),
    "where of floats": (lambda t, x: t.where(x, 1.0, 0.0), MASK),
    "where of ints": (lambda t, x: t.where(x, 1, 0), MASK),
    "where of both": (lambda t, x: t.where(x, 1, 0.0), MASK),
    "where of bools": (lambda t, x: t.where(x, True, False), MASK),
    "square of bools": (lambda t, x: t.square(x), MASK),
    "0 ** x": (lambda t, x: 0**x, WHOLE),
    "0. ** x": (lambda t, x: 0.0 ** (x - 2), A),
    "cat of float32 and float64": (lambda t, x: t.cat([x, x.double()]), A),
    "cat of float32 and int64": (lambda t, x: t.cat([x, x.long()]), A),
    "stack of bool and int64": (lambda t, x: t.stack([x, x.long()]), MASK),
    "arange down": (lambda t, x: t.arange(5, 0, -2), A),
    "arange of floats": (lambda t, x: t.arange(0, 1, 0.1), A),
    "arange by names": (lambda t, x: t.arange(start=1, end=2, step=0.3), A),
    "arange of nothing": (lambda t, x: t.arange(0), A),
    "an int and a list": (lambda t, x: x[0, :, [0, 1]], CUBE),
    "a list and an int": (lambda t, x: x[[0, 1], :, 1], CUBE),
    "an int tensor and a list": (lambda t, x: x[t.tensor(1), :, [0, 1]], CUBE),
    "two lists apart": (lambda t, x: x[[0, 1], :, [0, 1]], CUBE),
    "two lists around None": (lambda t, x: x[[0, 1], None, [0, 1]], CUBE),
    "an int, None, a list": (lambda t, x: x[1, None, ..., [2, 0]], CUBE),
    "a mask and an int": (lambda t, x: x[x[:, :, 0] > 3, 1], CUBE),
    "an int, a mask": (lambda t, x: x[0, x[0] > 3], CUBE),
    "squeeze of several": (lambda t, x: x[None, :, None].squeeze((0, 2)), A),
    "flip(dims=)": (lambda t, x: t.flip(x, dims=(0, 1)), A),
    "permute(dims=)": (lambda t, x: t.permute(x, dims=(1, 0)), A),
    "reshape(shape=)": (lambda t, x: t.reshape(x, shape=(3, 2)), A),
    "size=": (lambda t, x: t.zeros(size=(2, 3)) + t.ones((2, 3)), A),
    "eye": (lambda t, x: t.eye(2, 3, dtype=t.double), A),
    "zeros_like in a dtype": (lambda t, x: t.zeros_like(x, dtype=t.long), A),
    "repeat_interleave by a tensor": (
        lambda t, x: x.repeat_interleave(t.tensor([0, 2, 1]), dim=1),
        A,
    ),
    "where as a method": (lambda t, x: x.where(x > 2, 0.0), A),
    "argmax of a number": (lambda t, x: x[0, 0].argmax(0), A),
    "cumsum of a number": (lambda t, x: x[0, 0].cumsum(0), A),
    "zero_ of bools": (lambda t, x: x.clone().zero_(), MASK),
    "to a copy": (lambda t, x: x.to(t.float, copy=True).mul_(0) + x, A),
    "non_blocking": (lambda t, x: x.to("cpu", non_blocking=True), A),
    "type": (lambda t, x: x.type(t.LongTensor) + t.FloatTensor([1, 2, 3]), A),
    "one hot": (lambda t, x: t.zeros(3, 4).scatter_(1, x.unsqueeze(1), 1), WHOLE),
    "bounds of a clamp": (lambda t, x: x.clamp(1.5, 3), A),
    "sums of sizes": (lambda t, x: t.tensor(x.size(0) + x.numel() + x.dim()), A),
    "== None": (lambda t, x: t.tensor(x == None), A),  # noqa: E711
    "!= None": (lambda t, x: t.tensor(x != None), A),  # noqa: E711
    "None in a list": (lambda t, x: t.tensor(None in [x]), A),
}
BOTH_FAIL = {
    "mean(0, 1)": (lambda t, x: x.mean(0, 1), A),
    "amax(0, 1)": (lambda t, x: x.amax(0, 1), A),
    "any(0, 1)": (lambda t, x: x.any(0, 1), A),
    "sum(True)": (lambda t, x: x.mean(True), A),
    "softmax of integers": (lambda t, x: x.softmax(0), WHOLE),
    "softmax without dim": (lambda t, x: t.softmax(x), A),
    "gather(-1)": (lambda t, x: x.gather(1, t.tensor([[-1]])), A),
    "gather by floats": (lambda t, x: x.gather(1, x), A),
    "a step of the wrong sign": (lambda t, x: t.arange(0, 5, -1), A),
    "arange(5, 0)": (lambda t, x: t.arange(5, 0), A),
    "where of ints": (lambda t, x: t.where(x, 1.0, 0.0), WHOLE),
    "an integer to -1": (lambda t, x: x**-1, WHOLE),
}


def outcome(module, case):
    f, array = case
    return f(module, module.tensor(array))


@pytest.mark.parametrize("name", SAME)
@pytest.mark.filterwarnings("ignore:var\\(\\)", "ignore:divide by zero")
def test_the_same(name):
    ours, theirs = outcome(mg, SAME[name]), outcome(torch, SAME[name])
    assert isinstance(ours, mg.Tensor)
    assert f"torch.{ours.dtype}" == str(theirs.dtype)
    np.testing.assert_array_equal(ours.numpy().shape, theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-6, 1e-7)


@pytest.mark.parametrize("name", BOTH_FAIL)
def test_both_fail(name):
    for module in (mg, torch):
        with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)):
            outcome(module, BOTH_FAIL[name])


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_zero_to_a_power_has_pytorchs_slope():
    for base in (0, 0.0):
        x, y = (m.tensor([-1.0, 0.0, 2.0], requires_grad=True) for m in (mg, torch))
        for z in (x, y):
            (base**z).sum().backward()
        assert x.grad.tolist() == y.grad.tolist()


def test_a_transposed_convolution_with_more_output_padding_than_stride():
    how = {"stride": (3, 2), "padding": (1, 2), "output_padding": (2, 3)}
    how |= {"groups": 2, "dilation": 4}
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((2, 4, 5, 4), (4, 3, 3, 2), (6,))]
    made = []
    for m, f in ((mg, mg.conv_transpose2d), (torch, torch.nn.functional.conv_transpose2d)):
        leaves = [m.tensor(a, requires_grad=True) for a in arrays]
        out = f(*leaves, **how)
        (out * out).sum().backward()
        made.append([out.detach().numpy(), *(x.grad.numpy() for x in leaves)])
    for ours, theirs in zip(*made, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-10, 1e-10)
