"""Optimizers and schedules: their formulas, in any layout and block; groups, state, resuming."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.optim import blocks, lr_scheduler
from minigrad.serialization import load, save

# Each optimizer with each of its options: what is compared with an independent reference.
CONFIGURATIONS = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    "SGD momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "SGD dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    "SGD nesterov": (
        optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "RMSprop": (optim.RMSprop, {"lr": 0.01, "alpha": 0.9}),
    "RMSprop momentum": (optim.RMSprop, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "RMSprop centered": (optim.RMSprop, {"lr": 0.01, "centered": True}),
    "RMSprop all": (
        optim.RMSprop,
        {"lr": 0.01, "centered": True, "momentum": 0.5, "weight_decay": 0.1, "eps": 1e-3},
    ),
    "Adam": (optim.Adam, {"lr": 0.01}),
    "Adam decay": (optim.Adam, {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    "AdamW": (optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}
configurations = pytest.mark.parametrize(
    ("cls", "options"), CONFIGURATIONS.values(), ids=CONFIGURATIONS
)


def reference(cls, p, grads, o):
    """The textbook's update, one number at a time as it were, in float64."""
    m = v = b = 0.0
    for t, g in enumerate(grads, 1):
        decay = o.get("weight_decay", 0.01 if cls is optim.AdamW else 0)
        if cls is optim.AdamW:
            p = p - o["lr"] * decay * p
        else:
            g = g + decay * p
        if cls is optim.SGD:
            mu, tau = o.get("momentum", 0), o.get("dampening", 0)
            b = g if t == 1 else mu * b + (1 - tau) * g
            p = p - o["lr"] * (g + mu * b if o.get("nesterov") else b if mu else g)
        elif cls is optim.RMSprop:
            a, mu = o.get("alpha", 0.99), o.get("momentum", 0)
            v = a * v + (1 - a) * g**2
            m = a * m + (1 - a) * g
            step = g / (np.sqrt(v - m**2 if o.get("centered") else v) + o.get("eps", 1e-8))
            b = mu * b + step
            p = p - o["lr"] * b
        else:
            b1, b2 = o.get("betas", (0.9, 0.999))
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
            p = p - o["lr"] * m_hat / (np.sqrt(v_hat) + o.get("eps", 1e-8))
    return p


def run(cls, options, start, grads):
    """Where a parameter that starts as the array `start` is after steps with these gradients."""
    p = nn.Parameter(start)
    opt = cls([p], **options)
    for g in grads:
        p.grad = mg.from_numpy(np.array(g, p.dtype))
        opt.step()
    assert p.data is start
    return p.numpy(force=True)


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
        patch.setattr(blocks, "BLOCK", block)
        for g in grads:
            p.grad = mg.from_numpy(LAYOUTS[grad_layout](g))
            opt.step()
            np.testing.assert_array_equal(p.grad.data, g)  # the gradient is left as it is
    np.testing.assert_allclose(p.numpy(force=True), expected, rtol=1e-13)


def test_a_parameter_of_more_than_a_block():
    n = 2 * blocks.BLOCK + 7
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
    assert opt.state[conv.weight]["exp_avg"].data.strides == conv.weight.data.strides
    vectors = blocks.vectors(conv.weight.grad.data, (conv.weight.data,))
    assert np.shares_memory(vectors[0], conv.weight.grad.data)  # no copy of the gradient is made
    assert np.shares_memory(vectors[1], conv.weight.data)


# ---- in a training loop --------------------------------------------------------------------------


@configurations
def test_it_learns(cls, options):
    mg.manual_seed(0)
    x = mg.randn(64, 3)
    t = x @ mg.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    net = nn.Linear(3, 1)
    opt = cls(net.parameters(), **{**options, "lr": 0.05, "weight_decay": 0})
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
        (optim.SGD, {"lr": -1}, "SGD: lr must be at least 0, got -1"),
        (optim.SGD, {"lr": math.nan}, "lr must be"),
        (optim.SGD, {"momentum": -0.1}, "momentum must be"),
        (optim.SGD, {"nesterov": True}, "nesterov needs a momentum"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "no dampening"),
        (optim.Adam, {"eps": -1}, "eps must be"),
        (optim.Adam, {"weight_decay": -1}, "weight_decay must be"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "betas must be from 0 to below 1"),
        (optim.RMSprop, {"alpha": -1}, "alpha must be"),
    ],
)
def test_wrong_options_are_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls([nn.Parameter(mg.ones(1))], **options)


