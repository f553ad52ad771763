"""Variable: what PyTorch's first years called a tensor with a place on the tape."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import Variable


def test_a_variable_is_a_tensor_on_the_same_memory_off_the_tape() -> None:
    x = mg.ones(2, requires_grad=True)
    y = Variable(x * 2)
    assert type(y) is mg.Tensor
    assert not y.requires_grad and y.is_leaf
    array = np.zeros(3, np.float32)
    assert Variable(mg.from_numpy(array)).array is array
    assert x.requires_grad  # what was given stays as it is


def test_it_may_require_a_gradient() -> None:
    x = Variable(mg.ones(2), requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_every_tensor_is_one() -> None:
    assert isinstance(mg.ones(1), Variable) and isinstance(mg.nn.Parameter(mg.ones(1)), Variable)
    assert not isinstance(np.ones(1), Variable)
    with pytest.raises(TypeError, match="Variable: needs a tensor, got list"):
        Variable([1.0])
