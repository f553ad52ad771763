"""Generators, and what is drawn: bernoulli, normal, multinomial; dtypes by PyTorch's names."""

import numpy as np
import pytest

import minigrad as mg
from tests.devices import Device

DRAWS = {
    "rand": lambda place, **how: mg.rand(3, device=place, **how),
    "randn": lambda place, **how: mg.randn(size=(3,), device=place, **how),
    "randint": lambda place, **how: mg.randint(0, 100, (3,), device=place, **how),
    "randperm": lambda place, **how: mg.randperm(9, device=place, **how),
    "rand_like": lambda place, **how: mg.rand_like(mg.ones(3, device=place), **how),
    "randn_like": lambda place, **how: mg.randn_like(mg.ones(3, device=place), **how),
    "normal": lambda place, **how: mg.normal(1.0, 2.0, (3,), device=place, **how),
    "bernoulli": lambda place, **how: mg.bernoulli(mg.full((64,), 0.5, device=place), **how),
    "multinomial": lambda place, **how: mg.multinomial(mg.ones(99, device=place), 9, **how),
    "normal_": lambda place, **how: mg.zeros(3, device=place).normal_(1, 2, **how),
    "uniform_": lambda place, **how: mg.zeros(3, device=place).uniform_(1, 2, **how),
    "bernoulli_": lambda place, **how: mg.zeros(64, device=place).bernoulli_(**how),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_has_a_stream_of_its_own(name, device: Device):
    draw = DRAWS[name]
    generator = mg.Generator(device).manual_seed(5)
    mg.manual_seed(0)
    first = draw(device, generator=generator).tolist()
    state = generator.get_state()
    second = draw(device, generator=generator).tolist()
    assert first != second
    untouched = draw(device).tolist()
    mg.manual_seed(0)
    assert draw(device).tolist() == untouched
    assert draw(device, generator=generator.manual_seed(5)).tolist() == first
    assert draw(device, generator=generator.set_state(state)).tolist() == second
    assert generator.initial_seed() == 5


def test_a_generator_that_is_none():
    with pytest.raises(TypeError, match="generator"):
        mg.rand(2, generator=3)
    with pytest.raises(ValueError, match="seed"):
        mg.Generator().manual_seed(-1)


def frequencies(places, n):
    return np.bincount(places.reshape(-1).numpy(), minlength=n) / places.numel()


def test_multinomial_with_replacement():
    weights = mg.tensor([[1.0, 0.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    drawn = mg.multinomial(weights, 40_000, replacement=True)
    assert (drawn.shape, drawn.dtype) == ((2, 40_000), mg.int64)
    error = 5 * (0.25 / 40_000) ** 0.5
    assert abs(frequencies(drawn[0], 4) - [0.25, 0, 0.75, 0]).max() < error
    assert frequencies(drawn[0], 4)[[1, 3]].tolist() == [0, 0]
    assert abs(frequencies(drawn[1], 4) - 0.25).max() < error


def test_multinomial_without_replacement():
    weights = mg.tensor([1.0, 2.0, 0.0, 1.0]).expand(20_000, 4)
    drawn = mg.multinomial(weights, 3)
    assert mg.sort(drawn, 1).values.tolist() == [[0, 1, 3]] * 20_000
    error = 5 * (0.25 / 20_000) ** 0.5
    assert abs(frequencies(drawn[:, 0], 4) - [0.25, 0.5, 0, 0.25]).max() < error
    after_1 = frequencies(drawn[drawn[:, 0] == 1][:, 1], 4)
    assert abs(after_1 - [0.5, 0, 0, 0.5]).max() < 2 * error


@pytest.mark.parametrize(
    ("weights", "n"), [([1.0, 0.0], 2), ([-1.0, 2.0], 1), ([float("nan"), 1.0], 1), ([1.0], 0)]
)
def test_multinomial_of_what_are_no_weights(weights, n):
    with pytest.raises(ValueError, match="multinomial"):
        mg.multinomial(mg.tensor(weights), n)


def test_bernoulli_and_normal():
    p = mg.tensor([0.0, 0.2, 1.0], dtype=mg.float64).expand(20_000, 3)
    drawn = mg.bernoulli(p)
    assert drawn.dtype == mg.float64
    assert abs(drawn.mean(0).numpy() - [0, 0.2, 1]).max() < 5 * (0.16 / 20_000) ** 0.5
    assert mg.bernoulli(mg.ones(3), 0.0).tolist() == [0, 0, 0]
    for wrong in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match="bernoulli"):
            mg.bernoulli(mg.tensor([wrong]))
    x = mg.normal(mg.tensor([0.0, 100.0]).expand(20_000, 2), mg.tensor([1.0, 10.0]))
    assert abs(x.mean(0).numpy() - [0, 100]).max() < 5 * 10 / 20_000**0.5
    assert abs(x.std(0).numpy() / [1, 10] - 1).max() < 5 / 40_000**0.5
    with pytest.raises(TypeError, match="size"):
        mg.normal(0.0, 1.0)


def test_dtypes_have_pytorchs_names():
    assert (mg.float, mg.double, mg.half, mg.long) == ("float32", "float64", "float16", "int64")
    assert (mg.int, mg.short, mg.int8, mg.uint8, mg.bool) == ("i4", "i2", "i1", "u1", "?")
    assert mg.finfo(mg.float).eps == 2.0**-23
    assert mg.zeros(2, dtype=mg.half).dtype == mg.float16


def test_tensor_types():
    assert mg.FloatTensor(2, 3).shape == (2, 3)
    assert mg.FloatTensor(np.ones(2)).dtype == mg.float32
    assert mg.LongTensor([1, 2]).tolist() == [1, 2]
    x = mg.tensor([1.5, 0.0])
    assert x.type() == "minigrad.FloatTensor"
    assert x.type(mg.LongTensor).type() == "minigrad.LongTensor"
    assert x.type("torch.DoubleTensor").dtype == x.type(mg.double).dtype == mg.float64
    assert x.type_as(mg.tensor([True])).tolist() == [True, False]
    assert x.half().dtype == mg.float16
    assert x.int().dtype == mg.int32


def test_tensors_made_after_another(device: Device):
    x = mg.ones(2, dtype=mg.float64, device=device)
    for y, elements in (
        (x.new_zeros(2, 1), [[0], [0]]),
        (x.new_ones((2,)), [1, 1]),
        (x.new_full((2,), 3), [3, 3]),
        (x.new_tensor([1, 2]), [1, 2]),
    ):
        assert (y.tolist(), y.dtype, y.device) == (elements, mg.float64, device)
    assert x.new_empty(3, dtype=mg.int64, requires_grad=False).dtype == mg.int64
    assert x.new_zeros(1, requires_grad=True).requires_grad
    assert mg.empty_like(x).shape == mg.zeros_like(x, device="cpu").shape == (2,)


def test_changes_in_place_have_pytorchs_names():
    x = mg.tensor([1.0, 2.0, 3.0])
    x.add_(1, alpha=2).sub_(mg.tensor([1.0, 2.0, 3.0])).mul_(2).div_(4).pow_(2)
    assert x.tolist() == [1, 1, 1]
    x.masked_fill_(mg.tensor([True, False, True]), -4.0).abs_().sqrt_()
    assert x.tolist() == [2, 1, 2]
    x.scatter_(0, mg.tensor([1]), 5.0).lerp_(mg.zeros(3), 0.5).clamp_(max=2)
    assert x.tolist() == [1, 2, 1]
    x.addcmul_(x, x, value=2).addcdiv_(x, x).neg_()
    assert x.tolist() == [-4, -11, -4]
    assert mg.zeros(2, 3).scatter_(1, mg.tensor([[2], [0]]), 1).tolist() == [[0, 0, 1], [1, 0, 0]]
