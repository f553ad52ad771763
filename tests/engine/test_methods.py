"""An op is a method wherever it is a class's attribute, and help() shows the function."""

import inspect
import pydoc

import numpy as np

import minigrad as mg
from minigrad import ops
from minigrad.methods import Methods
from minigrad.op import Op

NAMES = ("view", "reshape_as")  # other names of reshape and view_as


def test_an_op_of_a_class_is_a_method() -> None:
    class Holder:
        softplus = mg.softplus

    assert Holder.softplus is mg.softplus
    assert mg.Tensor.exp is mg.exp
    x = mg.tensor([0.0, 1.0])
    np.testing.assert_array_equal(x.exp().array, np.exp(x.array))
    assert x.exp.__self__ is x


def test_an_op_looks_like_its_function() -> None:
    assert list(inspect.signature(mg.leaky_relu).parameters) == ["x", "negative_slope"]
    assert mg.leaky_relu.__wrapped__.__name__ == "leaky_relu"
    assert mg.softplus.__doc__ == mg.softplus.__wrapped__.__doc__
    text = pydoc.plain(pydoc.render_doc(mg.leaky_relu))
    assert "leaky_relu(x, *, negative_slope=0.01)" in text
    assert "x where x > 0" in text


def test_methods_are_the_functions_of_their_names() -> None:
    own = [name for name in vars(Methods) if name[0] != "_" and name not in NAMES]
    assert len(own) > 40
    assert [name for name in own if vars(Methods)[name] is not getattr(ops, name)] == []


def test_every_public_op_is_listed_by_its_file_and_has_types() -> None:
    for name in ops.__all__:
        function = getattr(ops, name)
        assert getattr(mg, name) is function
        if not isinstance(function, Op):
            assert function.__annotations__.get("return"), f"{name} says nothing of its result"
