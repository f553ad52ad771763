"""Each network as a seed makes it: how many numbers it learns, and what it makes of an image.

Widths, kernels, slopes, what has a bias, how weights are drawn: results in docs/ are of these.
"""

import importlib
from typing import Any

import pytest

import minigrad as mg
from minigrad import nn, optim
from models.autoencoder import deep_autoencoder
from models.model import Model
from models.vae import mlp_vae
from tests.defaults import lines

GREY, COLOUR, TINY = (1, 28, 28), (3, 32, 32), (1, 8, 8)
WORDS = mg.tensor([[1, 2, 0], [3, 4, 4]])
NAMES = {
    "GREY": GREY, "COLOUR": COLOUR, "TINY": TINY,
    "nn": nn, "deep_autoencoder": deep_autoencoder, "mlp_vae": mlp_vae,
}  # fmt: skip

# The network; the shape of what it is given; its numbers; the mean of what it makes, without signs.
NETWORKS = """
made.MADE() | [GREY] | 1569784 | 0.04202
pixelcnn.PixelCNN() | [GREY] | 15137 | 0.1653
pixelcnn.GatedPixelCNN() | [GREY] | 29921 | 0.1119
pixelrnn.PixelRNN() | [GREY] | 17697 | 0.2031
pixelcnn.PixelCNN(GREY, 16) | [GREY] | 4113 | 0.0944
pixelcnn.GatedPixelCNN(GREY, 8) | [GREY] | 7857 | 0.1667
pixelrnn.PixelRNN(TINY, 8) | [TINY] | 1353 | 0.1553
gan.MLPGenerator(5, [16, 8], TINY) | [(5,)] | 808 | 0.205
gan.MLPDiscriminator(TINY, [16, 8]) | [TINY] | 1185 | 0.03704
dcgan.DCGANGenerator(100, GREY) | [(100,)] | 837505 | 0.1673
dcgan.DCGANDiscriminator(GREY) | [GREY] | 431937 | 0.5501
dcgan.DCGANGenerator(100, COLOUR) | [(100,)] | 1068931 | 0.1547
dcgan.DCGANDiscriminator(COLOUR) | [COLOUR] | 663361 | 0.8798
dcgan.DCGANGenerator(20, COLOUR, 16, strided=False) | [(20,)] | 44179 | 0.1061
dcgan.DCGANDiscriminator(COLOUR, 16, strided=False) | [COLOUR] | 24705 | 0.1577
dcgan.DCGANGenerator(20, COLOUR, 8, start=8, batch_norm=False, hidden=12) | [(20,)] | 14999 |
    1.551e-05
dcgan.DCGANDiscriminator(COLOUR, 8, start=8, batch_norm=False, hidden=12) | [COLOUR] | 14769 |
    0.000144
began.BEGANGenerator(16, COLOUR, 8) | [(16,)] | 10675 | 0.1007
began.AutoencoderDiscriminator(COLOUR, 16, 8) | [COLOUR] | 48251 | 0.5012
cyclegan.ResnetGenerator(3, 1) | [COLOUR] | 53825 | 0.1466
pix2pix.UNet(3, 1) | [COLOUR] | 204793 | 0.1449
pix2pix.PatchDiscriminator(3) | [COLOUR] | 27985 | 0.2242
text_to_image.TextGenerator(5, COLOUR, 6, 8).draw | [(37,)] | 29683 | 0.07106
text_to_image.TextDiscriminator(COLOUR, 6, 8).features | [COLOUR] | 76392 | 0.2039
text_to_image.TextEncoder(6) | WORDS | 1248 | 0.2611
zoo.improved.MinibatchDiscrimination(6) | [(6,)] | 768 | 0.8943
zoo.improved.Packed(nn.Linear(12, 1), 2) | [(6,)] | 13 | 0.2359
zoo.cogan.PairGenerator(5, COLOUR, 8) | [(5,)] | 13686 | 0.05543
zoo.cogan.PairDiscriminator(COLOUR, 8) | [(6, 32, 32)] | 11633 | 0.3804
zoo.lapgan.top_generator(6, TINY, 8) | [(6,)] | 3705 | 0.08427
zoo.lapgan.top_discriminator(TINY, 8) | [TINY] | 2417 | 0.09046
zoo.lapgan.DetailGenerator(TINY, 8) | [(64,), TINY] | 825 | 0.074
zoo.lapgan.DetailDiscriminator(TINY, 8) | [TINY, TINY] | 2409 | 0.1005
measures.classifier.Classifier(GREY, 10) | [GREY] | 114314 | 0.06922
measures.faces.Reader() | [COLOUR] | 291803 | 0.1096
"""