def test_repr():
    p = nn.Parameter(mg.ones(1))
    assert repr(optim.AdamW([p])) == (
        "AdamW (\nParameter Group 0\n    betas: (0.9, 0.999)\n    eps: 1e-08\n    lr: 0.001\n"
        "    weight_decay: 0.01\n)"
    )


# ---- state ---------------------------------------------------------------------------------------


def training(cls, options):
    """A small network with all that has state, and a function that trains it on."""
    mg.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.2),
                        nn.Linear(12, 2))  # fmt: skip
    groups = [
        {"params": list(net[0].parameters())},
        {"params": [p for layer in net[1:] for p in layer.parameters()], "lr": 2e-3},
    ]
    opt = cls(groups, **options)
    schedule = lr_scheduler.StepLR(opt, 3, 0.5)

    def train(steps):
        for _ in range(steps):
            loss = F.mse_loss(net(mg.randn(5, 2, 4, 4)), mg.randn(5, 2))
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()

    return net, opt, schedule, train


def everything(net, opt):
    state = [x.data.tobytes() for x in net.state_dict().values()]
    for values in opt.state_dict()["state"].values():
        state += [x.data.tobytes() if isinstance(x, mg.Tensor) else x for x in values.values()]
    return state


@configurations
def test_a_run_that_is_saved_and_resumed_ends_as_one_that_was_not_bit_for_bit(
    cls, options, tmp_path
):
    net, opt, schedule, train = training(cls, options)
    train(4)
    path = tmp_path / "checkpoint.safetensors"
    checkpoint = {
        "net": net.state_dict(),
        "opt": opt.state_dict(),
        "schedule": schedule.state_dict(),
        "random": mg.get_rng_state(),
    }
    save(checkpoint, path)
    train(4)

    again, opt_again, schedule_again, train_again = training(cls, options)
    train_again(1)  # whatever was there before is replaced
    saved = load(path)
    again.load_state_dict(saved["net"])
    opt_again.load_state_dict(saved["opt"])
    schedule_again.load_state_dict(saved["schedule"])
    mg.set_rng_state(saved["random"])
    train_again(4)

    assert everything(again, opt_again) == everything(net, opt)
    assert opt_again.param_groups[1]["lr"] == opt.param_groups[1]["lr"] == 2e-3 / 4
    assert schedule_again.last_epoch == 8


def test_state_dict_goes_by_place_and_loads_copies():
    a, b = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(3))
    opt = optim.Adam([a, b])
    (b * 2).sum().backward()
    opt.step()
    state = opt.state_dict()
    assert list(state["state"]) == [1]
    assert state["param_groups"][0]["params"] == [0, 1]
    c, d = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(3))
    other = optim.Adam([c, d])
    other.load_state_dict(state)
    assert list(other.state) == [d]
    assert other.param_groups[0]["params"] == [c, d]
    moments = other.state[d]["exp_avg"], opt.state[b]["exp_avg"]
    assert moments[0].tolist() == moments[1].tolist()
    assert not np.shares_memory(moments[0].data, moments[1].data)


def test_what_does_not_fit_is_listed_and_nothing_is_changed():
    def made(cls=optim.Adam, sizes=(2, 3)):
        params = [nn.Parameter(mg.ones(n)) for n in sizes]
        opt = cls(params)
        sum((p * p).sum() for p in params).backward()
        opt.step()
        return opt

    opt = made()
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(ValueError, match=r"groups of \[1\] parameters do not fit groups of \[2\]"):
        opt.load_state_dict(made(sizes=(2,)).state_dict())
    with pytest.raises(ValueError, match="group 0 has no 'betas': was it saved by another kind"):
        opt.load_state_dict(made(optim.SGD).state_dict())
    with pytest.raises(ValueError) as caught:
        opt.load_state_dict(made(sizes=(5, 3)).state_dict())
    assert "exp_avg of parameter 0 has shape [5], expected [2]" in str(caught.value)
    assert "exp_avg_sq of parameter 0" in str(caught.value)
    stray = made().state_dict()
    stray["state"][7] = {}
    with pytest.raises(ValueError, match="state 7 belongs to no parameter"):
        opt.load_state_dict(stray)
    after = opt.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i, state in before["state"].items():
        assert after["state"][i]["step"] == state["step"]
        np.testing.assert_array_equal(after["state"][i]["exp_avg"].data, state["exp_avg"].data)


