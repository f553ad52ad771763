"""Optimizers in a training loop; their groups and arguments."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.backend.graph import recording
from tests.optim.configurations import configurations

# ---- in a training loop --------------------------------------------------------------------------


@configurations
def test_it_learns(cls, options):
    mg.manual_seed(0)
    x = mg.randn(64, 3)
    t = x @ mg.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    net = nn.Linear(3, 1)
    lr = 0.5 if cls in (optim.Adagrad, optim.Adadelta) else 0.05  # whose steps shrink
    opt = cls(net.parameters(), **{**options, "lr": lr, "weight_decay": 0})
    first = last = None
    for _ in range(60):
        loss = F.mse_loss(net(x), t)
        opt.zero_grad()
        loss.backward()
        opt.step()
        first, last = first or loss.item(), loss.item()
    assert last < 0.05 * first


def test_a_step_between_forward_and_backward_is_an_error():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    opt = optim.SGD(net.parameters(), lr=0.1)
    net(mg.ones(1, 2)).sum().backward()
    late = net(mg.ones(1, 2)).sum()
    opt.step()
    with pytest.raises(RuntimeError, match=r"'linear' saved .* changed in place"):
        late.backward()


def test_parameters_without_a_gradient_stay():
    a, b = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(2))
    opt = optim.AdamW([a, b], lr=0.1)
    (a * 2).sum().backward()
    opt.step()
    assert a.tolist() != [1, 1]
    assert b.tolist() == [1, 1]
    assert list(opt.state) == [a]


def test_a_frozen_parameter_can_be_held():
    p = nn.Parameter(mg.ones(2), requires_grad=False)
    optim.Adam([p]).step()
    assert p.tolist() == [1, 1]


def test_closure_runs_with_recording_and_its_value_is_returned():
    p = nn.Parameter(mg.tensor([3.0]))
    opt = optim.SGD([p], lr=0.5)

    def closure():
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with mg.no_grad():
        assert opt.step(closure).item() == 9
    assert p.item() == 0


def test_zero_grad():
    p = nn.Parameter(mg.ones(2))
    opt = optim.SGD([p])
    p.sum().backward()
    opt.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0]
    opt.zero_grad()
    assert p.grad is None


@pytest.mark.parametrize("cls", [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW])
def test_the_optimizer_follows_a_module_into_another_dtype(cls):
    net = nn.Linear(2, 1)
    opt = cls(net.parameters(), **({} if cls in (optim.Adam, optim.AdamW) else {"momentum": 0.9}))
    for dtype in (np.float32, np.float64):
        net.to(dtype)
        net(mg.ones(1, 2, dtype=dtype)).sum().backward()
        opt.step()
        tensors = [x for state in opt.state.values() for x in state.values() if hasattr(x, "dtype")]
        assert {x.dtype for x in (*tensors, *net.parameters())} == {np.dtype(dtype)}


# ---- groups and arguments ------------------------------------------------------------------------


def test_groups_have_options_of_their_own():
    a, b, c = (nn.Parameter(mg.zeros(1)) for _ in range(3))
    opt = optim.SGD([{"params": [a]}, {"params": b, "lr": 10.0}], lr=1.0)
    opt.add_param_group({"params": [c], "lr": 100.0})
    assert [g["lr"] for g in opt.param_groups] == [1, 10, 100]
    (a + b + c).sum().backward()
    opt.step()
    assert [p.item() for p in (a, b, c)] == [-1, -10, -100]
    opt.param_groups[0]["lr"] = 5.0
    opt.step()
    assert a.item() == -6


def test_wrong_parameters_are_named():
    p = nn.Parameter(mg.ones(2))
    with pytest.raises(ValueError, match="Adam: got an empty list of parameters"):
        optim.Adam(iter([]))
    with pytest.raises(ValueError, match=r"SGD: a parameter of shape \[2\] comes twice"):
        optim.SGD([p, p])
    with pytest.raises(ValueError, match="comes twice"):
        optim.SGD([p]).add_param_group({"params": [nn.Parameter(mg.ones(1)), p]})
    with pytest.raises(ValueError, match=r"can only optimize leaves, .* 'multiply'"):
        optim.SGD([p * 2])
    with pytest.raises(TypeError, match="SGD: can only optimize tensors, got a ndarray"):
        optim.SGD([np.ones(2)])
    for wrong in ({"lr": 1.0}, p):
        with pytest.raises(TypeError, match="SGD: a parameter group must be a dict with 'params'"):
            optim.SGD([{"params": [p]}, wrong])
    with pytest.raises(TypeError, match="SGD: the parameters of a group need an order"):
        optim.SGD([{"params": {p}}])
    for wrong in (p, {"params": [p]}, {p}):
        with pytest.raises(TypeError, match="params must be a list of tensors or of dicts"):
            optim.SGD(wrong)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (optim.SGD, {"lr": -1}, "SGD: lr must be finite and at least 0, got -1"),
        (optim.SGD, {"lr": math.nan}, "lr must be"),
        (optim.SGD, {"momentum": -0.1}, "momentum must be"),
        (optim.SGD, {"nesterov": True}, "nesterov needs a momentum"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "no dampening"),
        (optim.Adam, {"eps": -1}, "eps must be"),
        (optim.Adam, {"weight_decay": -1}, "weight_decay must be"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "betas must be from 0 to below 1"),
        (optim.RMSprop, {"alpha": -1}, "alpha must be"),
        (optim.Adagrad, {"lr_decay": -1}, "lr_decay must be"),
        (optim.Adadelta, {"rho": 2}, "rho must be from 0 to 1"),
        (optim.Adam, {"differentiable": True}, "a step is not recorded"),
    ],
)
def test_wrong_options_are_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls([nn.Parameter(mg.ones(1))], **options)


@pytest.mark.parametrize("cls", [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW, optim.Adagrad])
def test_maximize_goes_upwards(cls):
    down, up = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(2))
    for p, maximize, sign in ((down, False, 1), (up, True, -1)):
        opt = cls([p], lr=0.1, weight_decay=0, maximize=maximize, foreach=None)
        p.grad = mg.tensor([1.0, 2.0]) * sign
        opt.step()
        assert p.grad.tolist() == [sign, 2 * sign]
    assert up.tolist() == down.tolist()
    with pytest.raises(TypeError, match=r"unexpected options \['faster'\]"):
        cls([up], faster=True)


def test_repr():
    p = nn.Parameter(mg.ones(1))
    assert repr(optim.AdamW([p])) == (
        "AdamW (\nParameter Group 0\n    amsgrad: False\n    betas: (0.9, 0.999)\n    eps: 1e-08\n"
        "    lr: 0.001\n    maximize: False\n    weight_decay: 0.01\n)"
    )


def test_what_changes_after_a_step_was_captured_is_told(monkeypatch):
    """A replay would not notice it. What is captured asks `check` before each replay."""
    checks = []
    weight = nn.Parameter(mg.ones(3))
    weight.grad = mg.ones(3)
    sgd, adagrad = optim.SGD([weight], 0.1, momentum=0.9), optim.Adagrad([weight])
    adagrad.step()
    monkeypatch.setattr(recording, "graph", SimpleNamespace(each=checks.append))
    sgd.step()
    with pytest.raises(RuntimeError, match="Adagrad: it counts its steps"):
        adagrad.step()
    monkeypatch.setattr(recording, "graph", None)
    (check,) = checks
    sgd.step()
    check()
    sgd.param_groups[0]["lr"] = 0.2
    with pytest.raises(RuntimeError, match="SGD: an option has changed since"):
        check()
