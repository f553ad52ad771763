"""BEGAN and EBGAN: energies, the balance k, who moves in which step, state, errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
from models.began import BEGAN, AutoencoderDiscriminator, BEGANGenerator, energy_based
from models.gan import GAN
from tests.models.games import trace

SHAPE, NOISE = (2, 16, 16), 3


class Scaled(nn.Module):
    """The energy of an autoencoder that multiplies by one number: mean |v - a v|."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(mg.tensor([a]))

    def forward(self, v):
        return (v - self.a * v).abs().flatten(1).mean(1)


class Constant(nn.Module):
    """The same samples for all noise: x + 0 z."""

    def __init__(self, x: mg.Tensor) -> None:
        super().__init__()
        self.x = nn.Parameter(x)

    def forward(self, z):
        return self.x + 0 * z.sum()


def game(generator=None, discriminator=None, **how) -> BEGAN:
    generator = generator or BEGANGenerator(NOISE, SHAPE, 3)
    discriminator = discriminator or AutoencoderDiscriminator(SHAPE, 4, 3)
    adams = (optim.Adam(n.parameters(), 1e-3) for n in (generator, discriminator))
    return BEGAN(generator, discriminator, *adams, noise=NOISE, **how)


def images(n=4) -> mg.Tensor:
    return 2 * mg.rand(n, *SHAPE) - 1


# ---- energies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "n"), [((1, 8, 8), 1), (SHAPE, 3), ((3, 32, 32), 2)])
def test_an_energy_is_the_mean_error_of_an_image_over_its_pixels(shape, n):
    d, x = AutoencoderDiscriminator(shape, 4, 3), 2 * mg.rand(n, *shape) - 1
    made = d.reconstruct(x)
    assert made.shape == x.shape and BEGANGenerator(NOISE, shape, 3)(mg.ones(n, 3)).shape == x.shape
    expected = np.abs(x.numpy() - made.numpy(force=True)).mean((1, 2, 3))
    np.testing.assert_allclose(d(x).numpy(force=True), expected, rtol=1e-5)


def test_the_gradient_of_a_samples_energy_goes_through_both_of_its_places():
    """|v - a v| has the slope (1 - a) sign(v); without the way through D it would be sign(v)."""
    generator = Constant(mg.tensor([[[[1.0, -2.0]]]]))
    gan = game(generator, Scaled(0.75))
    gan.generator_step(1)
    np.testing.assert_allclose(generator.x.grad.numpy(), [[[[0.125, -0.125]]]])
    assert gan.discriminator.a.grad is None


# ---- the balance ---------------------------------------------------------------------------------


def energies(real: float, fake: float, **how) -> BEGAN:
    """A game without steps in which data have one energy and samples another."""
    gan = game(Constant(mg.full((2, 1, 1, 1), fake)), Scaled(0.0), **how)
    gan.g_optimizer.step = gan.d_optimizer.step = lambda: None
    gan.x = mg.full((2, 1, 1, 1), real)
    return gan


def test_k_goes_by_what_the_samples_energies_lack():
    gan = energies(0.8, 0.3, gamma=0.5, rate=0.1)
    losses = gan.train_step(gan.x)
    assert losses["k"].item() == pytest.approx(0.1 * (0.5 * 0.8 - 0.3))
    assert losses["M"].item() == pytest.approx(0.8 + 0.1)
    assert losses["d"].item() == pytest.approx(0.8)  # k was 0 in this step
    assert gan.train_step(gan.x)["d"].item() == pytest.approx(0.8 - 0.01 * 0.3)


@pytest.mark.parametrize(("real", "fake", "end"), [(0.8, 0.9, 0.0), (0.9, 0.1, 1.0)])
def test_k_stays_between_0_and_1(real, fake, end):
    """Without the clamp it would be negative where the generator is behind, and D would help."""
    gan = energies(real, fake, rate=1.0)
    found = [gan.train_step(gan.x)["k"].item() for _ in range(5)]
    assert found[-1] == end and all(0 <= k <= 1 for k in found)


def test_the_discriminator_minimises_less_of_data_and_k_times_more_of_samples():
    gan = energies(0.8, 0.4)
    gan.balance.fill_(0.25)
    gan.discriminator_step(gan.x)
    # d/da |v - a v| = -v at a = 0
    assert gan.discriminator.a.grad.item() == pytest.approx(-0.8 + 0.25 * 0.4)


def test_noise_is_uniform():
    z = game().draw_noise(2000).numpy()
    assert z.shape == (2000, NOISE) and abs(z).max() <= 1
    assert z.std() == pytest.approx(1 / np.sqrt(3), abs=0.02) and abs(z.mean()) < 0.04


# ---- EBGAN ---------------------------------------------------------------------------------------


def test_beyond_the_margin_samples_are_nothing_to_the_discriminator():
    for energy, slope in ((0.4, 0.4), (0.6, 0.0)):
        gan = energies(0.8, energy)
        gan.objective = energy_based(0.5)
        loss, real, fake = gan.discriminator_step(gan.x)
        assert loss.item() == pytest.approx(0.8 + max(0.0, 0.5 - energy))
        assert (real.item(), fake.item()) == pytest.approx((0.8, energy))
        # a larger a is a smaller energy: of data wanted, of samples not
        assert gan.discriminator.a.grad.item() == pytest.approx(-0.8 + slope)


def test_an_energy_based_game_is_any_gans():
    parts = BEGANGenerator(NOISE, SHAPE, 3), AutoencoderDiscriminator(SHAPE, 4, 3)
    adams = (optim.Adam(n.parameters(), 1e-3) for n in parts)
    losses = GAN(*parts, *adams, energy_based(0.5), noise=NOISE).train_step(images())
    assert all(np.isfinite(v.item()) for v in losses.values())


# ---- who moves, state, errors --------------------------------------------------------------------


def test_each_step_moves_one_network():
    gan = game()
    gan.train_step(images())
    before = trace(gan.generator), trace(gan.discriminator)
    gan.discriminator_step(images())
    assert trace(gan.generator) == before[0]
    after = trace(gan.discriminator)
    assert all(after[name] != bits for name, bits in before[1].items())
    gan.generator_step(4)
    assert trace(gan.discriminator) == after
    assert trace(gan.generator) != before[0]


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    gan, x = game(), images()
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        gan.train_step(x)


def test_it_goes_on_from_its_saved_state_with_its_k(tmp_path):
    gan, x = game(rate=1.0), images()
    for _ in range(3):
        gan.train_step(x)
    mg.save(gan.state_dict(), tmp_path / "it")
    other = game(rate=1.0)
    other.load_state_dict(mg.load(tmp_path / "it"))
    assert other.balance.item() == gan.balance.item() > 0
    mg.manual_seed(1)
    expected = gan.train_step(x)
    mg.manual_seed(1)
    for name, value in other.train_step(x).items():
        assert value.item() == expected[name].item(), name


def test_what_is_refused():
    with pytest.raises(ValueError, match="gamma must be positive, rate not negative; got 0, 1"):
        game(gamma=0, rate=1)
    with pytest.raises(ValueError, match="margin must be positive, got 0"):
        energy_based(0)
    for shape in ((1, 12, 12), (1, 8, 16), (8, 8)):
        with pytest.raises(ValueError, match="BEGANGenerator: images must be"):
            BEGANGenerator(NOISE, shape)


def test_the_balance_that_is_told_is_that_of_its_step():
    gan = game()
    first = gan.train_step(images())["k"]
    told = first.item()
    gan.balance.fill_(0.75)
    assert first.item() == told != 0.75
