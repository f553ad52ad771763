"""A training step of each model, small and on any device: what the tests of CUDA take."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend import Device
from models import vae
from models.aae import AAE
from models.autoencoder import deep_autoencoder
from models.began import BEGAN, AutoencoderDiscriminator, BEGANGenerator
from models.cyclegan import cyclegan
from models.flows import FLOWS, with_flows
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.hierarchical import two_layer_vae
from models.made import MADE
from models.model import Learner
from models.objectives import OBJECTIVES, Objective, named
from models.pix2pix import pix2pix
from models.pixelcnn import GatedPixelCNN, PixelCNN
from models.pixelrnn import PixelRNN
from models.pixelvae import pixel_vae
from models.text_to_image import text_gan
from models.total_correlation import BetaTCVAE
from models.vaegan import vae_gan
from models.zoo.bigan import mlp_bigan
from models.zoo.cogan import PairDiscriminator, PairGenerator
from models.zoo.fgan import f_gan
from models.zoo.heads import ACGAN, InfoGAN
from models.zoo.improved import FeatureMatching, MinibatchDiscrimination, Packed
from models.zoo.lapgan import LAPGAN
from models.zoo.spectral import spectrally_normalized
from models.zoo.unrolled import UnrolledGAN

Step = Callable[[], Any]


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def vae_step(model: Any, place: Device, shape: tuple[int, ...]) -> tuple[Step, list[nn.Module]]:
    model.to(place, np.float64)
    learner = Learner(model, optim.Adam(model.parameters()))
    x = mg.tensor(np.random.default_rng(0).random(shape), device=place)
    return lambda: learner.train_step(x)["loss"], [model]


def relative(kind: Any, **options: Any) -> Any:
    """A small VAE with another objective."""
    plain = vae.mlp_vae((1, 4, 4), latent=3, hidden=(16,))
    return kind(plain.encoder, plain.decoder, **options)


def gan_step(
    g: nn.Module, d: nn.Module, place: Device, shape: tuple[int, ...],
    objective: Objective = OBJECTIVES["non-saturating"], labels: int = 0, **how: Any,
) -> tuple[Step, list[nn.Module]]:  # fmt: skip
    for network in (g, d):
        network.to(place, np.float64)
    adam_g, adam_d = (optim.Adam(n.parameters(), 1e-3, (0.5, 0.9)) for n in (g, d))
    gan = GAN(g, d, adam_g, adam_d, objective, noise=4, **how)
    batch = [mg.tensor(numbers(*shape), device=place)]
    if labels:
        batch.append(mg.tensor(np.arange(shape[0]) % labels, device=place))
    return lambda: gan.train_step(*batch)["g"], [g, d]


def aae_step(place: Device) -> tuple[Step, list[nn.Module]]:
    model, d = deep_autoencoder((1, 4, 4), 2, (8,)), MLPDiscriminator((2,), [8])
    for network in (model, d):
        network.to(place, np.float64)
    adams = (optim.Adam(part.parameters()) for part in (model, d, model.encoder))
    aae = AAE(model, d, *adams)
    x = mg.tensor(np.random.default_rng(0).random((5, 1, 4, 4)), device=place)
    return lambda: aae.train_step(x)["loss"], [model, d]


def model_step(
    model: Any, names: str, place: Device, *shapes: tuple[int, ...]
) -> tuple[Step, list[nn.Module]]:
    """Of a model whose networks have these names, on images of these shapes."""
    networks = [getattr(model, name).to(place, np.float64) for name in names.split()]
    batch = [mg.tensor(numbers(*shape), device=place) for shape in shapes]
    return lambda: model.train_step(*batch)["g"], networks


def text_step(place: Device) -> tuple[Step, list[nn.Module]]:
    gan = text_gan((3, 28, 28), 9, noise=3, width=2, code=4, ema=0.0, between=True)
    for network in (gan.generator, gan.discriminator):
        network.to(place, np.float64)
    words = np.random.default_rng(0).integers(0, 9, (2, 4, 5))
    batch = [mg.tensor(x, device=place) for x in (numbers(4, 3, 28, 28), *words)]
    return lambda: gan.train_step(*batch)["g"], [gan.generator, gan.discriminator]


def played(
    make: Callable[..., Any], networks: Sequence[nn.Module], place: Device, shape: tuple[int, ...],
    **how: Any,
) -> tuple[Step, list[nn.Module]]:  # fmt: skip
    """A game by `make`, which is given the networks and Adam for each."""
    for network in networks:
        network.to(place, np.float64)
    model = make(*networks, *(optim.Adam(n.parameters()) for n in networks), **how)
    x = mg.tensor(numbers(*shape), device=place)
    return lambda: sum(model.train_step(x).values()), [*networks]


def dcgan() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Unflatten(1, (4, 1, 1)),
        nn.ConvTranspose2d(4, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 1, 4, 1, 0), nn.Flatten(0),
    )  # fmt: skip
    return generator, discriminator


def mlps(classes: int = 0) -> tuple[nn.Module, nn.Module]:
    return MLPGenerator(4, [8], (2,), classes), MLPDiscriminator((2,), [8], classes)


def near() -> nn.Module:
    """A discriminator of packs of two points that sees how near each pack is to the others."""
    layers = [nn.Linear(4, 6), nn.LeakyReLU(0.2), MinibatchDiscrimination(6, 3, 2)]
    return nn.Sequential(*layers, nn.Linear(9, 1), nn.Flatten(0))


def headed(kind: Any, outputs: int, labels: int = 0, **how: Any) -> Any:
    """A small AC-GAN or InfoGAN; its head is in `head` or `q`."""
    g, d = MLPGenerator(4, [8], (1, 4, 4), labels), MLPDiscriminator((1, 4, 4), [8])
    head = nn.Linear(8, outputs)
    parts = ([g], [d, head]) if labels else ([g, head], [d])
    adams = (optim.Adam([p for m in part for p in m.parameters()]) for part in parts)
    return kind(g, d, *adams, noise=4, **{"head" if labels else "q": head}, **how)


def acgan_step(place: Device) -> tuple[Step, list[nn.Module]]:
    gan = headed(ACGAN, 3, labels=3)
    networks = [part.to(place, np.float64) for part in (gan.generator, gan.discriminator, gan.head)]
    batch = mg.tensor(numbers(6, 1, 4, 4), device=place), mg.tensor(np.arange(6) % 3, device=place)
    return lambda: gan.train_step(*batch)["g"], networks


def lapgan_step(place: Device) -> tuple[Step, list[nn.Module]]:
    model = LAPGAN((1, 8, 8), smallest=4, width=2, noise=3)
    games = *model.details, model.top
    networks = [n.to(place, np.float64) for gan in games for n in (gan.generator, gan.sampler)]
    networks += [gan.discriminator.to(place, np.float64) for gan in games]
    x = mg.tensor(numbers(4, 1, 8, 8), device=place)
    return lambda: sum(model.train_step(x).values()), networks


def state_of(networks: Sequence[nn.Module]) -> list[Any]:
    """Their parameters and buffers, as NumPy arrays."""
    return [v.numpy(force=True) for n in networks for v in n.state_dict().values()]


STEPS: dict[str, Callable[[Device], tuple[Step, list[nn.Module]]]] = {
    "MLP VAE": lambda place: vae_step(
        vae.mlp_vae((1, 4, 4), latent=3, hidden=(16,)), place, (5, 1, 4, 4)
    ),
    "conv VAE": lambda place: vae_step(
        vae.conv_vae((1, 8, 8), latent=3, hidden=8, channels=(4, 8)), place, (5, 1, 8, 8)
    ),
    "Gaussian VAE": lambda place: vae_step(
        vae.mlp_vae((1, 4, 4), latent=3, hidden=(16,), likelihood="gaussian"), place, (5, 1, 4, 4)
    ),
    "PixelVAE": lambda place: vae_step(
        pixel_vae((1, 8, 8), latent=3, hidden=8, channels=(4, 8), width=4, free=0.05),
        place,
        (5, 1, 8, 8),
    ),
    "AAE": aae_step,
    **{
        f"{name} VAE": lambda place, name=name: vae_step(  # type: ignore[misc]
            with_flows(vae.mlp_vae((1, 4, 4), 3, (16,)), name, 2), place, (5, 1, 4, 4)
        )
        for name in FLOWS
    },
    "PixelCNN": lambda place: vae_step(PixelCNN((3, 4, 4), 6, 1, 3), place, (5, 3, 4, 4)),
    "GatedPixelCNN": lambda place: vae_step(
        GatedPixelCNN((3, 4, 4), 3, 1, 3, likelihood="logistic"), place, (5, 3, 4, 4)
    ),
    "PixelRNN": lambda place: vae_step(PixelRNN((1, 4, 4), 4, 1, 3), place, (5, 1, 4, 4)),
    "MADE": lambda place: vae_step(MADE((1, 4, 4), (8,)), place, (5, 1, 4, 4)),
    "total correlation": lambda place: vae_step(relative(BetaTCVAE, beta=3.0), place, (5, 1, 4, 4)),
    "two layers": lambda place: vae_step(
        two_layer_vae((1, 4, 4), (3, 2), (16, 8)), place, (5, 1, 4, 4)
    ),
    "GAN": lambda place: gan_step(*mlps(), place, (6, 2), k=2, ema=0.9),
    "conditional GAN": lambda place: gan_step(*mlps(3), place, (6, 2), labels=3),
    "WGAN": lambda place: gan_step(*mlps(), place, (6, 2), named("wgan", clip=0.1)),
    "WGAN-GP": lambda place: gan_step(*mlps(), place, (6, 2), named("wgan", gp=10.0)),
    "R1": lambda place: gan_step(*mlps(), place, (6, 2), named(r1=1.0)),
    "DCGAN": lambda place: gan_step(*dcgan(), place, (4, 3, 8, 8)),
    "pix2pix": lambda place: model_step(
        pix2pix(1, 3, width=2, patch_width=2),
        "generator discriminator",
        place,
        *((2, 1, 8, 8), (2, 3, 8, 8)),
    ),
    "CycleGAN": lambda place: model_step(
        cyclegan(3, 1, width=2, blocks=1, patch_width=2, pool=2),
        "forth back d_x d_y",
        place,
        *((2, 3, 8, 8), (2, 1, 8, 8)),
    ),
    "GAN-CLS": text_step,
    "SNGAN": lambda place: gan_step(
        mlps()[0], spectrally_normalized(mlps()[1]), place, (6, 2), named("hinge")
    ),
    "unrolled GAN": lambda place: played(UnrolledGAN, mlps(), place, (6, 2), noise=4, unroll=2),
    "feature matching": lambda place: played(FeatureMatching, mlps(), place, (6, 2), noise=4),
    "minibatch discrimination, packed": lambda place: played(
        GAN, (mlps()[0], Packed(near(), 2)), place, (6, 2), noise=4
    ),
    "f-GAN": lambda place: gan_step(*mlps(), place, (6, 2), f_gan("Jensen-Shannon")),
    "VAE/GAN": lambda place: model_step(
        vae_gan((1, 28, 28), 3, 2), "encoder decoder discriminator", place, (4, 1, 28, 28)
    ),
    "BEGAN": lambda place: played(
        BEGAN,
        (BEGANGenerator(3, (1, 16, 16), 4), AutoencoderDiscriminator((1, 16, 16), 5, 4)),
        place,
        (3, 1, 16, 16),
        noise=3,
        rate=0.5,
    ),
    "AC-GAN": acgan_step,
    "InfoGAN": lambda place: model_step(
        headed(InfoGAN, 3, categories=2, continuous=1),
        "generator discriminator q",
        place,
        (6, 1, 4, 4),
    ),
    "BiGAN": lambda place: model_step(
        mlp_bigan((1, 4, 4), 3, 8), "generator discriminator encoder", place, (6, 1, 4, 4)
    ),
    "CoGAN": lambda place: played(
        GAN,
        (PairGenerator(4, (1, 28, 28), 2), PairDiscriminator((1, 28, 28), 2)),
        place,
        (3, 2, 28, 28),
        noise=4,
    ),
    "LAPGAN": lambda place: lapgan_step(place),
}
