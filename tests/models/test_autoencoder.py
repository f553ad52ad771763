"""Autoencoders: shapes, the loss and its gradients, the linear one's minimum, classifiers."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.tools.gradcheck import gradcheck
from models.autoencoder import (
    ARCHITECTURES,
    Autoencoder,
    classifier,
    conv_autoencoder,
    deep_autoencoder,
    linear_autoencoder,
)
from models.measures.linear import pca, principal_angles
from models.model import Learner

SHAPE = (2, 4, 8)


def small(kind: str, **how) -> Autoencoder:
    """One of each kind on images of two colours, 4x8, in float64."""
    if kind == "deep":
        return deep_autoencoder(SHAPE, 3, (16, 12), **how).double()
    if kind == "conv":
        return conv_autoencoder(SHAPE, 3, (4, 6), **how).double()
    return ARCHITECTURES[kind](SHAPE, 3, **how).double()


def images(n: int = 4) -> mg.Tensor:
    return mg.rand(n, *SHAPE, dtype=mg.float64)


# ---- the networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_shapes(kind):
    model, x = small(kind), images()
    z = model.encode(x)
    assert (model.code, z.shape, model.decode(z).shape) == (3, (4, 3), (4, *SHAPE))
    assert np.array_equal(model.reconstruct(x).numpy(), model.decode(z).numpy())
    assert not z.requires_grad and not model.reconstruct(x).requires_grad
    assert model.loss(x).shape == ()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_float32_stays_float32(kind):
    model = ARCHITECTURES[kind](SHAPE, 3, noise=0.5)
    loss = model.loss(images().float())
    loss.backward()
    assert {loss.dtype, *(p.grad.dtype for p in model.parameters())} == {mg.float32}


def sizes(model: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight")]


def test_the_defaults_are_those_of_the_page():
    """784-512-256-32 and back; the convolutional one has fewer parameters."""
    deep, conv = deep_autoencoder(), conv_autoencoder()
    down = [(512, 784), (256, 512), (32, 256)]
    assert sizes(deep) == [*down, *(size[::-1] for size in down[::-1])]
    count = {m: sum(p.numel() for p in m.parameters()) for m in (deep, conv)}
    assert count[conv] < count[deep] / 3
    assert sizes(linear_autoencoder()) == [(32, 784), (784, 32)]


def test_the_linear_one_is_affine_and_the_sigmoids_codes_are_between_0_and_1():
    x, y = images(1), images(1)
    model = small("linear")
    middle = model.reconstruct((x + y) / 2).numpy()
    ends = (model.reconstruct(x) + model.reconstruct(y)).numpy() / 2
    assert np.allclose(middle, ends, rtol=1e-12)
    z = small("sigmoid").encode(100 * images(50)).numpy()
    assert 0 <= z.min() < 0.2 and 0.8 < z.max() <= 1


def test_deep_without_hidden_layers_is_linear():
    deep = deep_autoencoder(SHAPE, 3, ())
    assert sizes(deep)[0] == (3, 64)
    x, y = images(2).float().chunk(2)
    z = deep.encode((x + y) / 2).numpy()
    assert np.allclose(z, (deep.encode(x) + deep.encode(y)).numpy() / 2, atol=1e-6)


def test_the_codes_of_deep_ones_are_not_rectified():
    for kind in ("deep", "conv"):
        assert small(kind).encode(images(50) * 10).numpy().min() < 0


# ---- the loss ------------------------------------------------------------------------------------


def test_the_loss_is_summed_over_pixels_and_averaged_over_the_batch():
    model, x = small("deep"), images()
    squares = (model.reconstruct(x).numpy() - x.numpy()) ** 2
    assert model.loss(x).item() == pytest.approx(squares.sum() / 4)
    alone = np.mean([model.loss(one).item() for one in x.split(1)])
    assert model.loss(x).item() == pytest.approx(alone)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_gradients_are_those_of_differences(kind):
    model, x = small(kind, noise=0.3), images(2)
    eps = mg.randn(2, *SHAPE, dtype=mg.float64)
    parameters = list(model.parameters())
    assert gradcheck(lambda *_: model.loss(x, eps), parameters, fast_mode=True)
    assert all(g.numpy().any() for g in mg.grad(model.loss(x, eps), parameters))


def test_a_step_goes_down_the_gradient_of_this_batch():
    model = small("deep")
    learner = Learner(model, optim.SGD(model.parameters(), lr=1e-3))
    learner.train_step(images())  # whose gradients must not be left over
    before = [p.numpy(force=True).copy() for p in model.parameters()]
    x = images()
    expected = model.loss(x)
    gradients = mg.grad(expected, list(model.parameters()))
    loss = learner.train_step(x)["loss"]
    assert loss.item() == expected.item() and not loss.requires_grad
    for p, old, g in zip(model.parameters(), before, gradients, strict=True):
        assert np.allclose(p.numpy(force=True), old - 1e-3 * g.numpy(), atol=1e-15)
    assert model.loss(x).item() < loss.item()


# ---- the linear one's minimum --------------------------------------------------------------------


def cloud(n: int = 60, d: int = 8) -> np.ndarray:
    """Points near a plane of two dimensions, away from 0."""
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((n, 2)) @ rng.standard_normal((2, d))
    return plane + 0.3 * rng.standard_normal((n, d)) + 1


def test_the_linear_one_finds_the_plane_of_pca():
    points = cloud()
    exact = pca(points, 2)
    x = mg.tensor(points.reshape(-1, 1, 2, 4))
    model = linear_autoencoder((1, 2, 4), 2).double()
    learner = Learner(model, optim.Adam(model.parameters(), lr=0.1))
    for _ in range(300):
        loss = learner.train_step(x)["loss"].item()
    best = exact.variances[2:].sum()
    assert best <= loss <= 1.0001 * best
    drawn = next(model.decoder.parameters()).numpy(force=True)
    assert principal_angles(drawn, exact.components.T)[-1] < 0.5


def test_pcas_weights_are_a_minimum_of_the_linear_one():
    """At them the loss is PCA's error, and the gradient is 0."""
    points = cloud()
    exact = pca(points, 2)
    model = linear_autoencoder((1, 2, 4), 2).double()
    weights = {
        "encoder.code.weight": exact.components,
        "encoder.code.bias": -exact.components @ exact.mean,
        "decoder.0.weight": exact.components.T,
        "decoder.0.bias": exact.mean,
    }
    model.load_state_dict({name: mg.tensor(values) for name, values in weights.items()})
    loss = model.loss(mg.tensor(points.reshape(-1, 1, 2, 4)))
    assert loss.item() == pytest.approx(8 * exact.error(points))
    loss.backward()
    for parameter in model.parameters():
        assert np.abs(parameter.grad.numpy()).max() < 1e-10


