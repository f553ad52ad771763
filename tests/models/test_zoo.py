"""The zoo's smaller ideas: f-divergences, spectral norms, unrolling, and D that sees several."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn.utils.parametrizations import spectral_norm
from minigrad.nn.utils.stateless import functional_call
from models.adversarial import frozen
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.measures.distances import Mixture, Normal, closest_normal, f_divergence
from models.objectives import OBJECTIVES
from models.zoo.fgan import DIVERGENCES, f_gan
from models.zoo.improved import FeatureMatching, MinibatchDiscrimination, Packed
from models.zoo.spectral import spectrally_normalized
from models.zoo.unrolled import UnrolledGAN
from tests.models.games import numeric_gradient, trace

EVERY = pytest.mark.parametrize("name", DIVERGENCES)


def game(kind=GAN, hidden=(6, 6), **how) -> GAN:
    networks = MLPGenerator(2, hidden, (2,)), MLPDiscriminator((2,), hidden)
    adams = (optim.Adam(n.parameters(), 1e-2) for n in networks)
    return kind(*networks, *adams, noise=2, **how)


# ---- f-GAN ---------------------------------------------------------------------------------------


@EVERY
@given(v=st.floats(-3, 3))
def test_the_conjugate_is_the_largest_distance_of_f_below_a_line(name, v):
    found = DIVERGENCES[name]
    u = mg.tensor(np.geomspace(1e-4, 1e4, 4_001))
    score = mg.tensor(v, dtype=mg.float64)
    t = found.activation(score).item()
    largest = (u.numpy() * t - found.f(u).numpy()).max()
    assert found.conjugate(score).item() == pytest.approx(largest, abs=5e-3)


@EVERY
@given(ratio=st.floats(0.1, 8))
def test_the_best_discriminators_bound_is_the_divergence(name, ratio):
    """sup_v r g(v) - f*(g(v)) = f(r) for each ratio of densities."""
    found, v = f_gan(name), mg.tensor(np.linspace(-6, 12, 3_601))
    bound = -(ratio * found.real(v) + found.fake(v)).numpy().min()
    exact = DIVERGENCES[name].f(mg.tensor(ratio, dtype=mg.float64)).item()
    assert bound == pytest.approx(exact, abs=1e-3)


@EVERY
def test_equal_distributions_have_no_divergence(name):
    x = np.linspace(-8, 8, 801)
    p = Normal(0.3, 1.1).density(x)
    f = DIVERGENCES[name].f
    assert f_divergence(f, p, p, x) == pytest.approx(0, abs=1e-12)
    assert f_divergence(f, p, Normal(0, 1).density(x), x) > 1e-3


def test_divergences_are_those_of_the_formulas():
    """Of two Gaussians KL, by (s^2 + m^2 - 1) / 2 - log s, and Hellinger, in closed form."""
    x = np.linspace(-15, 15, 6001)
    p, q = Normal(0.5, 0.8), Normal(0.0, 1.0)
    kl = (0.8**2 + 0.5**2 - 1) / 2 - math.log(0.8)
    affinity = math.sqrt(2 * 0.8 / (1 + 0.8**2)) * math.exp(-(0.5**2) / (4 * (1 + 0.8**2)))
    densities = p.density(x), q.density(x)
    measured = {name: f_divergence(d.f, *densities, x) for name, d in DIVERGENCES.items()}
    assert measured["KL"] == pytest.approx(kl, abs=1e-6)
    assert measured["squared Hellinger"] == pytest.approx(2 - 2 * affinity, abs=1e-6)
    back = f_divergence(DIVERGENCES["reverse KL"].f, *densities[::-1], x)
    assert back == pytest.approx(kl, abs=1e-6)


def test_kl_fits_moments_and_every_divergence_a_gaussian():
    x = np.linspace(-7, 8, 601)
    data = Mixture((0.6, 0.4), (Normal(-1, 0.6), Normal(2, 0.6)))
    found = closest_normal(DIVERGENCES["KL"].f, data, x)
    assert found == pytest.approx((0.2, math.sqrt(0.6**2 + 0.24 * 9)), abs=1e-3)
    alone = Mixture((1.0,), (Normal(0.7, 1.3),))
    for name in ("KL", "reverse KL"):
        assert closest_normal(DIVERGENCES[name].f, alone, x) == pytest.approx((0.7, 1.3), abs=1e-3)
    points = data.draw(50_000, np.random.default_rng(0))
    assert points.dtype == np.float32
    assert (points.mean(), points.std()) == pytest.approx(found, abs=0.02)


def test_an_unknown_divergence_is_named():
    with pytest.raises(ValueError, match="unknown divergence 'pearson'; expected one of KL"):
        f_gan("pearson")


# ---- SNGAN ---------------------------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda: nn.Linear(5, 3), lambda w: w, (2, 5)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3), lambda w: w.reshape(3, -1), (2, 2, 4, 4)),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(2, 3, 3),
        lambda w: w.transpose(1, 0, 2, 3).reshape(3, -1),
        (2, 2, 4, 4),
    ),
}


def moved_on(layer, shape, steps=60):
    for _ in range(steps):
        layer(mg.ones(*shape, dtype=layer.bias.dtype if hasattr(layer, "bias") else None))
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_the_largest_singular_value_becomes_1(name):
    make, matrix, shape = LAYERS[name]
    layer = make()
    weight = matrix(layer.weight.numpy(force=True)).copy()
    moved_on(spectral_norm(layer), shape)
    largest = np.linalg.svd(weight, compute_uv=False)[0]
    got = matrix(layer.weight.numpy(force=True))
    np.testing.assert_allclose(got, weight / largest, 1e-3, 1e-4)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["bias", "parametrizations.weight.original"]


def test_the_gradient_is_that_of_a_weight_over_its_singular_value():
    layer = moved_on(spectral_norm(nn.Linear(4, 3).double()), (1, 4), 300)
    x, c = mg.randn(2, 4, dtype=mg.float64), mg.randn(2, 3, dtype=mg.float64)
    layer.eval()
    (layer(x) * c).sum().backward()
    original = layer.parametrizations["weight"].original
    bias = layer.bias.numpy(force=True)

    def value():
        w = original.numpy(force=True)
        y = x.numpy() @ (w / np.linalg.svd(w, compute_uv=False)[0]).T + bias
        return (y * c.numpy()).sum()

    np.testing.assert_allclose(original.grad.numpy(), numeric_gradient(value, original), 1e-5, 1e-7)


def test_evaluation_does_not_move_the_vectors_nor_does_a_frozen_forward():
    layer = spectral_norm(nn.Linear(6, 5))
    bits = lambda: [b.numpy().tobytes() for b in layer.buffers()]
    before = bits()
    layer.eval()(mg.ones(1, 6))
    assert bits() == before
    with frozen(layer.train()):
        layer(mg.ones(1, 6))
    assert bits() == before
    layer(mg.ones(1, 6))
    assert bits() != before


def test_a_whole_discriminator_is_normalized_and_goes_on_from_its_state():
    d = spectrally_normalized(MLPDiscriminator((2,), (8, 8)))
    names = [name for name, _ in d.named_parameters() if name.endswith("original")]
    assert names == [f"layers.{i}.parametrizations.weight.original" for i in (0, 2, 4)]
    moved_on(d, (3, 2))
    for layer in d.layers[::2]:
        largest = np.linalg.svd(layer.weight.numpy(force=True), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=0.01)
    other = spectrally_normalized(MLPDiscriminator((2,), (8, 8)))
    other.load_state_dict(d.state_dict())
    x = mg.randn(3, 2)
    for _ in range(2):  # the second goes by the vectors that the first has moved
        np.testing.assert_array_equal(other(x).numpy(force=True), d(x).numpy(force=True))


def test_what_spectral_norm_refuses():
    with pytest.raises(ValueError, match="needs an iteration or more, got 0"):
        spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
    with pytest.raises(ValueError, match="'bias' of this Linear is no matrix"):
        spectral_norm(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="has no parameter 'scale'"):
        spectral_norm(nn.Linear(2, 2), "scale")


# ---- unrolled GAN --------------------------------------------------------------------------------


def smooth() -> nn.Module:
    """A discriminator without kinks, whose gradients can be compared with differences."""
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)).double()


def test_the_generators_gradient_goes_through_the_discriminators_steps():
    gan = game(UnrolledGAN, unroll=3, eta=0.7)
    gan.generator = nn.Linear(2, 2).double()
    gan.discriminator = smooth()
    x, z = mg.randn(5, 2, dtype=mg.float64), mg.randn(5, 2, dtype=mg.float64)
    gan.draw_noise = lambda n: z
    gan.g_optimizer.step = gan.d_optimizer.step = lambda: None
    gan.train_step(x)
    start = copy.deepcopy(gan.discriminator)

    def loss():
        """Three steps of a discriminator of its own, and the generator's loss then."""
        d = copy.deepcopy(start)
        for _ in range(3):
            with mg.no_grad():
                samples = gan.generator(z)
            loss, *_ = gan.objective.discriminator_loss(d, x, samples)
            slopes = mg.grad(loss, list(d.parameters()))
            with mg.no_grad():
                for parameter, slope in zip(d.parameters(), slopes, strict=True):
                    parameter.add_(slope, alpha=-0.7)
        return gan.objective.generator_loss(d, gan.generator(z)).item()

    for parameter in gan.generator.parameters():
        expected = numeric_gradient(loss, parameter)
        np.testing.assert_allclose(parameter.grad.numpy(), expected, 1e-6, 1e-9)


