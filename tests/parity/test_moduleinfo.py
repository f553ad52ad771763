"""Each sample of PyTorch's databases of layers and of optimizers is equal here, or refused with a
message."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

ERRORS = (TypeError, ValueError, IndexError, RuntimeError, NotImplementedError)
# What draws random numbers has no right answer to compare with.
RANDOM = {"Dropout", "Dropout2d", "RReLU"}
# Layers, or optimizers, with samples that are neither equal nor refused, and why.
DIFFERENT = {"KLDivLoss": "where a target is negative or NaN, so is the loss, but not its gradient"}
# Those all of whose samples are refused, and why.
REFUSED = {"LSTM": "their samples project the hidden state (proj_size)"}


def module_outcome(info: Any, sample: Any) -> str:
    from tests.parity.opinfo import arrays, carried, different, gradients, leaves, tensors

    made, forward = sample.constructor_input, sample.forward_input
    theirs = info.module_cls(*made.args, **made.kwargs).double()
    given = leaves([forward.args, forward.kwargs])
    ours_given = carried(given)
    try:
        layer = getattr(nn, info.name.removeprefix("nn."))
        ours = layer(*carried(made.args), **carried(made.kwargs)).double()
        ours.load_state_dict({key: carried(value) for key, value in theirs.state_dict().items()})
        result = ours(*ours_given[0], **ours_given[1])
    except ERRORS as error:
        return f"refused: {error}" if str(error) else "wrong: refused without a word"
    wanted = theirs(*given[0], **given[1])
    outputs, expected = tensors(result), tensors(wanted)
    fault = different(arrays(outputs), arrays(expected))
    if not fault:
        got = gradients(outputs, [*tensors(ours_given), *ours.parameters()], mg)
        fault = different(got, gradients(expected, [*tensors(given), *theirs.parameters()], torch))
    if not fault:
        buffers = [[b.numpy() for _, b in m.named_buffers()] for m in (ours, theirs)]
        fault = different(*buffers)
    return f"wrong: {fault}" if fault else "equal"


def checked(outcomes: dict[str, list[str]]) -> None:
    """That nothing is wrong, and something equal, but for what is on the lists."""
    wrong = {n: [o for o in found if o.startswith("wrong")] for n, found in outcomes.items()}
    wrong = {name: told[:4] for name, told in wrong.items() if told}
    refused = {n: found[:1] for n, found in outcomes.items() if found and "equal" not in found}
    assert {name: told for name, told in wrong.items() if name not in DIFFERENT} == {}
    assert {n: told for n, told in refused.items() if n not in {*wrong, *REFUSED}} == {}


@pytest.mark.filterwarnings("ignore")
def test_samples_of_layers() -> None:
    from tests.parity.opinfo import database

    outcomes: dict[str, list[str]] = {}
    for info in database("common_modules", "module_db"):
        name = info.name.removeprefix("nn.")
        if name in RANDOM or not hasattr(nn, name):
            continue
        for training in (True, False):
            torch.manual_seed(0)
            samples = info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
            )
            outcomes.setdefault(name, []).extend(module_outcome(info, x) for x in samples)
    assert {"Linear", "Conv2d", "BatchNorm2d", "BCELoss"} <= {*outcomes}
    checked(outcomes)


def optimizer_outcome(name: str, options: dict[str, Any]) -> str:
    """What some steps with fixed gradients make of a parameter."""
    from tests.parity.opinfo import different

    rng = np.random.default_rng(0)
    start, steps = rng.normal(size=(3, 2)), rng.normal(size=(6, 3, 2))
    found = []
    for library, module in ((mg, optim), (torch, torch.optim)):
        parameter = library.tensor(start, requires_grad=True)
        how = dict(options)
        if library is mg:
            how = {k: v.item() if isinstance(v, torch.Tensor) else v for k, v in options.items()}
        try:
            optimizer = getattr(module, name)([parameter], **how)
            for step in steps:
                parameter.grad = library.tensor(step)
                optimizer.step()
        except ERRORS as error:
            if library is torch:
                return "equal"  # refused by it, for what is no option of the CPU's
            return f"refused: {error}" if str(error) else "wrong: refused without a word"
        found.append([parameter.detach().numpy()])
    fault = different(*found)
    return f"wrong: {fault} {options}" if fault else "equal"


@pytest.mark.filterwarnings("ignore")
def test_samples_of_optimizers() -> None:
    from tests.parity.opinfo import database

    outcomes = {}
    for info in database("common_optimizers", "optim_db"):
        name = info.optim_cls.__name__
        if hasattr(optim, name):
            samples = info.optim_inputs_func(device="cpu")
            outcomes[name] = [optimizer_outcome(name, sample.kwargs) for sample in samples]
    assert {"SGD", "Adam", "RMSprop"} <= {*outcomes}
    checked(outcomes)