# The same of models, and each loss of a step on numbers from 0 to 1.
MODELS = """
autoencoder.linear_autoencoder() | [GREY] | 50992 | 291.89
autoencoder.deep_autoencoder() | [GREY] | 1083696 | 257.74
autoencoder.conv_autoencoder() | [GREY] | 270561 | 302.22
autoencoder.conv_autoencoder(COLOUR, 16, (8, 12), noise=0.3) | [COLOUR] | 29231 | 1000.2
vae.mlp_vae() | [GREY] | 652824 | 548.64 548.3 0.33635
vae.mlp_vae(TINY, 4, (16,), likelihood="gaussian") | [TINY] | 2345 | 19.715 19.61 0.10447
vae.conv_vae() | [GREY] | 1691369 | 546.24 546.22 0.022146
vae.grid_vae() | [COLOUR] | 26006 | 18871 18845 26.359
hierarchical.two_layer_vae() | [GREY] | 521084 | 549.72 544.4 5.3175
ladder.ladder_vae(width=8, latent=2) | [COLOUR] | 19156 | 18501 18352 148.83
ladder.ladder_vae(TINY, 2, 8, (1, 1), "bernoulli") | [TINY] | 5065 | 48.556 46.006 2.55
pixelcnn.PixelCNN(TINY, 8, 1, places=True) | [TINY] | 1001 | 44.83
pixelcnn.GatedPixelCNN(COLOUR, 6, 1, likelihood="mixture") | [COLOUR] | 2277 | 18071
pixelvae.pixel_vae() | [GREY] | 839633 | 544.51 544.48 0.032358
flows.with_flows(mlp_vae(TINY, 4, (16,)), "planar", 2) | [TINY] | 2650 | 46.289 46.265 0.024739
flows.with_flows(mlp_vae(TINY, 4, (16,)), "iaf", 2) | [TINY] | 6200 | 45.705 44.591 1.1141
flows.with_flows(mlp_vae(TINY, 4, (16,)), "householder", 2) | [TINY] | 2480 |
    45.806 45.077 0.72856
aae.adversarial(deep_autoencoder(TINY, 4, (16,)), hidden=8) | [TINY] | 2397 |
    22.771 1.4292 0.70023 -0.095667 -0.015671
cyclegan.cyclegan(1, 1, width=4, patch_width=4) | [GREY, GREY] | 10556 | 1.9319 1.0319 0.98657
pix2pix.pix2pix(1, 1, width=4, patch_width=4) | [(1, 32, 32), (1, 32, 32)] | 7786 |
    0.49794 0.70464 1.3902 -0.0082145 -0.010516
vaegan.vae_gan(COLOUR, 4, 4) | [COLOUR] | 11756 | 0.53098 89.972 2.0324 1.4363
zoo.bigan.mlp_bigan(TINY, 5, 8) | [TINY] | 1974 | 1.4385 1.3752 -0.16392 -0.0773
zoo.lapgan.LAPGAN((1, 16, 16), 8, 4, 6) | [(1, 16, 16)] | 21492 | 1.3919 0.71676 1.3112 0.71941
"""
# The learning rates and betas of those that come with their optimizers.
RATES = """
aae.adversarial(deep_autoencoder(TINY, 4, (16,)), hidden=8) | 0.001 (0.9, 0.999) |
    0.0005 (0.5, 0.999) | 0.0005 (0.5, 0.999)
cyclegan.cyclegan(1, 1, width=4, patch_width=4) | 0.0004 (0.5, 0.999) | 0.0004 (0.5, 0.999)
pix2pix.pix2pix(1, 1, width=4, patch_width=4) | 0.0005 (0.5, 0.999) | 0.0005 (0.5, 0.999)
text_to_image.text_gan(COLOUR, 6, width=4) | 0.0005 (0.5, 0.999) | 0.001 (0.5, 0.999)
vaegan.vae_gan(COLOUR, 4, 4) | 0.0006 (0.5, 0.999) | 0.0006 (0.5, 0.999) | 0.0006 (0.5, 0.999)
zoo.bigan.mlp_bigan(TINY, 5, 8) | 0.0005 (0.5, 0.999) | 0.0005 (0.5, 0.999)
zoo.lapgan.LAPGAN((1, 8, 8), 8, 4, 6) | 0.0005 (0.5, 0.999) | 0.0005 (0.5, 0.999)
"""


