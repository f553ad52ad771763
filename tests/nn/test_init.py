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


def test_without_inputs_a_bias_starts_at_0():
    layer = nn.Linear(0, 3)
    layer.bias.data.fill_(7.0)
    layer.reset_parameters()
    assert layer.bias.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.GRUCell, nn.LSTMCell])
def test_recurrent_weights_start_uniform_within_one_over_root_of_the_hidden_size(kind):
    for name, p in kind(200, 100).named_parameters():
        assert uniform_within(p, 0.1) if p.ndim > 1 else 0.09 < abs(p.array).max() <= 0.1, name


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
    assert init.calculate_gain("selu") == 3 / 4
    for linear in "linear sigmoid conv1d conv2d conv_transpose1d conv_transpose2d".split():
        assert init.calculate_gain(linear) == 1
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    with pytest.raises(ValueError, match="unknown nonlinearity 'gelu'"):
        init.calculate_gain("gelu")
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out'"):
        init.kaiming_normal_(w, mode="fan")
    with pytest.raises(ValueError, match="two dimensions"):
        init.xavier_normal_(mg.empty(3))


def test_normal_numbers_within_bounds():
    x = init.trunc_normal_(mg.empty(4000), 1.0, 2.0, -0.5, 1.5).numpy()
    assert x.min() >= -0.5 and x.max() <= 1.5
    assert abs(x.mean() - 0.53) < 0.05  # of the density exp(-(x - 1)² / 8) there
    with pytest.raises(ValueError, match=r"trunc_normal_: .* out of reach"):
        init.trunc_normal_(mg.empty(3), 100.0)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    x = init.orthogonal_(mg.empty(*shape, dtype=mg.float64), 2.0).numpy().reshape(shape[0], -1)
    small = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)
    with pytest.raises(ValueError, match="orthogonal_: needs two dimensions"):
        init.orthogonal_(mg.empty(3))


def test_the_identity():
    assert init.eye_(mg.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match="eye_: needs two dimensions"):
        init.eye_(mg.empty(3))


def test_it_writes_to_the_data_of_a_parameter():
    conv = nn.Conv2d(3, 8, 4)
    out = nn.Linear(2, 2)(mg.ones(1, 2))
    init.normal_(conv.weight.data, 0.0, 0.02)
    init.constant_(conv.bias.data, 0)
    assert conv.weight.array.std() < 0.03 and conv.bias.tolist() == [0] * 8
    assert out.requires_grad and conv.weight.is_leaf
