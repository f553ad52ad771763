"""profile(): what it counts, and that it leaves the engine as it was."""

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.op import Op
from minigrad.recorded import Recorded


def step(net: nn.Module, x: mg.Tensor) -> None:
    net(x).sum().backward()


def test_it_counts_calls_forward_and_backward_by_op_and_module() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = mg.randn(5, 3)
    with mg.profile() as found:
        step(net, x)
        step(net, x)
    calls = {name: row.calls for name, row in found.ops.items()}
    assert calls == {"linear": 4, "relu": 2, "sum": 2}
    assert found.modules["Sequential.Linear"].calls == 4
    assert found.ops["linear"].bytes == 2 * 4 * (5 * 4 + 5 * 2)
    assert all(row.forward > 0 and row.backward > 0 for row in found.ops.values())
    inside = sum(row.total for row in found.ops.values())
    assert inside == pytest.approx(sum(row.total for row in found.modules.values()))
    assert inside < found.seconds


def test_an_op_that_runs_ops_counts_once() -> None:
    x = mg.randn(5, requires_grad=True)
    with mg.profile() as found:
        mg.grad((x * x).sum(), x, create_graph=True)
    calls = {name: row.calls for name, row in found.ops.items()}
    assert calls == {"multiply": 1, "sum": 1, "add": 1}  # the walk adds what reaches x


def test_the_engine_is_as_it_was_also_after_an_error() -> None:
    before = Op.__call__, Recorded.gradients, nn.Module.__call__
    try:
        with mg.profile():
            raise KeyError
    except KeyError:
        pass
    assert (Op.__call__, Recorded.gradients, nn.Module.__call__) == before


def test_the_table_names_ops_modules_and_the_rest() -> None:
    with mg.profile() as found:
        step(nn.Linear(3, 4), mg.randn(5, 3))
    text = str(found)
    for word in ("linear", "Linear", "sum", "calls", "backward ms", "(outside of ops)"):
        assert word in text
