"""Layers beside PyTorch: text, values, gradients, state."""

import re

import pytest

from minigrad import nn
from minigrad.nn import init
from tests.parity.beside import close, double, to_torch

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


# How to make a layer in either library, and the shape of an input.
LAYERS = [
    (lambda n: n.Linear(3, 4), (5, 3)),
    (lambda n: n.Linear(3, 4, bias=False), (2, 5, 3)),
    (lambda n: n.Conv2d(4, 6, 3), (2, 4, 7, 6)),
    (lambda n: n.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False), (2, 4, 7, 6)),
    (lambda n: n.Conv2d(4, 6, 1, stride=2, padding=1, groups=2), (1, 4, 5, 5)),
    (lambda n: n.ConvTranspose2d(4, 6, 3), (2, 4, 3, 5)),
    (
        lambda n: n.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, (1, 2)),
        (2, 4, 3, 2),
    ),
    (lambda n: n.BatchNorm1d(3), (6, 3)),
    (lambda n: n.BatchNorm1d(3, 1e-3, None, False), (6, 3, 2)),
    (lambda n: n.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 2)),
    (lambda n: n.BatchNorm2d(3, track_running_stats=False), (4, 3, 2, 2)),
    (lambda n: n.ReLU(), (3, 4)),
    (lambda n: n.ReLU(inplace=True), (3, 4)),
    (lambda n: n.LeakyReLU(0.2), (3, 4)),
    (lambda n: n.LeakyReLU(0.1, True), (3, 4)),
    (lambda n: n.Tanh(), (3, 4)),
    (lambda n: n.Sigmoid(), (3, 4)),
    (lambda n: n.Softplus(), (3, 4)),
    (lambda n: n.Softplus(0.5, 30.0), (3, 4)),
    (lambda n: n.Softplus(2.0, -1.0), (3, 4)),
    (lambda n: n.Softmax(dim=1), (3, 4)),
    (lambda n: n.LogSoftmax(dim=1), (3, 4)),
    (lambda n: n.Identity(3), (3, 4)),
    (lambda n: n.Flatten(), (3, 2, 2)),
    (lambda n: n.Flatten(0, 1), (3, 2, 2)),
    (lambda n: n.Unflatten(1, (2, -1)), (3, 4)),
    (lambda n: n.Dropout(0.0), (3, 4)),
    (lambda n: n.Conv1d(4, 6, 3), (2, 4, 7)),
    (lambda n: n.Conv1d(4, 6, 2, 2, 1, 3, 2, False), (4, 9)),
    (lambda n: n.Conv1d(4, 6, 4, padding="same", dilation=2), (2, 4, 9)),
    (lambda n: n.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2, False, 1), (2, 4, 5)),
    (lambda n: n.ConvTranspose1d(4, 6, (3,), (2,), (1,)), (4, 5)),
    (lambda n: n.Conv2d(2, 3, 3, padding="same"), (2, 2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, (4, 2), padding="same", dilation=(1, 3)), (2, 2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, 3, padding="valid"), (2, 2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, 3, 1, 1, 1, 1, True, "reflect"), (2, 2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, 3, 2, (1, 2), padding_mode="circular"), (2, 2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, (2, 4), padding="same", padding_mode="replicate"), (2, 5, 6)),
    (lambda n: n.Conv2d(2, 3, 3), (2, 5, 6)),
    (lambda n: n.ConvTranspose2d(2, 3, 3, 2), (2, 5, 6)),
    (lambda n: n.InstanceNorm1d(3), (2, 3, 5)),
    (lambda n: n.InstanceNorm1d(3, affine=True), (3, 5)),
    (lambda n: n.InstanceNorm2d(3), (2, 3, 4, 3)),
    (lambda n: n.InstanceNorm2d(3, 1e-3, 0.3, True, True), (2, 3, 4, 3)),
    (lambda n: n.InstanceNorm2d(3, track_running_stats=True), (3, 4, 3)),
    (lambda n: n.LayerNorm(4), (2, 3, 4)),
    (lambda n: n.LayerNorm([3, 4], 1e-3, bias=False), (2, 3, 4)),
    (lambda n: n.LayerNorm((3, 4), elementwise_affine=False), (2, 3, 4)),
    (lambda n: n.GroupNorm(2, 4), (3, 4, 2, 3)),
    (lambda n: n.GroupNorm(1, 4, 1e-3, False), (3, 4)),
    (lambda n: n.GroupNorm(4, 4), (3, 4, 5)),
    (lambda n: n.ELU(), (3, 4)),
    (lambda n: n.ELU(0.5, True), (3, 4)),
    (lambda n: n.SiLU(), (3, 4)),
    (lambda n: n.SiLU(True), (3, 4)),
    (lambda n: n.GELU(), (3, 4)),
    (lambda n: n.GELU("tanh"), (3, 4)),
    (lambda n: n.PReLU(), (3, 4)),
    (lambda n: n.PReLU(4, 0.1), (3, 4, 2)),
    (lambda n: n.Hardtanh(), (3, 4)),
    (lambda n: n.Hardtanh(-0.5, 0.7, True), (3, 4)),
    (lambda n: n.ReLU6(), (3, 4)),
    (lambda n: n.LogSigmoid(), (3, 4)),
    (lambda n: n.Dropout2d(0.0), (3, 4, 2, 2)),
    (lambda n: n.Upsample(scale_factor=2), (2, 3, 3, 4)),
    (lambda n: n.Upsample(None, (3, 2)), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=1.7, mode="nearest"), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=1.7, recompute_scale_factor=True), (2, 3, 3, 4)),
    (lambda n: n.Upsample((5, 2)), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=2, mode="nearest-exact"), (2, 3, 3, 5)),
    (lambda n: n.Upsample((7, 2), mode="nearest-exact"), (2, 3, 3, 5)),
    (lambda n: n.Upsample(scale_factor=2, mode="bilinear"), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=(1.7, 0.6), mode="bilinear"), (2, 3, 3, 5)),
    (lambda n: n.Upsample((1, 7), mode="bilinear", align_corners=True), (2, 3, 3, 4)),
    (lambda n: n.Upsample(scale_factor=2, mode="bicubic"), (2, 3, 3, 4)),
    (lambda n: n.Upsample((5, 3), mode="bicubic", align_corners=True), (2, 3, 3, 4)),
    (lambda n: n.Upsample(5, mode="linear"), (2, 3, 3)),
    (lambda n: n.Upsample(size=7), (2, 3, 3)),
    (lambda n: n.PixelShuffle(2), (2, 8, 3, 2)),
    (lambda n: n.PixelUnshuffle(2), (2, 3, 4, 6)),
    (lambda n: n.MaxPool2d(2), (2, 3, 4, 6)),
    (lambda n: n.MaxPool2d((3, 2), 2, 1, (1, 2), ceil_mode=True), (2, 3, 6, 7)),
    (lambda n: n.MaxPool2d(3, stride=1, padding=1), (3, 5, 4)),
    (lambda n: n.AvgPool2d(2), (2, 3, 4, 6)),
    (lambda n: n.AvgPool2d(3, 2, 1), (2, 3, 6, 7)),
    (lambda n: n.AvgPool2d(3, 2, 1, True, False), (2, 3, 6, 7)),
    (lambda n: n.AvgPool2d(3, 2, (1, 0), ceil_mode=True), (3, 6, 8)),
    (lambda n: n.AvgPool2d((2, 3), divisor_override=5), (2, 3, 6, 8)),
    (lambda n: n.AdaptiveAvgPool2d(1), (2, 3, 5, 4)),
    (lambda n: n.AdaptiveAvgPool2d((3, None)), (2, 3, 5, 4)),
    (lambda n: n.AdaptiveAvgPool2d((7, 3)), (3, 5, 4)),
    (lambda n: n.ReflectionPad2d(2), (2, 3, 4, 5)),
    (lambda n: n.ReflectionPad2d((1, 0, 3, 2)), (3, 4, 5)),
    (lambda n: n.ReplicationPad2d((1, 0, 3, 2)), (2, 3, 4, 5)),
    (lambda n: n.CircularPad2d((1, 0, 3, 2)), (2, 3, 4, 5)),
    (lambda n: n.ZeroPad2d((1, 0, -1, 2)), (2, 3, 4, 5)),
    (lambda n: n.ConstantPad2d(1, 0.5), (2, 3, 4, 5)),
    (lambda n: n.Sequential(), (3, 4)),
    (lambda n: n.Sequential(n.Linear(4, 3), n.Sequential(n.ReLU(), n.Linear(3, 2))), (3, 4)),
]


