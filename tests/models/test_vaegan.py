"""The VAE/GAN: which network is moved by which loss; fakes, features, samples, state."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend.cpu import CPU
from models.vaegan import VAEGAN, vae_gan
from tests.models.games import trace

SHAPE, LATENT, N = (1, 28, 28), 3, 4


def small(**how) -> VAEGAN:
    return vae_gan(SHAPE, LATENT, 2, **how)


def images(n=N) -> mg.Tensor:
    return 2 * mg.rand(n, *SHAPE) - 1


def still(model: VAEGAN) -> VAEGAN:
    """A model whose steps leave gradients, and weights as they are."""
    for optimizer in (model.e_optimizer, model.g_optimizer, model.d_optimizer):
        optimizer.step = lambda: None
    return model


def gradients_of(model: VAEGAN, part: str, x: mg.Tensor, **weights: float) -> list[np.ndarray]:
    """The gradients in a network of a weighted sum of the losses, by the same random numbers."""
    mg.manual_seed(7)
    losses = model.losses(x)
    total = sum(weight * losses[name] for name, weight in weights.items())
    parameters = list(getattr(model, part).parameters())
    return [g.numpy() for g in mg.grad(total, parameters)]


@pytest.mark.parametrize(
    ("part", "weights"),
    [
        ("encoder", {"kl": 1.0, "rec": 1.0}),
        ("decoder", {"rec": 0.25, "g": 1.0}),
        ("discriminator", {"d": 1.0}),
    ],
)
def test_each_network_has_the_gradient_of_its_own_loss(part, weights):
    model, x = still(small(gamma=0.25)), images()
    expected = gradients_of(model, part, x, **weights)
    mg.manual_seed(7)
    model.train_step(x)
    for parameter, wanted in zip(getattr(model, part).parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), wanted, 1e-4, 1e-6)


def test_all_three_networks_move_once():
    model, x = small(), images()
    model.train_step(x)
    parts = model.encoder, model.decoder, model.discriminator
    before = [trace(part) for part in parts]
    model.train_step(x)
    for part, bits in zip(parts, before, strict=True):
        after = trace(part)
        assert all(after[name] != bits[name] for name in bits)


def test_reconstructions_and_draws_of_the_prior_are_both_fake():
    """Of a discriminator that is everywhere at 1/2, L_GAN is three times log 2."""
    model, x = small(), images()
    with mg.no_grad():
        for parameter in model.discriminator.score.parameters():
            parameter.zero_()
    seen = []
    forward = model.decoder.forward
    model.decoder.forward = lambda z: seen.append(z) or forward(z)
    losses = model.losses(x)
    assert losses["d"].item() == pytest.approx(3 * math.log(2))
    assert losses["g"].item() == pytest.approx(2 * math.log(2))
    assert [len(z) for z in seen] == [2 * N]  # one forward pass


def test_features_are_summed_and_those_of_images_are_a_target():
    model, x = small(), images()
    model.discriminator.features = Doubled()
    made = []
    forward = model.decoder.forward
    model.decoder.forward = lambda z: made.append(forward(z)) or made[0]
    model.discriminator.score = lambda h: h[:, :1]
    rec = model.losses(x)["rec"]
    squares = 4 * (x.numpy(force=True) - made[0].numpy(force=True)[:N]) ** 2
    assert rec.item() == pytest.approx(0.5 * squares.sum() / N, rel=1e-5)
    # With the factor f of both: |f m - t|^2 / 2 has the slope (f m - t) m, t being fixed at f x.
    (slope,) = mg.grad(rec, [model.discriminator.features.factor])
    t, m = (a.numpy(force=True).astype(float) for a in (2 * x, made[0][:N]))
    assert slope.item() == pytest.approx(((2 * m - t) * m).sum() / N, rel=1e-4)


class Doubled(mg.nn.Module):
    """Pixels times a factor as features."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = mg.nn.Parameter(mg.tensor([2.0]))

    def forward(self, x):
        return self.factor * x.flatten(1)


# ---- generation, state, errors -------------------------------------------------------------------


def test_images_are_made_one_by_one_and_leave_no_trace():
    model, x = small(), images()
    model.train_step(x)
    parts = model.encoder, model.decoder
    before = [trace(part) for part in parts]
    mg.manual_seed(2)
    samples, made = model.sample(3), model.reconstruct(x)
    assert (samples.shape, made.shape) == ((3, *SHAPE), x.shape)
    assert abs(made.numpy()).max() <= 1 and not made.requires_grad
    np.testing.assert_allclose(model.reconstruct(x[:1]).numpy(), made.numpy()[:1], 1e-4, 1e-5)
    assert [trace(part) for part in parts] == before and model.decoder.training


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    model, x = small(), images()
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        losses = model.train_step(x)
    assert list(losses) == ["kl", "rec", "d", "g"]
    assert all(np.isfinite(v.item()) and not v.requires_grad for v in losses.values())


def test_it_goes_on_from_its_saved_state(tmp_path):
    model, x = small(), images()
    model.train_step(x)
    mg.save(model.state_dict(), tmp_path / "it")
    other = small()
    other.load_state_dict(mg.load(tmp_path / "it"))
    found = []
    for one in (model, other):
        mg.manual_seed(5)
        found.append({name: v.item() for name, v in one.train_step(x).items()})
        found.append(trace(one.encoder))
    assert found[:2] == found[2:]


def test_samples_are_made_of_draws_of_the_prior(monkeypatch):
    model = small()
    monkeypatch.setattr(model, "decode", lambda z: z)
    z = model.sample(2000).numpy()
    assert z.shape == (2000, LATENT)
    assert abs(z.mean()) < 0.06 and z.std() == pytest.approx(1, abs=0.05)


def test_images_are_made_with_averaged_weights():
    model, x = small(ema=0.99, lr=0.1), images()
    model.train_step(x)
    before = model.decode(mg.ones(1, LATENT)).numpy()
    with mg.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(model.decode(mg.ones(1, LATENT)).numpy(), before)
    model.train_step(x)
    assert abs(model.decode(mg.ones(1, LATENT)).numpy() - before).max() > 0


def test_a_negative_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma must not be negative, got -1"):
        small(gamma=-1)
