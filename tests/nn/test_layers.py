"""Every layer: what it computes, its gradients, its settings."""

import inspect
import math
import re

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn import init
from minigrad.tools.gradcheck import gradcheck, gradgradcheck
from tests.nn.layers import LAYERS

OTHERS = {
    *("Embedding", "ModuleDict", "ModuleList", "Module", "Parameter", "ParameterDict"),
    *("ParameterList", "functional", "init", "utils"),
}
LOSSES = {name for name in nn.__all__ if name.endswith("Loss")}
cases = pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)


def test_the_table_has_every_exported_layer():
    assert {re.split("[ ,]", name)[0] for name in LAYERS} | OTHERS | LOSSES == set(nn.__all__)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_runs_and_keeps_the_dtype(make, shape, dtype, training):
    layer = make(dtype=dtype).train(training)
    x = mg.randn(*shape, dtype=dtype, requires_grad=True)
    out = layer(x)
    assert out.dtype == dtype
    (out * mg.randn(*out.shape, dtype=dtype)).sum().backward()
    for tensor in (x, *layer.parameters()):
        assert tensor.grad.dtype == dtype
        assert np.isfinite(tensor.grad.array).all()
    for buffer in layer.buffers():
        assert buffer.dtype in (dtype, np.int64)


@cases
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_input_and_parameters(make, shape, training):
    layer = make(dtype=np.float64).train(training)
    params = list(layer.parameters())
    for p in params:
        init.normal_(p)
    for b in layer.buffers():  # other statistics than the batch's
        if b.dtype == np.float64:
            init.uniform_(b, 0.5, 2)

    def run(x, *params):
        mg.manual_seed(3)  # the same mask of a dropout each time
        return layer(x)

    x = mg.randn(*shape, dtype=np.float64)
    x = (x + 0.2 * x.sign()).requires_grad_()  # away from the kinks at 0
    how = {"atol": 1e-6, "rtol": 1e-5, "fast_mode": True}
    assert gradcheck(run, (x, *params), **how)
    assert gradgradcheck(run, (x, *params), **how)


@cases
def test_evaluation_changes_no_buffer(make, shape):
    layer = make().eval()
    before = {name: b.array.tobytes() for name, b in layer.named_buffers()}
    layer(mg.randn(*shape))
    assert {name: b.array.tobytes() for name, b in layer.named_buffers()} == before


@pytest.mark.parametrize("name", sorted(set(nn.__all__) - {"functional", "init", "utils"}))
def test_every_public_class_says_what_it_is(name):
    assert inspect.getdoc(getattr(nn, name))