def text(module):
    """repr(), as it was before PyTorch gave all norms a `bias` (in 2.12)."""
    return re.sub(r"(affine=\w+), bias=\w+", r"\1", repr(module))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers(make, shape):
    mine, theirs = make(nn).double(), make(torch.nn).double()
    for p in mine.parameters():
        init.normal_(p)
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    assert text(mine) == text(theirs)
    for mode in (True, True, False):
        mine.train(mode)
        theirs.train(mode)
        x = double(*shape)
        y = to_torch(x)
        out, expected = mine(x * 1), theirs(y * 1)
        close(out, expected)
        g = double(*out.shape).detach()
        out.backward(g)
        expected.backward(to_torch(g))
        close(x.grad, y.grad)
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad)
        for (name, a), (name_too, b) in zip(
            mine.state_dict().items(), theirs.state_dict().items(), strict=True
        ):
            assert name == name_too
            close(a, b)


RECURRENT = [
    (lambda n: n.GRU(3, 4), (5, 2, 3), (1, 2, 4)),
    (lambda n: n.GRU(3, 4, 2, False, True, bidirectional=True), (2, 5, 3), (4, 2, 4)),
    (lambda n: n.GRU(3, 4, 2), (5, 3), (2, 4)),
    (lambda n: n.LSTM(3, 4), (5, 2, 3), (1, 2, 4)),
    (lambda n: n.LSTM(3, 4, 2, bias=False, bidirectional=True), (5, 2, 3), (4, 2, 4)),
    (lambda n: n.LSTM(3, 4, 2, batch_first=True, dropout=0.0), (2, 5, 3), (2, 2, 4)),
    (lambda n: n.LSTM(3, 4, bidirectional=True), (5, 3), (2, 4)),
    (lambda n: n.LSTM(3, 4, proj_size=0), (5, 2, 3), (1, 2, 4)),
    (lambda n: n.GRUCell(3, 4), (2, 3), (2, 4)),
    (lambda n: n.GRUCell(3, 4, False), (3,), (4,)),
    (lambda n: n.LSTMCell(3, 4), (2, 3), (2, 4)),
    (lambda n: n.LSTMCell(3, 4, bias=False), (3,), (4,)),
]


