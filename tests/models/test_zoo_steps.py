"""A step of the zoo's games: its numbers by the papers' formulas, and whom it moves."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.zoo.bigan import mlp_bigan
from models.zoo.heads import ACGAN, InfoGAN
from models.zoo.improved import FeatureMatching
from tests.models.games import trace

SHAPE, NOISE, N = (1, 3, 3), 4, 6
LABELS = mg.tensor(np.arange(N) % 3)


def headed(kind, outputs, classes=0, **how):
    """A game whose discriminator, or generator, shares its optimizer with a head."""
    g, d = MLPGenerator(NOISE, [8], SHAPE, classes), MLPDiscriminator(SHAPE, [8])
    head = nn.Linear(8, outputs)
    name, parts = ("head", ([g], [d, head])) if classes else ("q", ([g, head], [d]))
    adams = [optim.Adam([p for net in nets for p in net.parameters()], 1e-2) for nets in parts]
    return kind(g, d, *adams, noise=NOISE, **{name: head}, **how)


def matching():
    networks = MLPGenerator(NOISE, [8], SHAPE), MLPDiscriminator(SHAPE, [8])
    return FeatureMatching(
        *networks, *(optim.Adam(n.parameters(), 1e-2) for n in networks), noise=NOISE
    )


GAMES = {
    "AC-GAN": lambda: headed(ACGAN, 3, classes=3),
    "InfoGAN": lambda: headed(InfoGAN, 3, categories=2, continuous=1, info=0.5),
    "BiGAN": lambda: mlp_bigan(SHAPE, NOISE, 8, r1=0.0),
    "feature matching": matching,
}


def softplus(a: mg.Tensor) -> np.ndarray:
    """-log D of scores -a, and -log(1 - D) of scores a."""
    return np.logaddexp(0, a.numpy(force=True))


def expected(gan: GAN, x: mg.Tensor, z: mg.Tensor) -> dict[str, float]:
    """Both losses and both mean scores, written down once more."""
    d, labels = gan.discriminator, [LABELS] * isinstance(gan, ACGAN)
    samples = gan.generator(z, *labels)
    if hasattr(gan, "encoder"):
        real = d(mg.concat([x.flatten(1), gan.encoder(x)], 1))
        fake = d(mg.concat([samples.flatten(1), z], 1))
    else:
        real, fake = d(x), d(samples)
    losses = {
        "d": softplus(-real).mean() + softplus(fake).mean(),
        "g": softplus(-fake).mean(),
        "real": real.mean().item(),
        "fake": fake.mean().item(),
    }
    features = [d.features(each) for each in (x, samples)] if not hasattr(gan, "encoder") else []
    if isinstance(gan, ACGAN):  # Odena et al. 2017: L_C is of data and of samples
        of_data, of_samples = (F.cross_entropy(gan.head(h), LABELS).item() for h in features)
        losses["d"] += of_data + of_samples
        losses["g"] += of_samples
    elif isinstance(gan, InfoGAN):  # Chen et al. 2016, equation 5
        read, code = gan.q(features[1]).numpy(force=True), z.numpy()
        log_q = read[:, :2] - np.log(np.exp(read[:, :2]).sum(1, keepdims=True))
        log_q = (code[:, :2] * log_q).sum(1) - 0.5 * (code[:, 2] - read[:, 2]) ** 2
        losses["g"] -= 0.5 * log_q.mean()
    elif isinstance(gan, FeatureMatching):  # Salimans et al. 2016, section 3.1
        means = [h.numpy(force=True).mean(0) for h in features]
        losses["g"] = np.square(means[0] - means[1]).sum()
    else:  # Donahue et al. 2017: generator and encoder, both non-saturating
        losses["g"] += softplus(real).mean()
    return losses


@pytest.mark.parametrize("name", GAMES)
def test_a_steps_numbers(name, monkeypatch):
    """With a learning rate of 0, so that all of them are of the same networks."""
    mg.manual_seed(1)
    gan, x = GAMES[name](), mg.randn(N, *SHAPE)
    z = gan.draw_noise(N)
    monkeypatch.setattr(gan, "draw_noise", lambda n: z)
    for optimizer in (gan.g_optimizer, gan.d_optimizer):
        optimizer.param_groups[0]["lr"] = 0.0
    found = gan.train_step(x, *[LABELS] * isinstance(gan, ACGAN))
    wanted = expected(gan, x, z)
    assert [*found] == [*wanted]
    for key, value in wanted.items():
        assert found[key].item() == pytest.approx(value, rel=1e-5, abs=1e-6), key
        assert not found[key].requires_grad


@pytest.mark.parametrize("name", GAMES)
def test_a_step_moves_every_network(name):
    mg.manual_seed(1)
    gan = GAMES[name]()
    parts = {k: v for k, v in vars(gan).items() if isinstance(v, nn.Module)}
    before = {k: trace(part) for k, part in parts.items()}
    gan.train_step(mg.randn(N, *SHAPE), *[LABELS] * isinstance(gan, ACGAN))
    assert all(trace(part) != before[k] for k, part in parts.items())


def test_a_code_as_long_as_the_noise_but_not_longer():
    headed(InfoGAN, 3, categories=3, continuous=1)
    with pytest.raises(ValueError, match=r"InfoGAN: a code of 3 \+ 2 numbers in noise of 4"):
        headed(InfoGAN, 3, categories=3, continuous=2)


@pytest.mark.parametrize("name", ["AC-GAN", "InfoGAN"])
def test_each_player_moves_alone(name):
    mg.manual_seed(1)
    gan = GAMES[name]()
    labels, x = [LABELS] * (name == "AC-GAN"), mg.randn(N, *SHAPE)
    parts = {k: v for k, v in vars(gan).items() if isinstance(v, nn.Module)}
    for step, moved in (
        (lambda: gan.discriminator_step(x, *labels), {"discriminator", "head"}),
        (lambda: gan.generator_step(N, *labels), {"generator", "q"}),
    ):
        before = {k: trace(part) for k, part in parts.items()}
        step()
        assert {k for k in parts if trace(parts[k]) != before[k]} == moved & parts.keys()
        assert all(p.requires_grad for part in parts.values() for p in part.parameters())