# ---- noise ---------------------------------------------------------------------------------------


def test_the_encoder_sees_noise_and_the_target_has_none():
    model, x = small("deep", noise=0.5), images()
    eps = mg.randn(*x.shape, dtype=x.dtype)
    recon = model.decode(model.encode(x + 0.5 * eps))
    expected = ((recon - x).numpy() ** 2).sum() / len(x)
    assert model.loss(x, eps).item() == pytest.approx(expected)
    mg.manual_seed(5)
    drawn = model.loss(x).item()
    mg.manual_seed(5)
    assert model.loss(x, mg.randn_like(x)).item() == drawn
    assert model.loss(x).item() != drawn


def test_the_noise_has_its_standard_deviation():
    model, x = small("linear", noise=0.5), images(500)
    added = (model.noisy(x) - x).numpy()
    assert added.std() == pytest.approx(0.5, rel=0.02)
    assert abs(added.mean()) < 0.01


def test_without_noise_nothing_is_drawn():
    model, x = small("linear"), images()
    before = mg.get_rng_state()
    assert model.noisy(x) is x
    model.loss(x)
    assert np.array_equal(mg.get_rng_state(), before)


@pytest.mark.parametrize("noise", [-0.1, math.nan])
def test_noise_must_not_be_negative(noise):
    with pytest.raises(ValueError, match=f"noise must not be negative, got {noise}"):
        linear_autoencoder(noise=noise)


# ---- the beginning of a classifier ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_classifier_begins_with_the_features_of_the_encoder(kind):
    model, x = small(kind), images()
    network = classifier(model, 10)
    assert network(x).shape == (4, 10)
    assert network(x).dtype == mg.float64
    features = model.encoder.body(x).numpy(force=True)
    assert np.array_equal(network[0](x).numpy(force=True), features)
    assert network[1].weight.shape == (10, features.shape[1])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_classifier_on_the_code_has_the_whole_encoder(kind):
    model, x = small(kind), images()
    network = classifier(model, 10, on_code=True)
    codes = model.encoder(x).numpy(force=True)
    assert np.array_equal(network[0](x).numpy(force=True), codes)
    assert network(x).shape == (4, 10)
    assert network[1].weight.shape == (10, codes.shape[1])


def test_training_a_classifier_leaves_the_autoencoder_alone():
    model = small("deep")
    network = classifier(model, 10)
    with mg.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(p.numpy(force=True).any() for p in model.parameters())


# ---- errors --------------------------------------------------------------------------------------


def test_convolutions_need_sizes_in_multiples_of_4():
    with pytest.raises(ValueError, match=r"multiples of 4, got \(1, 28, 30\)"):
        conv_autoencoder((1, 28, 30))