# ---- schedules -----------------------------------------------------------------------------------

SCHEDULES = {
    "StepLR": (
        lambda opt: lr_scheduler.StepLR(opt, 2, 0.1),
        lambda t, lr: lr * 0.1 ** (t // 2),
    ),
    "ExponentialLR": (
        lambda opt: lr_scheduler.ExponentialLR(opt, 0.9),
        lambda t, lr: lr * 0.9**t,
    ),
    "CosineAnnealingLR": (
        lambda opt: lr_scheduler.CosineAnnealingLR(opt, 4, 0.01),
        lambda t, lr: 0.01 + (lr - 0.01) * (1 + math.cos(math.pi * t / 4)) / 2,
    ),
    "LinearLR": (
        lambda opt: lr_scheduler.LinearLR(opt, 0.2, 0.8, 3),
        lambda t, lr: lr * (0.2 + 0.6 * min(t, 3) / 3),
    ),
    "LambdaLR": (
        lambda opt: lr_scheduler.LambdaLR(opt, lambda t: 1 / (1 + t)),
        lambda t, lr: lr / (1 + t),
    ),
}
schedules = pytest.mark.parametrize(("make", "formula"), SCHEDULES.values(), ids=SCHEDULES)


def two_groups():
    a, b = nn.Parameter(mg.ones(1)), nn.Parameter(mg.ones(1))
    a.grad = mg.zeros(1)
    return optim.SGD([{"params": [a]}, {"params": [b], "lr": 2.0}], lr=0.5)


@schedules
def test_schedules(make, formula):
    opt = two_groups()
    schedule = make(opt)
    for t in range(10):
        assert schedule.get_last_lr() == pytest.approx([formula(t, 0.5), formula(t, 2.0)])
        assert [g["lr"] for g in opt.param_groups] == schedule.get_last_lr()
        opt.step()
        schedule.step()


@schedules
def test_a_schedule_goes_on_from_its_state(make, formula, tmp_path):
    opt = two_groups()
    schedule = make(opt)
    for _ in range(3):
        schedule.step()
    path = tmp_path / "schedule.safetensors"
    save({"schedule": schedule.state_dict(), "opt": opt.state_dict()}, path)
    saved = load(path)
    other = two_groups()
    again = make(other)
    other.load_state_dict(saved["opt"])
    again.load_state_dict(saved["schedule"])
    assert again.get_last_lr() == schedule.get_last_lr()
    again.step()
    assert again.get_last_lr() == pytest.approx([formula(4, 0.5), formula(4, 2.0)])
    with pytest.raises(ValueError, match="load_state_dict: expected"):
        again.load_state_dict({"last_epoch": 1})


def test_a_schedule_that_starts_late_needs_the_first_rates():
    opt = two_groups()
    with pytest.raises(KeyError, match="ExponentialLR: last_epoch 3 needs 'initial_lr'"):
        lr_scheduler.ExponentialLR(opt, 0.5, last_epoch=3)
    lr_scheduler.ExponentialLR(opt, 0.5)
    assert lr_scheduler.ExponentialLR(opt, 0.5, last_epoch=3).get_last_lr() == [0.5 / 16, 2 / 16]


def test_lambda_lr_takes_a_function_for_each_group():
    opt = two_groups()
    lr_scheduler.LambdaLR(opt, [lambda t: 1.0, lambda t: 0.5])
    assert [g["lr"] for g in opt.param_groups] == [0.5, 1.0]
    with pytest.raises(ValueError, match="LambdaLR: 1 functions for 2 parameter groups"):
        lr_scheduler.LambdaLR(opt, [lambda t: 1.0])
