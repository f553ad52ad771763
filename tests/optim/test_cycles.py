"""Schedules that look at the loss, that go up and down, and that are made of others."""

import math

import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.optim import lr_scheduler
from tests.optim.test_schedules import two_groups


def rates(opt):
    return [group["lr"] for group in opt.param_groups]


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "worse", "better"),
    [
        ("min", "rel", 9.05, 8.9),
        ("min", "abs", 9.95, 9.85),
        ("max", "rel", 10.95, 11.1),
        ("max", "abs", 10.05, 10.15),
    ],
)
def test_plateau(mode, threshold_mode, worse, better):
    """Two epochs that are not better halve the rates, down to their bounds; then two are free."""
    how = {"mode": mode, "threshold_mode": threshold_mode, "threshold": 0.1}
    how |= {"factor": 0.5, "patience": 1, "cooldown": 2, "min_lr": [0.2, 0.6]}
    opt = two_groups()
    schedule = lr_scheduler.ReduceLROnPlateau(opt, **how)
    for loss, expected in [
        (10.0, [0.5, 2]), (worse, [0.5, 2]), (worse, [0.25, 1]),
        (worse, [0.25, 1]), (worse, [0.25, 1]),
        (worse, [0.25, 1]), (better, [0.25, 1]), (worse, [0.25, 1]),
    ]:  # fmt: skip
        schedule.step(mg.tensor(loss, dtype=mg.float64))
        assert rates(opt) == schedule.get_last_lr() == expected
    again = lr_scheduler.ReduceLROnPlateau(opt)
    again.load_state_dict(schedule.state_dict())
    opt.add_param_group({"params": [nn.Parameter(mg.ones(1))], "lr": 1.0})
    for _ in range(5):
        again.step(worse)
        assert rates(opt) == again.get_last_lr() == [0.2, 0.6, 0.6]


def test_plateau_makes_no_change_that_is_too_small():
    opt = two_groups()
    schedule = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=0, eps=0.25)
    for expected in ([0.5, 2], [0.5, 1], [0.5, 0.5], [0.5, 0.5]):
        schedule.step(1.0)
        assert rates(opt) == expected


def between(start, end, done, strategy):
    share = done if strategy == "linear" else (1 - math.cos(math.pi * done)) / 2
    return start + (end - start) * share


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, momentum=0.5), optim.Adam])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle(make, strategy, three_phase):
    opt = make([nn.Parameter(mg.ones(1))])
    schedule = lr_scheduler.OneCycleLR(
        opt, 2.0, epochs=5, steps_per_epoch=2, pct_start=0.4, anneal_strategy=strategy,
        base_momentum=0.5, max_momentum=0.75, div_factor=4.0, final_div_factor=8.0,
        three_phase=three_phase,
    )  # fmt: skip
    corners = {0: (0.5, 0.75), 3: (2.0, 0.5), 9: (0.0625, 0.75)}
    if three_phase:
        corners[6] = (0.5, 0.75)
    for t in range(10):
        start = max(n for n in corners if n <= t and n < 9)
        end = min(n for n in corners if n > start)
        lr, momentum = (
            between(a, b, (t - start) / (end - start), strategy)
            for a, b in zip(corners[start], corners[end], strict=True)
        )
        group = opt.param_groups[0]
        assert [group["lr"]] == schedule.get_last_lr() == pytest.approx([lr])
        found = group["betas"] if "betas" in group else (group["momentum"], 0.999)
        assert found == pytest.approx((momentum, 0.999))
        if t < 9:
            schedule.step()
    opt.add_param_group({"params": [nn.Parameter(mg.ones(1))]})
    with pytest.raises(ValueError, match="OneCycleLR: a parameter group that was added later"):
        schedule.step()