def test_without_steps_it_is_a_gan_and_the_discriminator_keeps_its_own_weights():
    found = []
    for kind, how in ((GAN, {}), (UnrolledGAN, {"unroll": 0})):
        mg.manual_seed(4)
        gan = game(kind, **how)
        losses = gan.train_step(mg.randn(6, 2))
        found.append([v.item() for v in losses.values()] + list(trace(gan.generator).values()))
    assert found[0] == found[1]
    gan = game(UnrolledGAN, unroll=2)
    gan.discriminator_step = lambda x: (mg.zeros(()),) * 3
    before = trace(gan.discriminator)
    gan.train_step(mg.randn(6, 2))
    assert trace(gan.discriminator) == before
    with pytest.raises(ValueError, match="unroll must not be negative, got -1"):
        game(UnrolledGAN, unroll=-1)


def test_a_module_is_called_with_other_weights_and_has_its_own_again():
    layer, x = nn.Linear(2, 2), mg.randn(3, 2)
    weight = layer.weight * 2
    y = functional_call(layer, {"weight": weight}, x)
    expected = x.numpy() @ weight.numpy(force=True).T + layer.bias.numpy(force=True)
    np.testing.assert_allclose(y.numpy(force=True), expected, 1e-5, 1e-6)
    y.sum().backward()
    assert layer.weight.grad is not None and isinstance(layer.weight, nn.Parameter)
    before = layer.weight
    with pytest.raises(KeyError, match="Linear has no tensor 'scale'"):
        functional_call(layer, {"weight": weight, "scale": weight}, (x,))
    assert layer.weight is before


