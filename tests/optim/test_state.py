"""An optimizer's state: saved, loaded, and refused where it does not fit."""

import copy

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.optim import lr_scheduler
from minigrad.serialization import load, save
from tests.optim.configurations import configurations


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


def test_a_step_may_be_a_tensor_as_in_pytorch():
    p = nn.Parameter(mg.ones(2, 3))
    adam = optim.Adam([p])
    p.grad = mg.ones(2, 3)
    adam.step()
    state = adam.state_dict()
    state["state"][0]["step"] = mg.tensor(4.0)
    adam.load_state_dict(state)
    assert adam.state_dict()["state"][0]["step"] == 4


def everything(net, opt):
    state = [x.array.tobytes() for x in net.state_dict().values()]
    for values in opt.state_dict()["state"].values():
        state += [x.array.tobytes() if isinstance(x, mg.Tensor) else x for x in values.values()]
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
    assert not np.shares_memory(moments[0].array, moments[1].array)


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop])
def test_a_state_from_before_there_was_a_switch_has_it_off(cls):
    opt = cls([nn.Parameter(mg.ones(2))], lr=0.1, maximize=True)
    saved = opt.state_dict()
    for group in saved["param_groups"]:
        for switch in ("amsgrad", "maximize"):
            group.pop(switch, None)
    opt.load_state_dict(saved)
    assert opt.param_groups[0]["maximize"] is False
    del saved["param_groups"][0]["lr"]
    with pytest.raises(ValueError, match="group 0 has no 'lr'"):
        opt.load_state_dict(saved)


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
    stray["state"] |= {7: {}, 8: {}}
    wrong = "(?s)state 7 belongs to no parameter.*state 8 belongs to no parameter"
    with pytest.raises(ValueError, match=wrong):
        opt.load_state_dict(stray)
    after = opt.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i, state in before["state"].items():
        assert after["state"][i]["step"] == state["step"]
        np.testing.assert_array_equal(after["state"][i]["exp_avg"].array, state["exp_avg"].array)
