"""optim beside PyTorch: steps, defaults, states, schedules."""

import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from minigrad.optim import lr_scheduler
from tests.parity.beside import close, double, generator, to_torch

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 5e-5}),
    ("RMSprop", {"momentum": 0.9, "weight_decay": 0.01}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "alpha": 0.9, "eps": 1e-3}),
    ("Adam", {}),
    ("Adam", {"lr": 2e-4, "betas": (0.5, 0.999)}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-3}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True, "betas": (0.5, 0.6)}),
    ("AdamW", {"lr": 0.01, "amsgrad": True}),
    ("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
]


def pair_of_generators():
    mine, theirs = generator(nn).double(), generator(torch.nn).double()
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    return mine, theirs


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_twenty_steps(name, options):
    mine, theirs = pair_of_generators()
    groups = [
        ([p for p in net if p.ndim > 1], [p for p in net if p.ndim == 1])
        for net in (list(mine.parameters()), list(theirs.parameters()))
    ]
    a, b = (
        getattr(library, name)([{"params": w}, {"params": v, "lr": 0.003}], **options)
        for library, (w, v) in zip((optim, torch.optim), groups, strict=True)
    )
    z, t = double(4, 5, 1, 1).detach(), double(4, 1, 12, 12).detach()
    for step in range(20):
        if step == 10:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.02
        for net, opt, x, y, f in (
            (mine, a, z, t, F), (theirs, b, to_torch(z), to_torch(t), torch.nn.functional)
        ):  # fmt: skip
            loss = f.mse_loss(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
    for (key, x), y in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        close(x, y, 1e-8 if key.endswith(("mean", "var")) else 1e-9)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta"])
def test_defaults_are_pytorchs(name):
    mine = getattr(optim, name)([nn.Parameter(mg.ones(1))]).param_groups[0]
    theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)]).param_groups[0]
    options = set(mine) - {"params"}
    assert {k: mine[k] for k in options} == {k: theirs[k] for k in options}


STATES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
]


def as_torch(x):
    return to_torch(x) if isinstance(x, mg.Tensor) else x


def as_arrays(x):
    return x.numpy() if isinstance(x, torch.Tensor) else x


@pytest.mark.parametrize(("name", "options"), STATES)
def test_an_optimizers_state_goes_over_to_pytorch_and_back(name, options):
    """The whole state dict, but for tensors in the other library's class."""
    mine, theirs = pair_of_generators()
    a = getattr(optim, name)(mine.parameters(), **options)
    b = getattr(torch.optim, name)(theirs.parameters(), **options)
    z = double(3, 5, 1, 1).detach()

    def step(net, opt, x):
        opt.zero_grad()
        net(x).sum().backward()
        opt.step()

    step(mine, a, z)
    state = a.state_dict()
    state["state"] = {
        i: {key: as_torch(x) for key, x in values.items()} for i, values in state["state"].items()
    }
    b.load_state_dict(state)
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    step(mine, a, z)
    step(theirs, b, to_torch(z))
    back = b.state_dict()
    back["state"] = {
        i: {key: as_arrays(x) for key, x in values.items()} for i, values in back["state"].items()
    }
    a.load_state_dict(back)
    step(mine, a, z)
    step(theirs, b, to_torch(z))
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        close(p, q)


SCHEDULES = [
    ("StepLR", (3, 0.5)),
    ("ExponentialLR", (0.9,)),
    ("CosineAnnealingLR", (5, 0.01)),
    ("LinearLR", ()),
    ("LinearLR", (0.1, 0.9, 4)),
    ("LambdaLR", (lambda t: 0.95**t,)),
    ("MultiplicativeLR", (lambda t: 0.95 - 0.01 * t,)),
    ("MultiStepLR", ([2, 5, 5, 7], 0.5)),
    ("ConstantLR", (0.25, 3)),
    ("PolynomialLR", (7, 2.0)),
    ("OneCycleLR", (0.5, 20)),
    ("OneCycleLR", (0.5, 20, None, None, 0.4, "linear", True, 0.8, 0.9, 10.0, 100.0, True)),
    ("OneCycleLR", (0.5, None, 4, 5, 0.25, "cos", False)),
]


@pytest.mark.parametrize(("name", "args"), SCHEDULES)
def test_schedules(name, args):
    weight = nn.Parameter(mg.ones(1))
    weight.grad = mg.ones(1)
    a = optim.SGD([weight], lr=0.3, momentum=0.5)
    b = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.3, momentum=0.5)
    mine = getattr(lr_scheduler, name)(a, *args)
    theirs = getattr(torch.optim.lr_scheduler, name)(b, *args)
    for _ in range(12):
        assert a.param_groups[0]["momentum"] == pytest.approx(b.param_groups[0]["momentum"])
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
        a.step()
        b.step()
        mine.step()
        theirs.step()