def test_a_module_is_called_with_what_it_is_given_by_name():
    class Scaled(nn.Linear):
        def forward(self, x, by=1.0):
            return super().forward(x) * by

    layer, x = Scaled(2, 2), mg.randn(3, 2)
    y = functional_call(layer, {}, x, {"by": 3.0})
    np.testing.assert_allclose(y.numpy(force=True), 3 * layer(x).numpy(force=True), 1e-6)


# ---- several samples at once ---------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5])
def test_minibatch_discrimination_is_the_papers_formula(n):
    layer, f = MinibatchDiscrimination(4, 3, 2).double(), mg.randn(n, 4, dtype=mg.float64)
    m = (f.numpy() @ layer.project.weight.numpy(force=True).T).reshape(n, 3, 2)
    near = np.exp(-np.abs(m[:, None] - m[None]).sum(3)).sum(1)
    got = layer(f).numpy(force=True)
    np.testing.assert_allclose(got, np.concatenate([f.numpy(), near], 1), rtol=1e-10)
    alike = layer(f[:1].expand(n, 4)).numpy(force=True)[:, 4:]
    np.testing.assert_allclose(alike, n)


def test_packs_are_of_samples_side_by_side():
    seen = []
    packed = Packed(nn.Sequential(nn.Flatten(), nn.Linear(6, 1), nn.Flatten(0)), 3)
    forward = packed.discriminator.forward
    packed.discriminator.forward = lambda x: seen.append(x) or forward(x)
    x = mg.randn(6, 2)
    assert packed(x).shape == (2,)
    np.testing.assert_array_equal(seen[0].numpy(), x.numpy().reshape(2, 6))
    images = Packed(nn.Sequential(nn.Conv2d(4, 1, 2), nn.Flatten()), 2)
    assert images(mg.randn(4, 2, 2, 2)).shape == (2, 1)


def test_a_generator_can_match_mean_features():
    gan, x = game(FeatureMatching), mg.randn(6, 2)
    gan.discriminator_step = lambda x: (mg.zeros(()),) * 3
    z = mg.randn(6, 2)
    gan.draw_noise = lambda n: z
    before = trace(gan.discriminator), trace(gan.generator)
    features = lambda v: gan.discriminator.features(v).mean(0).numpy(force=True)
    expected = ((features(x) - features(gan.generator(z))) ** 2).sum()
    loss = gan.train_step(x)["g"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert trace(gan.discriminator) == before[0] and trace(gan.generator) != before[1]
    d, score = gan.discriminator, gan.discriminator.layers[-1]
    np.testing.assert_array_equal(
        score(d.features(x)).squeeze(1).numpy(force=True), d(x).numpy(force=True)
    )


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("kind", [UnrolledGAN, FeatureMatching])
def test_both_players_move(kind, ema):
    gan = game(kind, objective=OBJECTIVES["non-saturating"], ema=ema)
    parts = gan.generator, gan.discriminator
    before = [trace(part) for part in parts]
    losses = gan.train_step(mg.randn(6, 2))
    assert list(losses) == ["d", "g", "real", "fake"]
    assert all(np.isfinite(v.item()) and not v.requires_grad for v in losses.values())
    assert all(trace(part) != bits for part, bits in zip(parts, before, strict=True))
    assert (gan.average is not None) == bool(ema)
