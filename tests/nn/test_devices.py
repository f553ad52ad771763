"""nn and optim on CUDA, or its stand-in: the same numbers as on the CPU, in the same layout."""

import copy

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn
from minigrad.nn import init
from minigrad.serialization import load, save
from tests.devices import check_as_on_the_cpu
from tests.nn.layers import LAYERS
from tests.nn.test_functional import LOSSES
from tests.optim.configurations import CONFIGURATIONS


def host(x):
    return x.numpy(force=True)


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(host(a), host(b), tolerance, tolerance)


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_layers(gpu, make, shape, training):
    if training and make in (LAYERS["Dropout"][0], LAYERS["Dropout2d"][0]):
        pytest.skip("each device has random numbers of its own")
    here = make(dtype=np.float64).train(training)
    there = copy.deepcopy(here).to(gpu)
    assert all(x.device is gpu for x in there.state_dict().values())
    x = mg.randn(*shape, dtype=np.float64)
    g = mg.randn(*here(x).shape, dtype=np.float64)
    here.load_state_dict(there.state_dict())  # statistics as they were, from the other device
    results = []
    for layer, place in ((here, "cpu"), (there, gpu)):
        y = x.detach().to(place).requires_grad_()
        out = layer(y)
        out.backward(g.to(place))
        grads = [p.grad for p in layer.parameters()]
        results.append([out, y.grad, *grads, *layer.buffers()])
    for a, b in zip(*results, strict=True):
        assert b.device is gpu
        close(a, b)


def test_a_gradient_comes_back_to_where_its_leaf_is(gpu):
    x = mg.randn(3, requires_grad=True)
    (x.to(gpu) * 2).sum().backward()
    assert x.grad.device is x.device and x.grad.tolist() == [2, 2, 2]


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_a_layer_that_is_made_on_a_device_is_there(gpu, make, shape):
    try:
        layer = make(device=gpu)
    except TypeError:  # it has nothing to be anywhere
        return
    assert all(x.device is gpu for x in layer.state_dict().values())
    assert layer(mg.randn(*shape, device=gpu)).device is gpu


def test_kernels_stay_channels_last(gpu):
    conv = nn.Conv2d(3, 4, 2).to(gpu)
    made = nn.Conv2d(3, 4, 2, device=gpu)
    conv(mg.randn(2, 3, 5, 5, device=gpu)).sum().backward()
    for tensor in (conv.weight, conv.weight.grad, made.weight):
        assert tensor.array.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize(("f", "draw", "reference"), LOSSES.values(), ids=LOSSES)
def test_losses(gpu, f, draw, reference):
    check_as_on_the_cpu(f, [host(x) for x in draw()], gpu)


def test_classes(gpu):
    x, t = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 2, 1])
    check_as_on_the_cpu(F.cross_entropy, [x, t], gpu)
    check_as_on_the_cpu(F.nll_loss, [x, t], gpu)
    check_as_on_the_cpu(lambda w, t: F.embedding(t, w, 2), [x, t - 1 + (t == 0)], gpu)
    check_as_on_the_cpu(F.one_hot, [t], gpu)


def test_dropout_draws_where_the_tensor_is(gpu):
    x = mg.ones(50, 3, 4, 4, device=gpu).permute(0, 2, 3, 1)
    out = F.dropout(x, 0.25)
    assert out.device is gpu and out.dtype == np.float32
    assert set(np.unique(host(out))) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((host(out) == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2400)


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm, nn.utils.weight_norm])
def test_a_norm_of_weights_is_where_they_are(gpu, norm):
    layer = norm(nn.Linear(3, 2).to(gpu))
    assert layer(mg.ones(4, 3, device=gpu)).device is gpu
    assert {x.device for x in layer.state_dict().values()} == {gpu}


@pytest.mark.parametrize(("cls", "options"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimizers(gpu, cls, options, dtype):
    here = nn.Conv2d(3, 4, 2, dtype=dtype)
    there = copy.deepcopy(here).to(gpu)
    a, b = cls(here.parameters(), **options), cls(there.parameters(), **options)
    rng = np.random.default_rng(0)
    for _ in range(3):
        for p, q in zip(here.parameters(), there.parameters(), strict=True):
            p.grad = mg.tensor(rng.standard_normal(p.shape).astype(dtype))
            q.grad = p.grad.to(gpu)
        a.step()
        b.step()
    for p, q in zip(here.parameters(), there.parameters(), strict=True):
        assert q.device is gpu
        close(p, q, 1e-10 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize(("cls", "options"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_an_optimizer_follows_its_parameters_and_loads_across_devices(gpu, cls, options, tmp_path):
    net = nn.Linear(2, 1)
    weight = net.weight
    opt = cls(net.parameters(), **options)

    def step(place):
        net.to(place)
        opt.zero_grad()
        net(mg.ones(3, 2, device=place)).sum().backward()
        opt.step()

    for place in ("cpu", gpu, "cpu", gpu):
        step(place)
    assert net.weight is weight
    state = {"net": net.state_dict(), "opt": opt.state_dict()}
    save(state, tmp_path / "x.safetensors")
    for place in ("cpu", gpu):
        there = load(tmp_path / "x.safetensors", device=place)
        assert all(x.device.name == mg.device(place).name for x in there["net"].values())
        opt.load_state_dict(there["opt"])
        net.load_state_dict(there["net"])
        for values in opt.state.values():
            assert all(x.device is gpu for x in values.values() if isinstance(x, mg.Tensor))
        step(gpu)
    net.to("cpu")
    opt.load_state_dict(state["opt"])  # made on the GPU
    step("cpu")


def test_gradients_move_with_their_parameters(gpu):
    net = nn.Linear(2, 1)
    net(mg.ones(1, 2)).sum().backward()
    init.zeros_(net.to(gpu).weight)
    assert net.weight.grad.device is gpu
    assert net.cpu().weight.grad.tolist() == [[1, 1]]