def made_by(made: str) -> Any:
    place = made.partition("(")[0].rpartition(".")[0]
    names = vars(importlib.import_module(f"models.{place}")) | NAMES
    return eval(made.removeprefix(f"{place}."), names)


def sizes(value: Any) -> float:
    """The mean of all numbers of an output, or of several, without their signs."""
    parts = value if isinstance(value, tuple | list) else [value]
    return sum(float(part.abs().mean()) for part in parts)


def parts_of(whole: Any) -> list[Any]:
    """The networks and optimizers of a model, and of the models that it is made of."""
    parts = whole.parts().values() if isinstance(whole, Model) else [whole]
    return [p for part in parts for p in (parts_of(part) if isinstance(part, Model) else [part])]


def learned(whole: Any) -> int:
    """How many numbers it learns."""
    networks = [part for part in parts_of(whole) if isinstance(part, nn.Module)]
    return sum(p.numel() for network in networks for p in network.parameters())


@pytest.mark.parametrize("line", lines(NETWORKS))
def test_a_network_is_what_it_was(line):
    made, given, numbers, mean = line.split(" | ")
    mg.manual_seed(0)
    network = made_by(made)
    inputs = (
        [WORDS]
        if given == "WORDS"
        else [2 * mg.rand(2, *shape) - 1 for shape in eval(given, NAMES)]
    )
    assert learned(network) == int(numbers)
    assert not [name for name in network.state_dict() if name.endswith("mask")]
    assert sizes(network(*inputs)) == pytest.approx(float(mean), rel=1e-3)


@pytest.mark.parametrize("line", lines(MODELS))
def test_a_model_is_what_it_was(line):
    made, given, numbers, losses = line.split(" | ")
    mg.manual_seed(0)
    model, inputs = made_by(made), [mg.rand(3, *shape) for shape in eval(given, NAMES)]
    assert learned(model) == int(numbers)
    expected = [float(number) for number in losses.split()]
    assert losses_of(model, inputs) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def losses_of(model: Any, inputs: list[mg.Tensor]) -> list[float]:
    game = isinstance(model, Model)
    found = model.train_step(*inputs) if game else model.losses(*inputs)
    assert not any(value.requires_grad for value in found.values()) or not game
    return [value.item() for value in found.values()]


def every_output(model: Any, inputs: list[mg.Tensor]) -> list[mg.Tensor]:
    """What a step, and whatever else a model has, make."""
    game = isinstance(model, Model)
    found = [*(model.train_step if game else model.losses)(*inputs).values()]
    if not type(model).__name__.startswith(("Pixel", "Gated")):  # pixel by pixel: seconds
        found += [model.reconstruct(inputs[0])] if hasattr(model, "reconstruct") else []
        found += [model.sample(2)] if hasattr(model, "sample") else []
        found += [model.iwae(inputs[0], 2)] if hasattr(model, "iwae") else []
    return found


@pytest.mark.parametrize("line", lines(MODELS))
def test_a_model_of_doubles_makes_nothing_else(line):
    made, given, *_ = line.split(" | ")
    model, inputs = made_by(made), [mg.rand(2, *shape) for shape in eval(given, NAMES)]
    if not isinstance(model, Model):
        outputs = every_output(model.double(), [x.double() for x in inputs])
        assert {value.dtype for value in outputs} == {mg.float64}


@pytest.mark.parametrize("line", lines(MODELS))
def test_all_that_a_model_makes_is_where_it_is(line, gpu):
    made, given, *_ = line.split(" | ")
    model, inputs = made_by(made).to(gpu), [mg.rand(2, *shape) for shape in eval(given, NAMES)]
    assert {value.device for value in every_output(model, [x.to(gpu) for x in inputs])} == {gpu}


@pytest.mark.parametrize("line", lines(RATES))
def test_rates_are_what_they_were(line):
    made, *rates = line.split(" | ")
    assert rates == rates_of(made_by(made))


def rates_of(model: Model) -> list[str]:
    optimizers = [part for part in parts_of(model) if isinstance(part, optim.Optimizer)]
    groups = [group for each in optimizers for group in each.param_groups]
    return [f"{group['lr']:g} {group['betas']}" for group in groups]
