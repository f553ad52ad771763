"""The adversarial autoencoder: who moves in which step, and where to; samples, state."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
from models.aae import AAE, adversarial
from models.autoencoder import deep_autoencoder, linear_autoencoder
from models.gan import MLPDiscriminator
from models.objectives import named
from tests.models.games import trace

SHAPE, CODE = (1, 4, 4), 2


def small(objective="non-saturating", discriminator=None, **rules) -> AAE:
    model = deep_autoencoder(SHAPE, CODE, (8,))
    discriminator = discriminator or MLPDiscriminator((CODE,), (8, 8))
    adams = (
        optim.Adam(list(part.parameters()), lr=1e-2, betas=(0.5, 0.999))
        for part in (model, discriminator, model.encoder)
    )
    return AAE(model, discriminator, *adams, named(objective, **rules))


def images(n=6) -> mg.Tensor:
    return mg.rand(n, *SHAPE)


def linear(weight=(0.0, 0.0)) -> nn.Module:
    """D(z) = weight . z."""
    layers = nn.Sequential(nn.Linear(CODE, 1, bias=False), nn.Flatten(0))
    with mg.no_grad():
        layers[0].weight.copy_(mg.tensor([weight]))
    return layers


# ---- who moves, and who does not -----------------------------------------------------------------


def test_the_reconstruction_step_moves_encoder_and_decoder_and_nothing_else():
    aae, x = small(), images()
    aae.train_step(x)  # so that there are gradients to leave as they are
    before = trace(aae.discriminator), trace(aae.model)
    aae.reconstruction_step(x)
    assert trace(aae.discriminator) == before[0]
    after = trace(aae.model)
    assert all(after[name] != bits for name, bits in before[1].items())


def test_the_discriminators_step_leaves_no_trace_in_the_autoencoder():
    aae, x = small(), images()
    aae.train_step(x)
    before = trace(aae.model), trace(aae.discriminator)
    aae.discriminator_step(aae.model.encode(x))
    assert trace(aae.model) == before[0]
    after = trace(aae.discriminator)
    assert all(after[name] != bits for name, bits in before[1].items())


def test_the_encoders_step_moves_the_encoder_alone():
    aae, x = small(), images()
    aae.train_step(x)
    parts = aae.discriminator, aae.model.decoder, aae.model.encoder
    before = [trace(part) for part in parts]
    aae.encoder_step(aae.model.encoder(x))
    assert [trace(part) for part in parts[:2]] == before[:2]
    after = trace(parts[2])
    assert all(after[name] != bits for name, bits in before[2].items())
    assert all(p.requires_grad for p in aae.discriminator.parameters())


def test_the_game_is_played_with_codes_of_the_encoder_after_its_first_step(monkeypatch):
    aae, x = small(), images()
    before, seen = aae.model.encode(x).numpy(), {}
    monkeypatch.setattr(aae, "discriminator_step", lambda z: seen.update(d=z) or 3 * [mg.ones(())])
    monkeypatch.setattr(aae, "encoder_step", lambda z: seen.update(e=z))
    aae.train_step(x)
    now = aae.model.encode(x).numpy()
    assert not np.allclose(now, before)
    for codes in seen.values():
        np.testing.assert_array_equal(codes.numpy(force=True), now)
    assert seen["e"].requires_grad and not seen["d"].requires_grad


# ---- and where to --------------------------------------------------------------------------------


def test_draws_of_the_prior_are_the_discriminators_data(monkeypatch):
    """From D = 0 the loss -log D(prior) - log(1 - D(codes)) falls along half the difference of the
    means: towards the draws, and away from the codes."""
    aae = small(discriminator=linear())
    aae.d_optimizer = optim.SGD(aae.discriminator.parameters(), lr=1.0)
    draws, codes = mg.randn(5, CODE), mg.randn(5, CODE) + 3
    monkeypatch.setattr(aae, "draw_prior", lambda n: draws)
    loss, prior, of_codes = aae.discriminator_step(codes)
    assert loss.item() == pytest.approx(2 * np.log(2))
    assert prior.item() == of_codes.item() == 0
    expected = (draws.mean(0) - codes.mean(0)).numpy() / 2
    got = aae.discriminator[0].weight.numpy(force=True)[0]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_the_encoder_goes_where_the_discriminator_sees_the_prior():
    """The gradient of -log D(z) in the code's bias is -(1 - D) w, averaged."""
    aae, x = small(discriminator=linear((1.0, -2.0))), images()
    aae.e_optimizer = optim.SGD(aae.model.encoder.parameters(), lr=1.0)
    before = aae.model.encoder.code.bias.numpy(force=True).copy()
    z = aae.model.encoder(x)
    d = 1 / (1 + np.exp(-z.numpy(force=True) @ [1.0, -2.0]))
    loss = aae.encoder_step(z)
    assert loss.item() == pytest.approx(-np.log(d).mean(), rel=1e-5)
    moved = aae.model.encoder.code.bias.numpy(force=True) - before
    np.testing.assert_allclose(moved, (1 - d).mean() * np.array([1.0, -2.0]), rtol=1e-4)