def flat(out):
    """All tensors of a nest of tuples."""
    return [x for part in out for x in flat(part)] if isinstance(out, tuple) else [out]


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(("make", "shape", "state"), RECURRENT)
def test_recurrent_layers(make, shape, state, with_state):
    mine, theirs = make(nn).double(), make(torch.nn).double()
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    assert text(mine) == text(theirs)
    x = double(*shape)
    states = [double(*state) for _ in range(2 if "LSTM" in repr(mine) else 1)]
    y, their_states = to_torch(x), [to_torch(s) for s in states]
    given = [] if not with_state else [states[0] if len(states) == 1 else tuple(states)]
    theirs_given = [their_states[0] if len(states) == 1 else tuple(their_states)][: len(given)]
    outs, expected = flat(mine(x, *given)), flat(theirs(y, *theirs_given))
    total, wanted = 0, 0
    for a, b in zip(outs, expected, strict=True):
        close(a, b)
        g = double(*a.shape).detach()
        total, wanted = total + (a * g).sum(), wanted + (b * to_torch(g)).sum()
    total.backward()
    wanted.backward()
    leaves = [x, *(states if with_state else []), *mine.parameters()]
    others = [y, *(their_states if with_state else []), *theirs.parameters()]
    for a, b in zip(leaves, others, strict=True):
        close(a.grad, b.grad)


def test_places_of_the_largest():
    for options in ({}, {"stride": 2, "padding": 1}, {"dilation": 2, "ceil_mode": True}):
        x = double(2, 3, 6, 7)
        for mine in (x, x[0]):
            out, places = nn.functional.max_pool2d(mine, 3, **options, return_indices=True)
            a, b = torch.nn.functional.max_pool2d(to_torch(mine), 3, **options, return_indices=True)
            close(out, a)
            close(places, b)