def beside(make, epochs, step=lambda schedule, t: schedule.step(), optimizer="Adam"):
    """The rates of both libraries, in each epoch; `make` gives schedules for an optimizer."""
    rates = []
    for library, schedules, weight in (
        (optim, lr_scheduler, nn.Parameter(mg.ones(1))),
        (torch.optim, torch.optim.lr_scheduler, torch.ones(1, requires_grad=True)),
    ):
        opt = getattr(library, optimizer)([weight], lr=0.3)
        weight.grad = weight.detach() * 1
        made = make(opt, schedules)
        for t in range(epochs):
            rates += [opt.param_groups[0]["lr"], *made[-1].get_last_lr()]
            opt.step()
            for schedule in made:
                step(schedule, t)
    assert rates[: 2 * epochs] == pytest.approx(rates[2 * epochs :], rel=1e-9)


def test_schedules_compose_as_in_pytorch():
    beside(lambda o, s: [s.LinearLR(o, 0.1, 1.0, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], 9)
    beside(lambda o, s: [s.CosineAnnealingLR(o, 4, 0.01), s.MultiStepLR(o, [3, 5])], 12)
    beside(lambda o, s: [s.OneCycleLR(o, 0.5, 20)], 12)
    beside(lambda o, s: [s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)])], 8)


def test_one_schedule_after_the_other():
    def three(o, s):
        parts = [s.LinearLR(o, 0.1, 1.0, 3), s.ExponentialLR(o, 0.8), s.CosineAnnealingLR(o, 5)]
        return [s.SequentialLR(o, parts, [3, 7])]

    beside(three, 14)


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1},
        {"patience": 0, "mode": "max", "threshold": 0.1, "cooldown": 2},
        {"patience": 1, "threshold_mode": "abs", "threshold": 0.05, "min_lr": 0.1, "factor": 0.6},
        {"patience": 1, "mode": "max", "threshold_mode": "abs", "eps": 0.02},
    ],
)
def test_plateau(options):
    losses = [1.0, 0.9, 0.95, 0.93, 0.7, 0.69, 0.69, 0.68, 0.9, 1.2, 1.3, 1.0, 1.0, 1.5, 0.1, 0.2]
    beside(
        lambda o, s: [s.ReduceLROnPlateau(o, **options)],
        len(losses),
        lambda schedule, t: schedule.step(losses[t]),
    )


def test_hands_and_late_comers_are_treated_as_in_pytorch():
    def step(schedule, t):
        group = schedule.optimizer.param_groups[0]
        if t == 2:
            group["lr"] = 0.7
        schedule.step()

    for make in (
        lambda o, s: [s.StepLR(o, 2)],
        lambda o, s: [s.LinearLR(o, 0.2, 0.9, 6)],
        lambda o, s: [s.CosineAnnealingLR(o, 7, 0.01)],
        lambda o, s: [s.LambdaLR(o, lambda t: 0.9**t)],
    ):
        beside(make, 8, step)
    beside(lambda o, s: [s.ExponentialLR(o, 0.5), s.ExponentialLR(o, 0.5, last_epoch=3)], 3)
    beside(lambda o, s: [s.StepLR(o, 2), s.StepLR(o, 2, last_epoch=2)], 5)
    beside(lambda o, s: [s.LinearLR(o, 0.5), s.LinearLR(o, 0.5, last_epoch=1)], 5)
    beside(lambda o, s: [s.MultiStepLR(o, [1, 3]), s.MultiStepLR(o, [1, 3], last_epoch=1)], 5)
    beside(lambda o, s: [s.ExponentialLR(o, 0.5), s.LambdaLR(o, lambda t: 0.5**t, 2)], 3)


@pytest.mark.parametrize(("name", "args"), SCHEDULES[:5] + [("MultiStepLR", ([2, 5, 5, 7], 0.5))])
def test_a_schedules_state_goes_over_to_pytorch_and_back(name, args):
    def made(schedules, library, weight):
        return getattr(schedules, name)(library.SGD([weight], lr=0.3), *args)

    mine = made(lr_scheduler, optim, nn.Parameter(mg.ones(1)))
    theirs = made(torch.optim.lr_scheduler, torch.optim, torch.ones(1, requires_grad=True))
    theirs.optimizer.step()
    for _ in range(3):
        theirs.step()
    mine.load_state_dict(theirs.state_dict())
    mine.optimizer.param_groups[0]["lr"] = theirs.optimizer.param_groups[0]["lr"]
    for _ in range(3):
        mine.step()
        theirs.step()
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