def test_one_cycle_needs_a_momentum_and_a_rate_for_each_group():
    with pytest.raises(ValueError, match="OneCycleLR: cycle_momentum needs an optimizer with one"):
        lr_scheduler.OneCycleLR(optim.Adagrad([nn.Parameter(mg.ones(1))]), 0.1, 3)
    with pytest.raises(ValueError, match="OneCycleLR: 1 max_lr for 2 parameter groups"):
        lr_scheduler.OneCycleLR(two_groups(), [0.1], 3)
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match="OneCycleLR: pct_start must be from 0 to 1"):
            lr_scheduler.OneCycleLR(two_groups(), 0.1, 3, pct_start=wrong)
    opt = two_groups()
    opt.param_groups[0]["momentum"] = 0.3
    lr_scheduler.OneCycleLR(opt, [0.1, 0.2], 10, cycle_momentum=False)
    assert opt.param_groups[0]["momentum"] == 0.3
    assert rates(opt) == pytest.approx([0.1 / 25, 0.2 / 25])


def test_factors_out_of_range_are_refused():
    opt = two_groups()
    for wrong in ({"start_factor": 0.0}, {"start_factor": 1.1}, {"end_factor": -0.1},
                  {"end_factor": 1.1}):  # fmt: skip
        with pytest.raises(ValueError, match="LinearLR: "):
            lr_scheduler.LinearLR(opt, **wrong)
    for wrong in (0.0, 1.1):
        with pytest.raises(ValueError, match="ConstantLR: "):
            lr_scheduler.ConstantLR(opt, wrong)
    for allowed in (lr_scheduler.LinearLR(opt, 1.0, 0.0), lr_scheduler.ConstantLR(opt, 1.0)):
        assert allowed.get_last_lr() == [0.5, 2]


# ---- made of others ------------------------------------------------------------------------------


def one_after_the_other(opt):
    parts = [
        lr_scheduler.ConstantLR(opt, 0.1, 2),
        lr_scheduler.CosineAnnealingLR(opt, 4, 0.01),
        lr_scheduler.ExponentialLR(opt, 0.9),
    ]
    return lr_scheduler.SequentialLR(opt, parts, [3, 6])


def in_turn(t, lr):
    if t < 3:
        return lr * (0.1 if t < 2 else 1)
    if t < 6:
        return 0.01 + (lr - 0.01) * (1 + math.cos(math.pi * (t - 3) / 4)) / 2
    return lr * 0.9 ** (t - 6)


def together(opt):
    parts = [lr_scheduler.ConstantLR(opt, 0.1, 2), lr_scheduler.ExponentialLR(opt, 0.9)]
    return lr_scheduler.ChainedScheduler(parts)


def at_once(t, lr):
    return lr * 0.9**t * (0.1 if t < 2 else 1)


@pytest.mark.parametrize("stop", [1, 3, 4])
@pytest.mark.parametrize(("make", "formula"), [(one_after_the_other, in_turn), (together, at_once)])
def test_joined_schedules_and_their_states(make, formula, stop):
    opt = two_groups()
    schedule = make(opt)
    for t in range(9):
        expected = [formula(t, 0.5), formula(t, 2.0)]
        assert rates(opt) == schedule.get_last_lr() == pytest.approx(expected)
        if t == stop:
            other = two_groups()
            again = make(other)
            other.load_state_dict(opt.state_dict())
            again.load_state_dict(schedule.state_dict())
            opt, schedule = other, again
        schedule.step()


def test_a_schedule_may_end_before_it_begins():
    opt = two_groups()
    parts = [lr_scheduler.ConstantLR(opt, 0.5, 9), lr_scheduler.ExponentialLR(opt, 0.5)]
    schedule = lr_scheduler.SequentialLR(opt, parts, [0])
    for t in range(3):
        assert rates(opt) == schedule.get_last_lr() == [0.5 * 0.5**t, 2.0 * 0.5**t]
        schedule.step()


def test_joined_schedules_within_each_other():
    opt = two_groups()
    inner = one_after_the_other(opt)
    schedule = lr_scheduler.SequentialLR(opt, [inner, lr_scheduler.StepLR(opt, 2)], [7])
    for t in range(10):
        expected = [in_turn(t, lr) if t < 7 else lr * 0.1 ** ((t - 7) // 2) for lr in (0.5, 2.0)]
        assert rates(opt) == schedule.get_last_lr() == pytest.approx(expected)
        schedule.step()
    with pytest.raises(ValueError, match="SequentialLR: needs one schedule or more"):
        lr_scheduler.SequentialLR(opt, [], [])
