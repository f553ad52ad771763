"""Schedules of learning rates."""

import math

import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim import lr_scheduler
from minigrad.serialization import load, save

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
