"""The first values of every layer's weights, and nn.init."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import init


def uniform_within(tensor, bound):
    """Whether a tensor looks uniform on ±bound: its range and its first two moments."""
    x = tensor.detach().numpy().ravel()
    sd = bound / math.sqrt(3)
    return (
        abs(x).max() <= bound
        and abs(x).max() > 0.99 * bound
        and abs(x.mean()) < 5 * sd / math.sqrt(x.size)
        and abs(x.var() / sd**2 - 1) < 5 * math.sqrt(0.8 / x.size)
    )


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(400, 300), 400),
        (nn.Conv2d(64, 128, 4), 64 * 16),
        (nn.Conv2d(64, 128, 4, groups=4), 16 * 16),
        (nn.ConvTranspose2d(64, 32, 4), 32 * 16),  # and not 64 · 16: see init
        (nn.ConvTranspose2d(64, 128, 4, groups=4), 32 * 16),
    ],
    ids=["linear", "conv", "grouped conv", "transposed", "grouped transposed"],
)
def test_weights_start_uniform_within_one_over_root_fan_in(layer, fan_in):
    mg.manual_seed(0)
    layer.reset_parameters()
    assert uniform_within(layer.weight, 1 / math.sqrt(fan_in))
    layer.bias = nn.Parameter(mg.zeros(100_000))  # enough of them to tell
    layer.reset_parameters()
    assert uniform_within(layer.bias, 1 / math.sqrt(fan_in))


def test_embeddings_start_standard_normal():
    x = nn.Embedding(500, 100).weight.detach().numpy()
    assert abs(x.mean()) < 5 / math.sqrt(x.size)
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / x.size)


def test_batch_norm_starts_as_the_identity():
    state = nn.BatchNorm2d(3).state_dict()
    found = {name: x.tolist() for name, x in state.items()}
    assert found == {
        "weight": [1, 1, 1], "bias": [0, 0, 0], "running_mean": [0, 0, 0],
        "running_var": [1, 1, 1], "num_batches_tracked": 0,
    }  # fmt: skip


def test_a_seed_gives_the_same_kernel_whatever_its_order_in_memory():
    mg.manual_seed(4)
    last = nn.Conv2d(3, 4, 2).weight
    mg.manual_seed(4)
    first = init.kaiming_uniform_(mg.empty(4, 3, 2, 2), a=math.sqrt(5))
    np.testing.assert_array_equal(last.array, first.array)


@pytest.mark.parametrize(
    ("fill", "sd", "shape"),
    [
        (lambda w: init.kaiming_uniform_(w, nonlinearity="relu"), math.sqrt(2 / 400), "uniform"),
        (lambda w: init.kaiming_normal_(w, 0.2), math.sqrt(2 / 1.04 / 400), "normal"),
        (lambda w: init.kaiming_normal_(w, mode="fan_out"), math.sqrt(2 / 300), "normal"),
        (lambda w: init.xavier_uniform_(w, 2.0), 2 * math.sqrt(2 / 700), "uniform"),
        (lambda w: init.xavier_normal_(w), math.sqrt(2 / 700), "normal"),
        (lambda w: init.normal_(w, 0.0, 0.02), 0.02, "normal"),
        (lambda w: init.uniform_(w, -1.0, 1.0), 1 / math.sqrt(3), "uniform"),
    ],
)
def test_distributions(fill, sd, shape):
    w = nn.Parameter(mg.empty(300, 400))
    assert fill(w) is w
    if shape == "uniform":
        assert uniform_within(w, sd * math.sqrt(3))
    else:
        x = w.detach().numpy()
        assert abs(x.var() / sd**2 - 1) < 5 * math.sqrt(2 / x.size)
        assert abs((x**4).mean() / sd**4 - 3) < 5 * math.sqrt(96 / x.size)  # kurtosis
    assert w.dtype == np.float32
    assert w.requires_grad and w.is_leaf


def test_constants_and_gains():
    w = nn.Parameter(mg.empty(2, 2))
    assert init.zeros_(w).tolist() == [[0, 0], [0, 0]]
    assert init.ones_(w).tolist() == [[1, 1], [1, 1]]
    assert init.constant_(w, 0.5).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    with pytest.raises(ValueError, match="unknown nonlinearity 'gelu'"):
        init.calculate_gain("gelu")
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out'"):
        init.kaiming_normal_(w, mode="fan")
    with pytest.raises(ValueError, match="two dimensions"):
        init.xavier_normal_(mg.empty(3))
