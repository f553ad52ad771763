"""Nonsense is refused by an error that begins with the name of the function."""

import inspect
import random

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import door, nn, ops, optim
from minigrad.door import names
from tests.garbage import arguments, fault, functions

pytestmark = pytest.mark.filterwarnings("ignore")  # of NumPy, about what it is made to compute


@pytest.mark.parametrize(("name", "function"), list(functions()))
def test_every_error_names_its_function(tmp_path, monkeypatch, name, function):
    monkeypatch.chdir(tmp_path)  # save takes "x" for a path
    draw = random.Random(name)
    faults = [fault(name, function, arguments(draw, function)) for _ in range(25)]
    assert not list(filter(None, faults))


def test_all_functions_are_drawn():
    drawn = dict(functions())
    wanted = {*ops.__all__, "backward", "grad", "zeros", "randn", "load", "mse_loss", "dropout"}
    assert wanted <= drawn.keys()


def test_what_was_given_is_told():
    with pytest.raises(TypeError, match=r"sum: .* \(given None, dim=0\)"):
        mg.sum(None, dim=0)
    with pytest.raises(TypeError, match=r"zeros: .* \(given float32\[2\], 'x'\)"):
        mg.zeros(mg.ones(2), "x")
    with pytest.raises(TypeError, match=r"^reshape: a shape is made of ints"):
        mg.ones(2).reshape("a")


def test_missing_keys_are_named_too():
    def look(table):
        return table["a"]

    listing = {"look": look}
    door.name_errors(listing, listing)
    with pytest.raises(TypeError, match=r"^look: 'a' \(given \{'b': 1\}\)"):
        listing["look"]({"b": 1})


def test_the_listing_keeps_what_functions_are():
    assert mg.sub is mg.subtract
    assert mg.sum is mg.Tensor.sum is ops.sum
    assert mg.sum.__name__ == "sum"
    assert "dim" in str(inspect.signature(mg.sum))


def test_errors_of_a_users_own_function_stay_what_they_are():
    def broken(g):
        raise KeyError("mine")

    x = mg.ones(2, requires_grad=True)
    x.register_hook(broken)
    with pytest.raises(KeyError, match=r"^'mine'$"):
        mg.backward([x.sum()])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mg.where(x, 1.0, 2.0), "where: condition must be bools"),
        (lambda x: mg.where(x > 0, 1.0), "where: "),
        (lambda x: mg.Tensor(np.array([1j])), "Tensor: needs floats, ints or bools"),
        (lambda x: x + np.array([1j, 2j]), "add: operands are floats, ints and bools"),
        (lambda x: mg.clip(x, 1j), "clip: "),
        (lambda x: mg.randint(0.5, 2.7, (2,)), "randint: the limits must be ints, got 0.5 and 2.7"),
        (lambda x: mg.sum(x, dim=[]), "sum: dim names no axis"),
        (lambda x: x.mean(dim=()), "mean: dim names no axis"),
        (lambda x: mg.backward([]), "backward: needs at least one tensor"),
        (lambda x: mg.backward(x.sum(), np.int64), "backward: the gradient must be a tensor"),
        (lambda x: mg.backward("ab"), "backward: tensors must be tensors"),
        (lambda x: mg.grad([], [x]), "grad: needs at least one output"),
        (lambda x: mg.logical_or(x, None), "logical_or: needs two operands"),
        (
            lambda x: optim.Adam([x], lr=float("inf")),
            "Adam: lr must be finite and at least 0, got inf",
        ),
        (lambda x: optim.Adam([x], lr="x"), "Adam: lr must be a number, got 'x'"),
        (lambda x: optim.Adam([x], weight_decay=float("inf")), "Adam: weight_decay must be finite"),
        (lambda x: optim.Adam([x], betas=(0.9,)), "Adam: betas must be two numbers"),
        (lambda x: optim.Adam([x], betas=0.9), "Adam: betas must be two numbers"),
        (lambda x: optim.SGD([x], lr=0.1, momentum=float("inf")), "SGD: momentum must be finite"),
        (lambda x: nn.Conv2d(1, 1, 3, stride=0), "Conv2d: stride must be at least 1, got 0"),
        (lambda x: nn.Conv2d(1, 1, 0), "Conv2d: kernel_size must be at least 1, got 0"),
        (lambda x: nn.Conv2d(1, 1, (3, 0)), r"Conv2d: kernel_size must be at least 1, got \(3, 0"),
        (lambda x: nn.Conv2d(1, 1, 3, padding=-1), "Conv2d: padding must be at least 0, got -1"),
        (lambda x: nn.Conv2d(1, 1, 3, dilation=0), "Conv2d: dilation must be at least 1, got 0"),
        (lambda x: nn.Conv2d(1, None, 3), "Conv2d: out_channels must be an int, got None"),
        (lambda x: nn.ConvTranspose2d(0, 1, 3), "ConvTranspose2d: in_channels must be at least 1"),
        (lambda x: nn.BatchNorm1d(3, eps=float("nan")), "BatchNorm1d: eps must be finite and at"),
        (lambda x: nn.BatchNorm2d(3, eps=float("inf")), "BatchNorm2d: eps must be finite and at"),
        (lambda x: nn.BatchNorm1d(3, momentum=2.0), "BatchNorm1d: momentum must be from 0 to 1"),
        (lambda x: nn.BatchNorm1d("3"), "BatchNorm1d: num_features must be an int"),
        (lambda x: nn.LayerNorm(3, eps=-1.0), "LayerNorm: eps must be finite and at least 0"),
        (lambda x: nn.Linear(3, -1), "Linear: out_features must be at least 0, got -1"),
    ],
)
def test_what_was_taken_in_silence(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call(mg.ones(2, requires_grad=True))


@pytest.mark.parametrize("name", [n for n in F.__all__ if inspect.isfunction(getattr(F, n))])
def test_a_function_of_layers_names_itself(name: str) -> None:
    function = getattr(F, name)
    needed = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    with pytest.raises((TypeError, ValueError)) as error:
        function(*[None] * len(needed))
    assert names(error.value, function.__name__)
