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


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_defaults_are_pytorchs(name):
    mine = getattr(optim, name)([nn.Parameter(mg.ones(1))]).param_groups[0]
    theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)]).param_groups[0]
    options = set(mine) - {"params"}
    assert {k: mine[k] for k in options} == {k: theirs[k] for k in options}


def test_an_optimizers_state_goes_over_to_pytorch_and_back():
    mine, theirs = pair_of_generators()
    a, b = optim.Adam(mine.parameters()), torch.optim.Adam(theirs.parameters())
    z = double(3, 5, 1, 1).detach()

    def step(net, opt, x):
        opt.zero_grad()
        net(x).sum().backward()
        opt.step()

    step(mine, a, z)
    state = a.state_dict()
    converted = {
        i: {k: torch.tensor(float(v)) if k == "step" else to_torch(v) for k, v in values.items()}
        for i, values in state["state"].items()
    }
    b.load_state_dict({"state": converted, "param_groups": b.state_dict()["param_groups"]})
    theirs.load_state_dict({name: to_torch(x) for name, x in mine.state_dict().items()})
    step(mine, a, z)
    step(theirs, b, to_torch(z))
    back = b.state_dict()
    back["state"] = {
        i: {k: v.numpy() if v.ndim else v for k, v in values.items()}
        for i, values in back["state"].items()
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
]


@pytest.mark.parametrize(("name", "args"), SCHEDULES)
def test_schedules(name, args):
    weight = nn.Parameter(mg.ones(1))
    weight.grad = mg.ones(1)
    a = optim.SGD([weight], lr=0.3)
    b = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.3)
    mine = getattr(lr_scheduler, name)(a, *args)
    theirs = getattr(torch.optim.lr_scheduler, name)(b, *args)
    for _ in range(12):
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
        a.step()
        b.step()
        mine.step()
        theirs.step()
