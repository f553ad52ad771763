"""The networks, objectives and measures of a name alone: what numbers in docs/ are of."""

import functools
import importlib
import pkgutil

import pytest

import models
from tests.defaults import check, lines, parsed, unlisted

GREY, NATS = "image_shape=(1, 28, 28)", "likelihood='bernoulli'"

DEFAULTS = f"""
aae.adversarial(lr=0.001, hidden=256, game_lr=0.0005)
autoencoder.Autoencoder(noise=0.0)
autoencoder.classifier(on_code=False)
autoencoder.linear_autoencoder({GREY}, code=32, sigmoid=False, noise=0.0)
autoencoder.deep_autoencoder({GREY}, code=32, hidden=(512, 256), noise=0.0)
autoencoder.conv_autoencoder({GREY}, code=32, channels=(32, 64), noise=0.0)
autoregressive.Autoregressive({NATS}, conditions=0)
began.BEGAN(gamma=0.5, rate=0.001, ema=0.0)
began.AutoencoderDiscriminator(code=32, width=16)
began.BEGANGenerator(width=16)
cyclegan.CycleGAN(cycle=10.0, identity=0.0, pool=50)
cyclegan.Pool(size=50)
cyclegan.ResnetGenerator(width=16, blocks=2, edge=3)
cyclegan.cyclegan(width=16, blocks=2, patch_width=16, lr=0.0004)
dcgan.DCGANGenerator(width=64, classes=0, start=4, batch_norm=True, strided=True, hidden=0)
dcgan.DCGANDiscriminator(width=64, classes=0, start=4, batch_norm=True, strided=True, hidden=0,
    leak=0.2)
dcgan.fractionally_strided(bias=True)
dcgan.upsampled(bias=True)
dcgan.strided_down(bias=True)
dcgan.pooled(bias=True)
flows.InverseAutoregressive(hidden=64, backwards=False)
gan.GAN(k=1, ema=0.0)
gan.MLP(classes=0)
gan.MLPGenerator(classes=0)
gan.MLPDiscriminator(classes=0)
hierarchical.TwoLayerVAE({NATS}, beta=1.0, k=1)
hierarchical.TwoLayerVAE.sample(draw=False)
hierarchical.two_layer_vae({GREY}, latent=(100, 50), hidden=(200, 100), {NATS}, beta=1.0, k=1)
ladder.LadderVAE(beta=1.0, k=1)
ladder.ladder_vae(image_shape=(3, 32, 32), latent=16, width=64, layers=(1, 2, 3),
    likelihood='colours')
likelihoods.Gaussian(variance=0.05)
likelihoods.discretized_logistic_log_prob(levels=256)
made.MADE({GREY}, hidden=(1000,), {NATS}, conditions=0)
objectives.Objective(r1=0.0, gp=0.0, clip=0.0)
objectives.named(objective='non-saturating', r1=0.0, gp=0.0, clip=0.0, label_smoothing=0.0)
pix2pix.Pix2Pix(l1=100.0, adversarial=1.0, conditional=True)
pix2pix.UNet(width=24, dropout=0.5)
pix2pix.PatchDiscriminator(width=16)
pix2pix.pix2pix(width=24, patch_width=16, lr=0.0005, dropout=0.5, conditional=True)
pixelcnn.MaskedConv2d(colours=1, conditions=0)
pixelcnn.PixelCNN({GREY}, channels=32, blocks=5, first=7, kernel=3, {NATS}, conditions=0,
    places=False)
pixelcnn.GatedPixelCNN({GREY}, channels=16, layers=5, first=7, kernel=3, {NATS}, conditions=0,
    places=False)
pixelrnn.PixelRNN({GREY}, channels=32, layers=2, first=7, kernel=3, {NATS}, conditions=0,
    places=False)
pixelvae.PixelVAE(free=0.0)
pixelvae.PixelVAE.decode(draw=True)
pixelvae.pixel_vae({GREY}, latent=16, hidden=256, channels=(16, 32), width=16, first=5, blocks=1,
    {NATS})
text_to_image.TextGAN(matching=True, between=False)
text_to_image.TextEncoder(code=32)
text_to_image.TextGenerator(width=24, code=32)
text_to_image.TextDiscriminator(width=24, code=32, hidden=128)
text_to_image.text_gan(noise=32, width=24, code=32, lr=0.0005, d_lr=0.001, ema=0.999)
total_correlation.BetaTCVAE({NATS}, beta=1.0)
vae.VAE({NATS}, beta=1.0, k=1)
vae.VAE.iwae(rows=2048)
vae.VAE.decode(draw=False)
vae.VAE.sample(draw=False)
vae.mlp_vae({GREY}, latent=20, hidden=(400,), {NATS})
vae.conv_vae({GREY}, latent=20, hidden=256, channels=(32, 64), {NATS})
vae.grid_vae(image_shape=(3, 32, 32), latent=8, channels=32, likelihood='logistic')
vaegan.VAEGAN(gamma=0.001, ema=0.0)
vaegan.vae_gan(shape=(3, 32, 32), latent=32, width=24, lr=0.0006, gamma=0.001, ema=0.0)
zoo.bigan.mlp_bigan(noise=50, hidden=256, lr=0.0005, r1=1.0)
zoo.bigan.recovered(steps=200, lr=0.05)
zoo.cogan.PairGenerator(shared=True)
zoo.cogan.PairDiscriminator(shared=True)
zoo.heads.InfoGAN(categories=10, continuous=0, info=1.0)
zoo.improved.FeatureMatching(k=1, ema=0.0)
zoo.improved.MinibatchDiscrimination(kernels=16, dims=8)
zoo.lapgan.LAPGAN(smallest=8, width=32, noise=64, lr=0.0005)
zoo.spectral.spectrally_normalized(n_power_iterations=1)
zoo.unrolled.UnrolledGAN(unroll=5, eta=0.1)
measures.derivation.grid(points=401, reach=6.0)
measures.derivation.without_grid(nodes=24)
measures.derivation.grid_of(points=401, reach=6.0)
measures.energies.log_density(points=701, reach=7.0)
measures.energies.log_z(points=701, reach=7.0)
measures.equations.solve(trials=200, exemplars=3)
measures.exact.disturbed(std=0.7, seed=0)
measures.exact.seen_from_the_middle(seed=0)
measures.faces.Person.among(sure=False)
measures.faces.Reader(width=24)
measures.factors.discretize(bins=20)
measures.factors.explained_variance(bins=20)
measures.factors.mutual_information(bins=20)
measures.factors.mutual_information_gap(bins=20)
measures.frechet.kernel_distance(subsets=50, size=1000, seed=0)
measures.judge.Judge.controls(seed=0)
measures.linear.nearest_neighbour_error(rows=4096)
measures.linear.linear_probe_error(penalties=(0.0001, 0.001, 0.01))
measures.linear.logistic_regression(tolerance=1e-06)
measures.mmd.to_normal(seed=0)
measures.modes.ring(modes=8, radius=1.0, std=0.01)
measures.modes.grid(side=5, step=2.0, std=0.05)
measures.neighbours.memoriser(seed=0)
measures.spectrum.high_frequencies(cutoff=0.25)
"""


def named(name):
    """Of "measures.modes.ring" or "vae.VAE.iwae" what it names."""
    return functools.reduce(getattr, name.split("."), models)


FOUND = pkgutil.walk_packages(models.__path__, "models.")
MODULES = {module.name: importlib.import_module(module.name) for module in FOUND}
CASES = [(named(name), defaults) for name, defaults in map(parsed, lines(DEFAULTS))]


@pytest.mark.parametrize(("function", "defaults"), CASES)
def test_defaults(function, defaults):
    check(function, defaults)


@pytest.mark.parametrize("module", MODULES)
def test_no_default_is_forgotten(module):
    found = unlisted(MODULES[module], CASES)
    assert not {name for name in found if name.startswith("models")}