def test_every_objective_and_penalty_of_a_gan_is_one_of_this():
    for rules in ({"objective": "wgan", "clip": 0.05}, {"gp": 1.0}, {"r1": 1.0}):
        aae = small(**rules)
        losses = aae.train_step(images())
        assert list(losses) == ["loss", "d", "e", "prior", "codes"]
        assert all(np.isfinite(v.item()) and not v.requires_grad for v in losses.values())
        if rules.get("clip"):
            largest = max(abs(p.numpy(force=True)).max() for p in aae.discriminator.parameters())
            assert largest == pytest.approx(0.05)


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    aae, x = small(r1=1.0), images()
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        aae.train_step(x)


# ---- samples, state, errors ----------------------------------------------------------------------


def test_samples_are_decoded_draws_of_the_prior():
    aae = small()
    mg.manual_seed(3)
    x = aae.sample(5)
    mg.manual_seed(3)
    z = mg.randn(5, CODE)
    assert x.shape == (5, *SHAPE) and not x.requires_grad
    np.testing.assert_array_equal(x.numpy(), aae.model.decode(z).numpy())


def test_it_goes_on_from_its_saved_state_bit_for_bit(tmp_path):
    data = [images() for _ in range(6)]

    def begin() -> AAE:
        mg.manual_seed(5)
        return small()

    whole = begin()
    for x in data:
        whole.train_step(x)
    half = begin()
    for x in data[:3]:
        half.train_step(x)
    mg.save({"aae": half.state_dict(), "random": mg.get_rng_state()}, tmp_path / "it")
    saved, rest = mg.load(tmp_path / "it"), small()  # other weights
    rest.load_state_dict(saved["aae"])
    mg.set_rng_state(saved["random"])
    for x in data[3:]:
        rest.train_step(x)
    assert trace(rest.model) == trace(whole.model)
    assert trace(rest.discriminator) == trace(whole.discriminator)


def test_a_code_between_0_and_1_is_refused():
    model = linear_autoencoder(SHAPE, CODE, sigmoid=True)
    adam = optim.Adam(model.parameters())
    with pytest.raises(ValueError, match="needs a linear code, and a Sigmoid follows"):
        AAE(model, linear(), adam, adam, adam)


def test_an_autoencoder_gets_its_opponent():
    model = deep_autoencoder(SHAPE, CODE, (8,)).double()
    aae = adversarial(model, 0.2, hidden=5, game_lr=0.3)
    shapes = [tuple(p.shape) for p in aae.discriminator.parameters() if p.ndim == 2]
    assert shapes == [(5, CODE), (5, 5), (1, 5)]
    assert all(p.dtype == mg.float64 for p in aae.discriminator.parameters())
    found = [
        (len(group["params"]), group["lr"], group["betas"])
        for optimizer in (aae.optimizer, aae.d_optimizer, aae.e_optimizer)
        for group in optimizer.param_groups
    ]
    counts = [len(list(m.parameters())) for m in (model, aae.discriminator, model.encoder)]
    game = (0.3, (0.5, 0.999))
    assert found == [(counts[0], 0.2, (0.9, 0.999)), (counts[1], *game), (counts[2], *game)]
