"""What no model and no measure is of is refused whichever of its parts it is."""

import importlib
import pkgutil

import numpy as np
import pytest

import minigrad as mg
import models
from tests.defaults import lines
from tests.refused import check

R = np.random.default_rng(0).standard_normal((6, 3))
REFUSED = """
autoencoder.conv_autoencoder((1, 6, 8)) |
    ValueError: conv_autoencoder: needs height and width in multiples of 4, got (1, 6,
autoencoder.conv_autoencoder((1, 8, 6)) |
    ValueError: conv_autoencoder: needs height and width in multiples of 4, got (1, 8,
vae.grid_vae((3, 7, 8)) | ValueError: grid_vae: needs an even height and width, got (3, 7, 8)
vae.grid_vae((3, 8, 7)) | ValueError: grid_vae: needs an even height and width, got (3, 8, 7)
vae.mlp_vae(beta=2.0, k=2) |
    ValueError: VAE: k must be at least 1, and 1 with a beta; got 2, beta 2.0
vae.mlp_vae(k=0) | ValueError: VAE: k must be at least 1, and 1 with a beta; got 0, beta 1.0
vae.mlp_vae(likelihood="none") |
    ValueError: VAE: unknown likelihood 'none'; expected one of bernoulli, gaussian, l
began.BEGANGenerator(2, (8, 8)) |
    ValueError: BEGANGenerator: images must be (C, H, H), H = 8, 16, 32, ..., got (8,
began.BEGANGenerator(2, (1, 8, 16)) |
    ValueError: BEGANGenerator: images must be (C, H, H), H = 8, 16, 32, ..., got (1,
began.BEGANGenerator(2, (1, 16, 8)) |
    ValueError: BEGANGenerator: images must be (C, H, H), H = 8, 16, 32, ..., got (1,
began.BEGANGenerator(2, (1, 12, 12)) |
    ValueError: BEGANGenerator: images must be (C, H, H), H = 8, 16, 32, ..., got (1,
began.AutoencoderDiscriminator((1, 12, 12)) |
    ValueError: AutoencoderDiscriminator: images must be (C, H, H), H = 8, 16, 32, ...
began.energy_based(0) | ValueError: energy_based: the margin must be positive, got 0
dcgan.DCGANGenerator(2, (28, 28)) |
    ValueError: DCGANGenerator: images must be (C, H, W) of 28x28, 32x32, 64x64, got (
dcgan.DCGANGenerator(2, (1, 28, 32)) |
    ValueError: DCGANGenerator: images must be (C, H, W) of 28x28, 32x32, 64x64, got (
dcgan.DCGANGenerator(2, (1, 30, 30)) |
    ValueError: DCGANGenerator: images must be (C, H, W) of 28x28, 32x32, 64x64, got (
dcgan.DCGANGenerator(2, (1, 28, 28), start=5) |
    ValueError: DCGANGenerator: start must be one of (2, 4, 7, 14), got 5
dcgan.DCGANGenerator(2, (1, 28, 28), start=28) |
    ValueError: DCGANGenerator: start must be one of (2, 4, 7, 14), got 28
dcgan.DCGANDiscriminator((1, 28, 28), start=28) |
    ValueError: DCGANDiscriminator: start must be one of (2, 4, 7, 14), got 28
flows.with_flows(vae.mlp_vae(), "none", 1) |
    ValueError: with_flows: needs one of planar, iaf, householder and 1 step or more,
flows.with_flows(vae.mlp_vae(), "iaf", 0) |
    ValueError: with_flows: needs one of planar, iaf, householder and 1 step or more,
cyclegan.Pool(-1) | ValueError: Pool: size must not be negative, got -1
objectives.named("none") |
    ValueError: GAN: unknown objective 'none'; expected one of minimax, non-saturating
objectives.named("wgan", label_smoothing=0.1) |
    ValueError: GAN: label_smoothing 0.1 must be from 0 to below 1, and 0 where there
objectives.named(label_smoothing=1.0) |
    ValueError: GAN: label_smoothing 1.0 must be from 0 to below 1, and 0 where there
objectives.named(label_smoothing=-0.1) |
    ValueError: GAN: label_smoothing -0.1 must be from 0 to below 1, and 0 where there
objectives.named(r1=-1.0) | ValueError: GAN: must not be negative: r1 -1.0
objectives.named(gp=-1.0) | ValueError: GAN: must not be negative: gp -1.0
objectives.named(clip=-1.0) | ValueError: GAN: must not be negative: clip -1.0
pix2pix.pix2pix(1, 1, width=2, l1=-1.0) |
    ValueError: Pix2Pix: weights must not be negative, and not both 0: l1=-1.0, advers
pix2pix.pix2pix(1, 1, width=2, adversarial=-1.0) |
    ValueError: Pix2Pix: weights must not be negative, and not both 0: l1=100.0, adver
pix2pix.pix2pix(1, 1, width=2, l1=0.0, adversarial=0.0) |
    ValueError: Pix2Pix: weights must not be negative, and not both 0: l1=0.0, adversa
pixelcnn.PixelCNN((3, 8, 8), 4) | ValueError: PixelCNN: channels must be a multiple of 6, got 4
pixelcnn.PixelCNN((1, 8, 8), 0) | ValueError: PixelCNN: channels must be a multiple of 2, got 0
pixelcnn.PixelCNN((3, 8, 8), -3) |
    ValueError: PixelCNN: channels must be a multiple of 6, got -3
pixelcnn.MaskedConv2d("C", 1, 1, 3) | ValueError: MaskedConv2d: no kernel 3x3 of kind 'C'
pixelcnn.MaskedConv2d("A", 1, 1, 2) | ValueError: MaskedConv2d: no kernel 2x2 of kind 'A'
pixelcnn.MaskedConv2d("A", 1, 1, (3, 2)) | ValueError: MaskedConv2d: no kernel 3x2 of kind 'A'
pixelcnn.MaskedConv2d("A", 1, 1, (2, 3)) | ValueError: MaskedConv2d: no kernel 2x3 of kind 'A'
pixelcnn.PixelCNN((1, 8, 8), 2, 1)(mg.ones(1, 1, 8, 8), mg.ones(1, 1, 1, 1)) |
    ValueError: a context is for models with conditions, which need one
pixelcnn.PixelCNN((1, 8, 8), 2, 1, conditions=1)(mg.ones(1, 1, 8, 8)) |
    ValueError: a context is for models with conditions, which need one
pixelvae.pixel_vae(free=-1.0) |
    ValueError: PixelVAE: free must be 0 or more, and 0 with k > 1; got -1.0
vaegan.vae_gan(gamma=-1.0) | ValueError: VAEGAN: gamma must not be negative, got -1.0
zoo.lapgan.LAPGAN((1, 24, 24), 8) | ValueError: LAPGAN: 24 is not 8 times a power of 2
zoo.lapgan.LAPGAN((1, 20, 20), 8) | ValueError: LAPGAN: 20 is not 8 times a power of 2
zoo.lapgan.LAPGAN((1, 4, 4), 8) | ValueError: LAPGAN: 4 is not 8 times a power of 2
measures.distances.wasserstein_1d(R, R) |
    ValueError: wasserstein_1d: needs two samples (n,), got [6, 3] and [6, 3]
measures.distances.wasserstein_1d(R[0], R[:, 0]) |
    ValueError: wasserstein_1d: needs two samples (n,), got [3] and [6]
measures.distances.wasserstein_1d(R[0][:0], R[0][:0]) |
    ValueError: wasserstein_1d: needs two samples (n,), got [0] and [0]
measures.factors.turned(R[:, :1], {"a": L}, 1, 0) |
    ValueError: mutual_information_gap: needs codes (n, 2 or more), got (6, 1)
measures.factors.explained_variance(R[0], [L]) |
    ValueError: explained_variance: needs codes (n, d) and factors (n,), got [3] and [
measures.factors.explained_variance(R, []) |
    ValueError: explained_variance: needs codes (n, d) and factors (n,), got [6, 3] an
measures.factors.explained_variance(R, [L[:5]]) |
    ValueError: explained_variance: needs codes (n, d) and factors (n,), got [6, 3] an
measures.factors.explained_variance(R, [R]) |
    ValueError: explained_variance: needs codes (n, d) and factors (n,), got [6, 3] an
measures.frechet.frechet_distance(R[0], R) |
    ValueError: frechet_distance: needs features (N, D) and (M, D) of two rows or more
measures.frechet.frechet_distance(R, R[0]) |
    ValueError: frechet_distance: needs features (N, D) and (M, D) of two rows or more
measures.frechet.frechet_distance(R, R[:, :2]) |
    ValueError: frechet_distance: needs features (N, D) and (M, D) of two rows or more
measures.frechet.frechet_distance(R[:1], R) |
    ValueError: frechet_distance: needs features (N, D) and (M, D) of two rows or more
measures.frechet.frechet_distance(R, R[:1]) |
    ValueError: frechet_distance: needs features (N, D) and (M, D) of two rows or more
measures.frechet.frechet_distance(R * np.nan, R) |
    ValueError: frechet_distance: features that are infinite or NaN
measures.frechet.frechet_distance(R, R / 0) |
    ValueError: frechet_distance: features that are infinite or NaN
measures.frechet.kernel_distance(R[0], R) |
    ValueError: kernel_distance: needs features (N, D) and (M, D) of two rows or more,
measures.frechet.kernel_distance(R, R[:1]) |
    ValueError: kernel_distance: needs features (N, D) and (M, D) of two rows or more,
measures.frechet.classifier_score(R[0]) |
    ValueError: classifier_score: needs probabilities (N, classes), got [3]
measures.frechet.classifier_score(R[:0]) |
    ValueError: classifier_score: needs probabilities (N, classes), got [0, 3]
measures.linear.linear_probe_error(R, L, R, L, ()) |
    ValueError: linear_probe_error: penalties must be positive, got []
measures.linear.linear_probe_error(R, L, R, L, (0.0, 1.0)) |
    ValueError: linear_probe_error: penalties must be positive, got [0.0, 1.0]
measures.linear.linear_probe_error(R, L, R[:, :2], L) |
    ValueError: linear_probe_error: needs features (n, d), labels (n,), features (m, d
measures.linear.linear_probe_error(R, L[:5], R, L) |
    ValueError: linear_probe_error: needs features (n, d), labels (n,), features (m, d
measures.linear.linear_probe_error(R, L, R, L[:5]) |
    ValueError: linear_probe_error: needs features (n, d), labels (n,), features (m, d
measures.linear.nearest_neighbour_error(R[0], L, R, L) |
    ValueError: nearest_neighbour_error: needs a matrix that is not empty, got shape [
measures.linear.nearest_neighbour_error(R[:0], L[:0], R, L) |
    ValueError: nearest_neighbour_error: needs a matrix that is not empty, got shape [
measures.linear.nearest_neighbour_error(R, L, R[:0], L[:0]) |
    ValueError: nearest_neighbour_error: needs a matrix that is not empty, got shape [
measures.linear.pca(R[0], 1) | ValueError: pca: needs a matrix that is not empty, got shape [3]
measures.linear.pca(R[:0], 1) |
    ValueError: pca: needs a matrix that is not empty, got shape [0, 3]
measures.linear.pca(R, 0) | ValueError: pca: k must be from 1 to the 3 features, got 0
measures.linear.pca(R, 4) | ValueError: pca: k must be from 1 to the 3 features, got 4
measures.mmd.squared_mmd(R[0], R) |
    ValueError: squared_mmd: needs rows (N, D) and (M, D), got [3] and [6, 3]
measures.mmd.squared_mmd(R, R[0]) |
    ValueError: squared_mmd: needs rows (N, D) and (M, D), got [6, 3] and [3]
measures.mmd.squared_mmd(R, R[:, :2]) |
    ValueError: squared_mmd: needs rows (N, D) and (M, D), got [6, 3] and [6, 2]
measures.mmd.squared_mmd(R[:0], R) |
    ValueError: squared_mmd: needs rows (N, D) and (M, D), got [0, 3] and [6, 3]
measures.mmd.squared_mmd(R, R[:0]) |
    ValueError: squared_mmd: needs rows (N, D) and (M, D), got [6, 3] and [0, 3]
measures.modes.coverage(R[0], measures.modes.ring()) |
    ValueError: coverage: needs samples (N, 2), got shape [3]
measures.modes.coverage(R, measures.modes.ring()) |
    ValueError: coverage: needs samples (N, 2), got shape [6, 3]
measures.modes.coverage(R[:0, :2], measures.modes.ring()) |
    ValueError: coverage: needs samples (N, 2), got shape [0, 2]
measures.neighbours.nearest(R, R[:, :2]) |
    ValueError: nearest: needs rows (N, ...) and (M, ...), got [6, 3] and [6, 2]
measures.neighbours.nearest(R[:0], R) |
    ValueError: nearest: needs rows (N, ...) and (M, ...), got [0, 3] and [6, 3]
measures.neighbours.nearest(R, R[:0]) |
    ValueError: nearest: needs rows (N, ...) and (M, ...), got [6, 3] and [0, 3]
measures.spectrum.power(R) | ValueError: power: needs images (N, C, H, W), got [6, 3]
measures.spectrum.power(ones((0, 1, 2, 2))) |
    ValueError: power: needs images (N, C, H, W), got [0, 1, 2, 2]
"""


@pytest.fixture(scope="module")
def names():
    for module in pkgutil.walk_packages(models.__path__, "models."):
        importlib.import_module(module.name)
    return {**vars(models), "L": np.arange(6) % 2, "R": R, "mg": mg, "np": np, "ones": np.ones}


@pytest.mark.parametrize("line", lines(REFUSED))
def test_refused(line, names):
    with np.errstate(divide="ignore"):
        check(line, names)