# ---- activations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Softplus(), lambda x: np.logaddexp(0, x)),
        (nn.Softplus(3.0), lambda x: np.logaddexp(0, 3 * x) / 3),
        (nn.Softmax(0), lambda x: np.exp(x) / np.exp(x).sum(0)),
        (nn.LogSoftmax(-1), lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))),
        (nn.Identity(), lambda x: x),
        (nn.GELU(), lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2),
        (
            nn.GELU("tanh"),
            lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
        ),
        (nn.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
        (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (nn.Hardtanh(-0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7)),
        (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
        (nn.PReLU().double(), lambda x: np.where(x > 0, x, 0.25 * x)),
    ],
)
def test_activations(layer, reference):
    x = 3 * mg.randn(4, 5, dtype=mg.float64)
    np.testing.assert_allclose(layer(x).array, reference(x.numpy()), rtol=1e-12, atol=1e-14)


# ---- linear --------------------------------------------------------------------------------------


def test_linear():
    layer = nn.Linear(3, 2)
    x = mg.randn(2, 4, 3)
    np.testing.assert_allclose(
        layer(x).detach().numpy(),
        x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match=r"linear: .*\[4, 5\].*\[2, 3\]"):
        layer(mg.ones(4, 5))
    with pytest.raises(TypeError, match=r"linear: .*float64.*float32"):
        layer(mg.ones(4, 3, dtype=mg.float64))


def test_embedding_looks_up_rows_and_adds_up_their_gradients():
    layer = nn.Embedding(5, 2)
    out = layer(mg.tensor([[1, 3], [1, 1]]))
    assert out.shape == (2, 2, 2)
    np.testing.assert_array_equal(out.array[0, 1], layer.weight.array[3])
    out.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [0, 3, 0, 1, 0]


def test_embedding_pads():
    layer = nn.Embedding(4, 2, padding_idx=-1)
    assert layer.padding_idx == 3
    assert layer.weight[3].tolist() == [0, 0]
    layer(mg.tensor([3, 0, 3])).sum().backward()
    assert layer.weight.grad[:, 1].tolist() == [1, 0, 0, 0]
    with pytest.raises(ValueError, match="padding_idx 4"):
        nn.Embedding(4, 2, padding_idx=4)


def test_embedding_refuses_what_is_no_row():
    layer = nn.Embedding(4, 2)
    for wrong in ([4], [-1], [0, 7]):
        with pytest.raises(IndexError, match=r"embedding: indices must be in 0 \.\.\. 3"):
            layer(mg.tensor(wrong))
    with pytest.raises(TypeError, match="embedding: needs integers as indices, got float32"):
        layer(mg.tensor([1.0]))
    with pytest.raises(TypeError, match="an index must be a tensor, got list"):
        layer([1])


# ---- convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Conv2d(3, 8, 4, 2, 1), nn.ConvTranspose2d(3, 8, 4, 2, 1)])
def test_kernels_are_channels_last_in_memory_and_stay_so(layer):
    def is_last(array):
        return array.transpose(0, 2, 3, 1).flags.c_contiguous

    assert is_last(layer.weight.array)
    layer(mg.randn(2, 3, 8, 8)).sum().backward()
    assert is_last(layer.weight.grad.array)
    assert is_last(mg.no_grad()(init.normal_)(layer.weight).array)


def test_conv_transpose_is_the_adjoint_with_one_weight():
    conv = nn.Conv2d(2, 3, 3, 2, 1, dtype=mg.float64, bias=False)
    back = nn.ConvTranspose2d(3, 2, 3, 2, 1, dtype=mg.float64, bias=False)
    assert back.weight.shape == conv.weight.shape
    back.load_state_dict(conv.state_dict())
    x = mg.randn(2, 2, 6, 7, dtype=mg.float64)
    y = mg.randn(2, 3, 3, 4, dtype=mg.float64)
    left = (conv(x) * y).sum().item()
    right = (x * back(y, output_size=(6, 7))).sum().item()
    assert left == pytest.approx(right, rel=1e-12)


def test_conv_transpose_output_size_is_reachable_or_refused():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    x = mg.ones(1, 1, 3, 3)
    assert layer(x).shape == (1, 1, 7, 7)
    assert layer(x, output_size=(8, 7)).shape == (1, 1, 8, 7)
    for wrong in ((6, 7), (9, 7)):
        with pytest.raises(ValueError, match=r"output_size .* must be from \[7, 7\] to \[8, 8\]"):
            layer(x, output_size=wrong)


def test_wrong_images_and_settings_are_named():
    conv = nn.Conv2d(3, 8, 3)
    with pytest.raises(ValueError, match=r"conv2d: .*needs x with 3 channels"):
        conv(mg.ones(1, 2, 8, 8))
    with pytest.raises(ValueError, match="conv_transpose2d: expected x"):
        nn.ConvTranspose2d(3, 8, 3)(mg.ones(8, 8))
    with pytest.raises(ValueError, match=r"Conv2d: in_channels 3 .* groups 2"):
        nn.Conv2d(3, 8, 3, groups=2)
    with pytest.raises(ValueError, match="Conv2d: groups must be at least 1, got 0"):
        nn.Conv2d(3, 8, 3, groups=0)
    for wrong in ((3, 3, 3), "as before", 2.5):
        with pytest.raises((TypeError, ValueError), match="Conv2d: padding must be an int or a"):
            nn.Conv2d(3, 8, 3, padding=wrong)
        with pytest.raises((TypeError, ValueError), match="ConvTranspose2d: kernel_size must be"):
            nn.ConvTranspose2d(3, 8, wrong)


# ---- batch normalization -------------------------------------------------------------------------


def test_batch_norm_running_statistics_after_one_batch():
    norm = nn.BatchNorm1d(1)
    out = norm(mg.tensor([[0.0], [2.0], [4.0]]))
    np.testing.assert_allclose(out.array.ravel(), [-1.2247, 0, 1.2247], atol=1e-4)  # biased
    assert norm.running_mean.item() == pytest.approx(0.2)  # 0.9 · 0 + 0.1 · 2
    assert norm.running_var.item() == pytest.approx(1.3)  # 0.9 · 1 + 0.1 · 4: unbiased
    assert norm.num_batches_tracked.item() == 1


def test_batch_norm_evaluates_with_what_it_has_seen():
    norm = nn.BatchNorm2d(2)
    norm.load_state_dict(
        {
            "weight": mg.tensor([2.0, 1.0]),
            "bias": mg.tensor([1.0, 0.0]),
            "running_mean": mg.tensor([3.0, 0.0]),
            "running_var": mg.tensor([4.0, 1.0]),
            "num_batches_tracked": mg.tensor(7),
        }
    )
    norm.eval()
    out = norm(mg.full((1, 2, 1, 1), 5.0))
    np.testing.assert_allclose(out.array.ravel(), [3, 5], rtol=1e-5)  # a batch of one is fine
    assert norm.num_batches_tracked.item() == 7


def test_batch_norm_without_momentum_averages_all_batches_alike():
    norm = nn.BatchNorm1d(1, momentum=None)
    for values in ([0.0, 2.0], [10.0, 14.0], [1.0, 3.0]):
        norm(mg.tensor(values).reshape(2, 1))
    assert norm.running_mean.item() == pytest.approx((1 + 12 + 2) / 3)
    assert norm.running_var.item() == pytest.approx((2 + 8 + 2) / 3)


def test_batch_norm_without_statistics_uses_the_batch_in_evaluation_too():
    norm = nn.BatchNorm1d(2, track_running_stats=False).eval()
    assert list(norm.state_dict()) == ["weight", "bias"]
    out = norm(mg.randn(50, 2) * 3 + 4).detach().numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(out.var(0), 1, atol=1e-3)


def test_batch_norm_says_which_shape_it_wants():
    with pytest.raises(ValueError, match=r"BatchNorm2d: expected \(N, C, H, W\) with C = 3"):
        nn.BatchNorm2d(3)(mg.ones(2, 3))
    with pytest.raises(ValueError, match=r"BatchNorm1d: expected .*\(N, C, L\) with C = 3"):
        nn.BatchNorm1d(3)(mg.ones(2, 4))
    with pytest.raises(ValueError, match="more than one value per channel"):
        nn.BatchNorm1d(3)(mg.ones(1, 3))


# ---- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_a_share(p):
    x = mg.ones(200, 500)
    out = nn.Dropout(p)(x).numpy()
    n, dropped = out.size, (out == 0).mean()
    assert abs(dropped - p) < 5 * math.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(out[out != 0], 1 / (1 - p), rtol=1e-6)


def test_dropout_at_its_ends_and_in_evaluation():
    x = mg.randn(3, 4)
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(0.5).eval()(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="Dropout: p must be from 0 to 1"):
            nn.Dropout(wrong)
        with pytest.raises(ValueError, match="dropout: p must be from 0 to 1"):
            F.dropout(x, wrong)


def test_dropout_drops_half_of_a_copy_unless_told_otherwise():
    assert nn.Dropout().p == nn.Dropout2d().p == 0.5
    x = mg.ones(50, 20, 2, 2)
    for out in (nn.Dropout()(x), nn.Dropout2d()(x), F.dropout(x), F.dropout2d(x)):
        assert set(out.numpy().ravel()) == {0, 2}
    assert (x == 1).all()


def test_dropout_means_the_same_by_seed_in_any_memory_order():
    x = mg.ones(2, 3, 4, 5)
    last = mg.ones(2, 4, 5, 3).permute(0, 3, 1, 2)
    results = []
    for image in (x, last):
        mg.manual_seed(1)
        results.append(F.dropout(image))
    np.testing.assert_array_equal(results[0].array, results[1].array)
    assert results[1].array.strides == last.array.strides


# ---- shapes --------------------------------------------------------------------------------------


def test_flatten_and_unflatten_are_inverse():
    x = mg.randn(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    back = nn.Unflatten(-1, (3, -1, 5))(nn.Flatten()(x))
    np.testing.assert_array_equal(back.array, x.array)
    assert nn.Unflatten(2, (2, -1))(mg.ones(5, 3, 8)).shape == (5, 3, 2, 4)
    with pytest.raises(ValueError, match="reshape"):
        nn.Unflatten(1, (7, 7))(mg.ones(2, 48))
