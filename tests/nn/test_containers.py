"""Modules made of modules, and of parameters."""

from collections import OrderedDict

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def names(pairs):
    return [name for name, _ in pairs]


def test_sequential_runs_indexes_slices_and_grows():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b)
    assert net.append(c) is net
    assert len(net) == 3 and list(net) == [a, b, c]
    assert net[0] is a and net[-1] is c
    assert isinstance(net[1:], nn.Sequential) and list(net[1:]) == [b, c]
    assert names(net[1:].named_children()) == ["1", "2"]
    assert list(net[1:].append(nn.Tanh()))[:2] == [b, c]  # and takes the place of neither
    x = mg.randn(4, 2)
    assert list(net[3:]) == [] and net[:0](x) is x  # what is left of one layer without it
    np.testing.assert_array_equal(net(x).array, c(b(a(x))).array)
    net[1] = nn.Tanh()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert isinstance(net[1], nn.Tanh)
    with pytest.raises(IndexError, match="Sequential: index 7 is out of range for 3 modules"):
        net[7]


def test_sequential_takes_names():
    net = nn.Sequential(OrderedDict(encode=nn.Linear(2, 1), act=nn.ReLU()))
    assert list(net.state_dict()) == ["encode.weight", "encode.bias"]
    assert net.encode is net[0]


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(layers) == 3
    assert len(list(layers.parameters())) == 6
    assert list(layers[:2].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    layers.extend([nn.ReLU()]).append(nn.Tanh())
    assert names(layers.named_children()) == ["0", "1", "2", "3", "4"]
    with pytest.raises(NotImplementedError):
        layers(1)


def test_repr_shows_the_tree():
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ModuleList([nn.ReLU(), nn.ReLU()]))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=False)\n"
        "  (1): ModuleList(\n"
        "    (0-1): 2 x ReLU()\n"
        "  )\n"
        ")"
    )


def test_module_dict():
    parts = nn.ModuleDict({"down": nn.Linear(2, 1), "act": nn.ReLU()})
    parts["up"] = nn.Linear(1, 2)
    assert list(parts) == list(parts.keys()) == ["down", "act", "up"]
    assert len(parts) == 3 and "up" in parts and "left" not in parts
    assert list(parts.state_dict()) == ["down.weight", "down.bias", "up.weight", "up.bias"]
    assert parts.pop("act") is not None
    del parts["down"]
    assert [name for name, _ in parts.items()] == ["up"]
    assert list(parts.values()) == [parts["up"]]
    with pytest.raises(KeyError):
        parts["down"]
    with pytest.raises(NotImplementedError):
        parts(1)


def test_lists_and_dicts_of_parameters():
    values = nn.ParameterList([nn.Parameter(mg.ones(2)), mg.zeros(3)])
    values.append(mg.ones(1)).extend([mg.ones(4)])
    assert list(values.state_dict()) == ["0", "1", "2", "3"]
    assert all(isinstance(p, nn.Parameter) for p in values)
    assert [p.numel() for p in values[1:]] == [3, 1, 4]
    values[-1] = mg.ones(5)
    assert len(values) == 4 and values[3].numel() == 5
    assert "(1): Parameter containing: [float32 of size 3]" in repr(values)

    named = nn.ParameterDict({"a": mg.ones(2)})
    named["b"] = mg.ones(1)
    assert list(named) == list(named.keys()) == ["a", "b"]
    assert len(named) == 2 and "a" in named
    assert [p.numel() for p in named.values()] == [2, 1]
    assert dict(named.items())["b"] is named["b"]


def test_submodules_by_path():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert net.get_submodule("1.0") is net[1][0]
    assert net.get_submodule("") is net
    with pytest.raises(AttributeError, match=r"Sequential has no module at '1.7'"):
        net.get_submodule("1.7")
