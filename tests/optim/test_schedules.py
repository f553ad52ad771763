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
    "MultiStepLR": (
        lambda opt: lr_scheduler.MultiStepLR(opt, [5, 2, 5]),
        lambda t, lr: lr * 0.1 ** ((t >= 2) + 2 * (t >= 5)),
    ),
    "ConstantLR": (
        lambda opt: lr_scheduler.ConstantLR(opt, 0.5, 3),
        lambda t, lr: lr * (0.5 if t < 3 else 1),
    ),
    "PolynomialLR": (
        lambda opt: lr_scheduler.PolynomialLR(opt, 6, 2),
        lambda t, lr: lr * (1 - min(t, 6) / 6) ** 2,
    ),
    "MultiplicativeLR": (
        lambda opt: lr_scheduler.MultiplicativeLR(opt, lambda t: 0.9),
        lambda t, lr: lr * 0.9**t,
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
    first = lr_scheduler.ExponentialLR(opt, 0.5)
    for _ in range(3):
        first.step()
    late = lr_scheduler.ExponentialLR(opt, 0.5, last_epoch=2)
    assert late.last_epoch == 3
    assert late.get_last_lr() == [0.5 / 8, 2 / 8]
    late.step()
    assert late.get_last_lr() == [0.5 / 16, 2 / 16]


# ---- side by side with other hands ---------------------------------------------------------------


def test_schedules_on_one_optimizer_compose():
    opt = two_groups()
    both = [
        lr_scheduler.LinearLR(opt, 0.1, total_iters=4),
        lr_scheduler.ExponentialLR(opt, 0.9),
    ]
    for t in range(6):
        factor = (0.1 + 0.9 * min(t, 4) / 4) * 0.9**t
        assert [g["lr"] for g in opt.param_groups] == pytest.approx([0.5 * factor, 2 * factor])
        for schedule in both:
            schedule.step()


def test_a_rate_that_is_set_by_hand_is_gone_on_from():
    opt = two_groups()
    schedule = lr_scheduler.StepLR(opt, 2)
    schedule.step()
    opt.param_groups[0]["lr"] = 0.3
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.03, 0.2])


@schedules
def test_a_group_that_is_added_later_has_a_rate_of_its_own(make, formula):
    opt = two_groups()
    schedule = make(opt)
    schedule.step()
    opt.add_param_group({"params": [nn.Parameter(mg.ones(1))], "lr": 0.25})
    schedule.step()
    assert len(schedule.get_last_lr()) == 3
    assert schedule.get_last_lr()[:2] == pytest.approx([formula(2, 0.5), formula(2, 2.0)])
    assert schedule.base_lrs == [0.5, 2.0, 0.25]


def test_a_schedule_made_after_a_resume_keeps_the_first_rate_and_goes_on():
    opt = two_groups()
    schedule = lr_scheduler.StepLR(opt, 2)
    for _ in range(4):
        schedule.step()
    other = two_groups()
    other.load_state_dict(opt.state_dict())
    again = lr_scheduler.StepLR(other, 2)
    again.load_state_dict(schedule.state_dict())
    assert again.base_lrs == [0.5, 2.0]
    assert [g["lr"] for g in other.param_groups] == pytest.approx([0.005, 0.02])
    for _ in range(2):
        again.step()
    assert again.get_last_lr() == pytest.approx([0.0005, 0.002])


def test_lambda_lr_takes_a_function_for_each_group():
    opt = two_groups()
    late = lr_scheduler.LambdaLR(opt, [lambda t: 1.0, lambda t: 0.5])
    assert [g["lr"] for g in opt.param_groups] == [0.5, 1.0]
    with pytest.raises(ValueError, match="LambdaLR: 1 functions for 2 parameter groups"):
        lr_scheduler.LambdaLR(opt, [lambda t: 1.0])
    opt.add_param_group({"params": [nn.Parameter(mg.ones(1))]})
    with pytest.raises(ValueError, match="a parameter group was added, and has no function"):
        late.step()


def test_plateau_and_one_cycle_say_what_is_wrong():
    opt = two_groups()
    for wrong in ({"mode": "most"}, {"threshold_mode": "x"}, {"factor": 1.0}, {"min_lr": [0.0]}):
        with pytest.raises(ValueError, match="ReduceLROnPlateau: "):
            lr_scheduler.ReduceLROnPlateau(opt, **wrong)
    for wrong in ({}, {"total_steps": 0}, {"total_steps": 3, "pct_start": 2}):
        with pytest.raises(ValueError, match=r"OneCycleLR: (needs |total_steps|pct_start)"):
            lr_scheduler.OneCycleLR(opt, 0.1, **wrong)
    schedule = lr_scheduler.OneCycleLR(opt, 0.1, 3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ValueError, match="OneCycleLR: step 4 of a schedule of 3 steps"):
        schedule.step()


@pytest.mark.parametrize("way", ["cos", "linear"])
def test_one_cycle_may_begin_at_its_top(way):
    opt = two_groups()
    schedule = lr_scheduler.OneCycleLR(opt, 0.5, 10, pct_start=0.1, anneal_strategy=way)
    rates = [schedule.get_last_lr()[0]]
    for _ in range(9):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert rates[0] == 0.5
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0.5 / 25 / 1e4)


def test_schedules_say_what_is_wrong():
    opt = two_groups()
    one = lr_scheduler.StepLR(opt, 2)
    with pytest.raises(ValueError, match="SequentialLR: 1 schedules need 0 milestones, got 1"):
        lr_scheduler.SequentialLR(opt, [one], [2])
    with pytest.raises(ValueError, match="schedule 0 belongs to another optimizer"):
        lr_scheduler.SequentialLR(two_groups(), [one], [])
    with pytest.raises(ValueError, match="ReduceLROnPlateau needs a loss"):
        lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(opt)])
    with pytest.raises(TypeError, match="StepLR: needs an optimizer, got a Linear"):
        lr_scheduler.StepLR(nn.Linear(1, 1), 2)
    with pytest.raises(TypeError, match="LambdaLR: lr_lambda must be a function of the epoch"):
        lr_scheduler.LambdaLR(opt, [0.5, 0.1])
    with pytest.raises(ValueError, match="LambdaLR: 1 functions for 2 parameter groups"):
        lr_scheduler.LambdaLR(opt, [abs])
    with pytest.raises(ValueError, match="anneal_strategy must be 'cos' or 'linear', got 'sin'"):
        lr_scheduler.OneCycleLR(opt, 0.5, 10, anneal_strategy="sin")
