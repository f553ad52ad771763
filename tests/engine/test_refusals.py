"""Arguments that are refused, each by a line that says what was wrong with it."""

import re
from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.data import BatchSampler, RandomSampler, TensorDataset, WeightedRandomSampler
from minigrad.optim import lr_scheduler
from tests.leaves import leaf

X = mg.arange(6.0).reshape(2, 3)


def sgd() -> optim.SGD:
    return optim.SGD([leaf(1.0)], 0.1, momentum=0.9)


ONE = mg.tensor([0])
REFUSED: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    # ---- ops ----
    "repeat_interleave: [1, 2] do not fit 3 slices": (
        lambda: mg.repeat_interleave(X, mg.tensor([1, 2]), 1), ValueError),
    "repeat_interleave: [1, -1, 1] do not fit": (
        lambda: mg.repeat_interleave(X, mg.tensor([1, -1, 1]), 1), ValueError),
    "movedim: 0 and (0, 1) are not axes": (lambda: mg.movedim(X, 0, (0, 1)), ValueError),
    "movedim: (0, 0) and (0, 1) are not": (lambda: mg.movedim(X, (0, 0), (0, 1)), ValueError),
    "movedim: (0, 1) and (1, 1) are not": (lambda: mg.movedim(X, (0, 1), (1, 1)), ValueError),
    'meshgrid: indexing is "ij" or "xy"': (
        lambda: mg.meshgrid(X[0], X[1], indexing="ji"), ValueError),
    "index_select: index has one axis": (
        lambda: mg.index_select(X, 0, mg.tensor([[0]])), ValueError),
    "select: 2 is out of range for 2 places": (lambda: mg.select(X, 0, 2), IndexError),
    "select: -3 is out of range": (lambda: mg.select(X, 0, -3), IndexError),
    "scatter: src [1, 3] is smaller": (
        lambda: mg.scatter(X, 0, mg.tensor([[0], [0]]), X[:1]), ValueError),
    "masked_fill: needs one value": (lambda: mg.masked_fill(X, X > 0, X), ValueError),
    "outer: needs vectors, got [2, 3] and [3]": (lambda: mg.outer(X, X[0]), ValueError),
    "outer: needs vectors, got [3] and [2, 3]": (lambda: mg.outer(X[0], X), ValueError),
    "roll: without dims one shift, got (1, 2)": (lambda: mg.roll(X, (1, 2)), TypeError),
    "sum: dim must be an int or several, got 'a'": (lambda: mg.sum(X, "a"), TypeError),
    "sum: dim must be an int or several, got True": (lambda: mg.sum(X, True), TypeError),
    "split: needs an int or a list of ints, got 1.5": (lambda: mg.split(X, 1.5), TypeError),
    "var: unbiased is True or False, and excludes correction; got unbiased 1": (
        lambda: mg.var(X, 1, unbiased=1), TypeError),
    "std: unbiased is True or False, and excludes correction; got unbiased True, correction 1": (
        lambda: mg.std(X, 1, unbiased=True, correction=1), TypeError),
    "log_softmax: over which dim?": (lambda: mg.log_softmax(X), TypeError),
    "softmax: over which dim?": (lambda: mg.softmax(X), TypeError),
    "repeat_interleave: repeats must be a number >= 0, got -1": (
        lambda: mg.repeat_interleave(X, -1), TypeError),
    "repeat_interleave: repeats must be a number >= 0, got 1.5": (
        lambda: mg.repeat_interleave(X, 1.5), TypeError),
    "split: the size of the pieces must be positive, got 0": (lambda: mg.split(X, 0), ValueError),
    "masked_select: shapes [2, 3] and [2] do not broadcast": (
        lambda: mg.masked_select(X, mg.tensor([True, False])), ValueError),
    "clip: needs min, max or both": (lambda: mg.clip(X), TypeError),
    "grad: only_inputs=False is gone": (
        lambda: mg.grad(leaf(2.0), leaf(1.0), only_inputs=False), ValueError),
    "pad: needs pairs for at most 2 axes, got [1, 2, 3]": (
        lambda: nn.functional.pad(X, (1, 2, 3), "reflect"), ValueError),
    "pad: needs pairs for at most 2 axes, got [1, 1, 1, 1, 1, 1]": (
        lambda: nn.functional.pad(X, (1,) * 6, "circular"), ValueError),
    "reshape: [2, 3] (6 elements) does not fit into [4, -1]": (
        lambda: mg.reshape(X, 4, -1), ValueError),
    "reshape: [2, 3] (6 elements) does not fit into [-1, -1]": (
        lambda: mg.reshape(X, -1, -1), ValueError),
    "reshape: [2, 3] (6 elements) does not fit into [-2, 3]": (
        lambda: mg.reshape(X, -2, 3), ValueError),
    "masked_select: mask must be a tensor of bools": (lambda: mg.masked_select(X, X), TypeError),
    "repeat: [2, -1] are not numbers of times for [2, 3]": (
        lambda: X.repeat(2, -1), ValueError),
    "repeat: [2] are not numbers of times for [2, 3]": (lambda: X.repeat(2), ValueError),
    "narrow: 2 places from 2 on are not within 3": (lambda: mg.narrow(X, 1, 2, 2), IndexError),
    "einsum: 'j' in 'ij,jk' is both 3 and 2": (lambda: mg.einsum("ij,jk", X, X), ValueError),
    "index: uint8 may mean a mask or places": (
        lambda: X[mg.tensor([0, 1], dtype=mg.uint8)], IndexError),
    "var: takes (unbiased) or (dim, unbiased)": (lambda: mg.var(X, False, True), TypeError),
    "grad: takes True or False as its options": (
        lambda: mg.grad(leaf(2.0), [leaf(1.0)], None, ONE), TypeError),
    "zeros: tensors are made of numbers and bools, not of <U1": (
        lambda: mg.zeros(2, dtype="U1"), TypeError),
    "allow_tf32: allowed must be a bool, got 1": (lambda: mg.allow_tf32(1), TypeError),
    "gather: index must be a tensor of integers, got tensor([[0.": (
        lambda: mg.gather(X, 0, X), TypeError),
    "gather: index must be a tensor of integers, got [[0]]": (
        lambda: mg.gather(X, 0, [[0]]), TypeError),
    # ---- layers ----
    "classes must be integers, use target.long()": (
        lambda: nn.functional.mse_loss(mg.ones(2, 3, 4), mg.ones(2, 4)), ValueError),
    "max_pool2d: padding (1, 2) is more than half of the kernel_size (4, 2)": (
        lambda: nn.functional.max_pool2d(mg.ones(1, 8, 8), (4, 2), padding=(1, 2)), ValueError),
    "max_pool2d: padding (2, 1) is more than half of the kernel_size (2, 4)": (
        lambda: nn.functional.max_pool2d(mg.ones(1, 8, 8), (2, 4), padding=(2, 1)), ValueError),
    "OneCycleLR: needs total_steps, or epochs and steps_per_epoch": (
        lambda: lr_scheduler.OneCycleLR(sgd(), 0.1, epochs=2), ValueError),
    "OneCycleLR: needs total_steps, or epochs and": (
        lambda: lr_scheduler.OneCycleLR(sgd(), 0.1, steps_per_epoch=2), ValueError),
    "BatchSampler: sampler must give numbers of samples, got 3": (
        lambda: BatchSampler(3, 2, False), TypeError),
    "GRU: expected states (1, N, 4), got [1, 4]": (
        lambda: nn.GRU(3, 4)(mg.ones(5, 2, 3), mg.ones(1, 4)), ValueError),
    "GRU: expected states (1, 4), got [1, 2, 4]": (
        lambda: nn.GRU(3, 4)(mg.ones(5, 3), mg.ones(1, 2, 4)), ValueError),
    "GRU: expected states (1, N, 4), got []": (
        lambda: nn.GRU(3, 4)(mg.ones(5, 2, 3), mg.ones(())), ValueError),
    "batch_norm: running_var has shape [2], expected [3]": (
        lambda: nn.functional.batch_norm(X, mg.zeros(3), mg.ones(2)), ValueError),
    "batch_norm: input is float32 and running_var float64": (
        lambda: nn.functional.batch_norm(X, mg.zeros(3), mg.ones(3, dtype=mg.float64)), TypeError),
    "interpolate: mode 'nearest' does not fit an input [1, 1, 2, 2, 2]": (
        lambda: nn.functional.interpolate(mg.ones(1, 1, 2, 2, 2), 2), ValueError),
    "interpolate: mode 'nearest' does not fit an input [1, 2]": (
        lambda: nn.functional.interpolate(mg.ones(1, 2), 2), ValueError),
    "interpolate: from [0] to [2] there is nothing to resize": (
        lambda: nn.functional.interpolate(mg.ones(1, 1, 0), 2), ValueError),
    "interpolate: from [3, 0] to [2, 2] there is nothing to resize": (
        lambda: nn.functional.interpolate(mg.ones(1, 1, 3, 0), 2), ValueError),
    "adaptive_avg_pool2d: expected (N, C, H, W) or (C, H, W), got [2, 3]": (
        lambda: nn.functional.adaptive_avg_pool2d(X, 1), ValueError),
    "Dropout: p must be from 0 to 1, got -0.1": (lambda: nn.Dropout(-0.1), ValueError),
    "padding='same' needs stride 1": (lambda: nn.Conv2d(1, 1, 3, 2, "same"), ValueError),
    "conv2d: groups must be a positive int, got 1.5": (
        lambda: nn.functional.conv2d(mg.ones(1, 1, 2, 2), mg.ones(1, 1, 1, 1), groups=1.5),
        ValueError),
    "conv_transpose2d: groups must be a positive int, got 0": (
        lambda: nn.functional.conv_transpose2d(mg.ones(1, 1, 2, 2), mg.ones(1, 1, 1, 1), groups=0),
        ValueError),
    "Embedding: weight [3, 2] is not [2, 2]": (
        lambda: nn.Embedding(2, 2, _weight=mg.ones(3, 2)), ValueError),
    "Embedding: expected rows (V, D)": (
        lambda: nn.Embedding.from_pretrained(mg.ones(3)), ValueError),
    "instance_norm: without use_input_stats": (
        lambda: nn.functional.instance_norm(mg.ones(1, 1, 2), use_input_stats=False), ValueError),
    "instance_norm: without use_input_stats it needs": (
        lambda: nn.functional.instance_norm(mg.ones(1, 1, 2), mg.ones(1), use_input_stats=False),
        ValueError),
    "trunc_normal_: [-2.0, 2.0] is out of reach of mean 11.0": (
        lambda: nn.init.trunc_normal_(mg.empty(3), 11.0), ValueError),
    "trunc_normal_: [-2.0, 2.0] is out of reach of mean -11.0": (
        lambda: nn.init.trunc_normal_(mg.empty(3), -11.0), ValueError),
    "trunc_normal_: [2.0, 2.0] is out of reach of mean 2.0": (
        lambda: nn.init.trunc_normal_(mg.empty(3), 2.0, 1.0, 2.0, 2.0), ValueError),
    "spectral_norm: needs an iteration": (
        lambda: nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0), ValueError),
    "BatchNorm1d: eps must be a number": (lambda: nn.BatchNorm1d(2, eps="1"), TypeError),
    "cross_entropy: ignore_index is for classes": (
        lambda: nn.functional.cross_entropy(X, X, ignore_index=0), ValueError),
    "logical_and: needs two operands": (lambda: mg.logical_and(X, None), TypeError),
    "logical_xor: needs two operands": (lambda: mg.logical_xor(None, X), TypeError),
    # ---- data ----
    "no data set is called 'letters'": (lambda: data.load("letters"), ValueError),
    "glyphs has no split 'most'": (lambda: data.load("glyphs", "most"), ValueError),
    "load: limit must not be negative, got -1": (
        lambda: data.load("glyphs", limit=-1), ValueError),
    "load: seed must not be negative, got -1": (lambda: data.load("glyphs", seed=-1), ValueError),
    "TensorDataset needs at least one array": (lambda: TensorDataset(), ValueError),
    "ImageDataset: images must be uint8": (
        lambda: data.ImageDataset(np.zeros((2, 1, 1, 1)), np.zeros(2), "a", ()), ValueError),
    "ImageDataset: labels needs one number for each of 2": (
        lambda: data.ImageDataset(np.zeros((2, 1, 1, 1), np.uint8), np.zeros(3), "a", ()),
        ValueError),
    "DataLoader: seed must be at least 0": (lambda: data.DataLoader(X, seed=-1), ValueError),
    "RandomSampler: num_samples must be at least 0": (
        lambda: RandomSampler(range(3), num_samples=-1), ValueError),
    "WeightedRandomSampler: needs a row of finite": (
        lambda: WeightedRandomSampler([1, np.inf], 1), ValueError),
    "random_split: [4, -1] do not add up": (
        lambda: data.random_split(range(3), [4, -1]), ValueError),
    "random_split: fractions must add up to 1, got [1.5, -0.5]": (
        lambda: data.random_split(range(3), [1.5, -0.5]), ValueError),
    "BatchSampler: batch_size must be at least 1": (
        lambda: BatchSampler(range(3), 0, False), ValueError),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_wrong_is_refused_and_named(message: str) -> None:
    call, error = REFUSED[message]
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("change", [{"epoch": -1}, {"batches": -1}, {"batches": 3}])
def test_a_loader_goes_on_from_no_place_that_is_not_there(change: dict[str, int]) -> None:
    loader = data.DataLoader(TensorDataset(X[0], X[1]), 2)
    with pytest.raises(ValueError, match=r"load_state_dict: no such position"):
        loader.load_state_dict(loader.state_dict() | change)
    loader.load_state_dict(loader.state_dict() | {"batches": 2})
    with pytest.raises(ValueError, match="the state has batch_size 1, this loader has 2"):
        loader.load_state_dict(loader.state_dict() | {"batch_size": 1})


def test_what_is_just_within_is_taken() -> None:
    assert mg.select(X, 0, -2).tolist() == X[0].tolist()
    assert mg.repeat_interleave(X, mg.tensor([0, 2, 1]), 1).tolist() == [[1, 1, 2], [4, 4, 5]]
    assert mg.repeat_interleave(X, mg.tensor([2]), 0).shape == (4, 3)
    assert len(data.load("glyphs", limit=0)) == 0
    assert list(RandomSampler(range(3), num_samples=0)) == []
    assert "Dropout(p=1" in repr(nn.Dropout(1))
