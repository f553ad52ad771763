"""DCGAN: the five guidelines and their exception, shapes, first weights, labels, gradients."""

from itertools import pairwise

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models.dcgan import SIZES, DCGANDiscriminator, DCGANGenerator
from models.gan import GAN
from models.objectives import named

NOISE, WIDTH = 5, 4


def networks(size=28, colours=1, classes=0, width=WIDTH, leak=0.2, **options):
    shape = (colours, size, size)
    return (
        DCGANGenerator(NOISE, shape, width, classes, **options),
        DCGANDiscriminator(shape, width, classes, leak=leak, **options),
    )


def game(*modules, **rules) -> GAN:
    optimizers = [optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in modules]
    return GAN(*modules, *optimizers, named(**rules), noise=NOISE)


def kinds(network) -> list[str]:
    return [type(layer).__name__ for layer in network]


def trace(module: nn.Module) -> dict[str, bytes | None]:
    """Every bit of a module's parameters, their gradients, and its buffers."""
    bits = {name: tensor.numpy().tobytes() for name, tensor in module.state_dict().items()}
    for name, p in module.named_parameters():
        bits[f"{name}.grad"] = None if p.grad is None else p.grad.numpy().tobytes()
    return bits


# ---- shapes --------------------------------------------------------------------------------------


def test_the_networks_of_a_shape_alone():
    """Those of the paper: no labels, normalization, strides, no dense layer, a leak of 0.2."""
    generator, discriminator = DCGANGenerator(NOISE, (1, 28, 28)), DCGANDiscriminator((1, 28, 28))
    assert generator.embedding is None and discriminator.embedding is None
    slopes = [layer.negative_slope for layer in discriminator.modules()
              if isinstance(layer, nn.LeakyReLU)]  # fmt: skip
    assert slopes == [0.2] * len(slopes)
    given = networks(width=64)
    for network, same in zip((generator, discriminator), given, strict=True):
        shapes = [[(name, p.shape) for name, p in n.named_parameters()] for n in (network, same)]
        assert shapes[0] == shapes[1]


UNDONE = {"none": {}, "batch norm": {"batch_norm": False}, "strides": {"strided": False},
          "dense": {"hidden": 6}}  # fmt: skip


@pytest.mark.parametrize("options", UNDONE.values(), ids=UNDONE)
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_shapes_and_range(size, colours, options):
    generator, discriminator = networks(size, colours, classes=3, width=2, **options)
    labels = mg.tensor([0, 2])
    x = generator(mg.randn(2, NOISE), labels)
    assert x.shape == (2, colours, size, size)
    assert x.dtype == mg.float32
    assert np.abs(x.numpy(force=True)).max() <= 1
    assert discriminator(x, labels).shape == (2,)


@pytest.mark.parametrize(
    ("size", "start", "channels"),
    [
        (28, 2, [32, 16, 8, 4]),
        (28, 4, [16, 8, 4]),
        (28, 7, [8, 4]),
        (32, 4, [16, 8, 4]),
        (64, 4, [32, 16, 8, 4]),
    ],
)
def test_channels_halve_where_the_image_doubles(size, start, channels):
    generator, discriminator = networks(size, start=start)
    up = [m for m in generator.layers if isinstance(m, nn.ConvTranspose2d)]
    down = [m for m in discriminator.features if isinstance(m, nn.Conv2d)]
    assert [m.in_channels for m in up] == [NOISE, *channels]
    assert [m.out_channels for m in down] == channels[::-1]


@pytest.mark.parametrize("shape", [(1, 30, 30), (3, 32, 64), (28, 28), (1, 28, 28, 1)])
@pytest.mark.parametrize("kind", ["DCGANGenerator", "DCGANDiscriminator"])
def test_other_sizes_are_refused(kind, shape):
    make = {
        "DCGANGenerator": lambda: DCGANGenerator(NOISE, shape),
        "DCGANDiscriminator": lambda: DCGANDiscriminator(shape),
    }[kind]
    with pytest.raises(ValueError, match=f"{kind}: images must be .*28x28, 32x32, 64x64, got"):
        make()


@pytest.mark.parametrize("kind", [DCGANGenerator, DCGANDiscriminator])
def test_an_image_begins_at_a_size_on_its_way(kind):
    noise = [NOISE] if kind is DCGANGenerator else []
    with pytest.raises(ValueError, match=rf"{kind.__name__}: start must be one of \(2, 4, 7, 14\)"):
        kind(*noise, (1, 28, 28), start=5)


@pytest.mark.parametrize(
    ("size", "start", "seen"),
    [(28, 4, 18), (28, 2, 27), (32, 4, 22), (32, 2, 31), (64, 4, 46), (64, 2, 63)],
)
def test_how_much_of_a_row_a_place_sees(size, start, seen):
    """The place in the middle, by the gradient of one of its features."""
    _, discriminator = networks(size, start=start, batch_norm=False)
    x = mg.zeros(1, 1, size, size, requires_grad=True)
    for parameter in discriminator.features.parameters():
        nn.init.constant_(parameter, 0.1)
    h = discriminator.features[:-1](x)
    h[0, 0, start // 2, start // 2].backward()
    assert (x.grad.numpy()[0, 0].any(axis=0)).sum() == seen


@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("start", [2, 4, 7, 14])
def test_every_step_of_the_way_has_its_size(start, strided):
    generator, discriminator = networks(28, start=start, strided=strided)
    shapes = []
    for part in (generator.layers, discriminator.features):
        for layer in part:
            if isinstance(layer, nn.ReLU | nn.LeakyReLU):
                layer.forward = lambda x, f=layer.forward: shapes.append(x.shape[2]) or f(x)
    discriminator(generator(mg.randn(2, NOISE)))
    sizes = [size for size in SIZES[28][:-1] if size >= start]
    assert shapes == [*sizes, *sizes[::-1]]


# ---- the guidelines ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_guidelines_hold(size):
    generator, discriminator = networks(size)
    sizes = SIZES[size][1:]  # from 4x4 on
    doublings = len(sizes) - 1
    up = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(generator.layers) == ["Unflatten", *up * doublings, "ConvTranspose2d", "Tanh"]
    assert kinds(discriminator.features) == [
        *("Conv2d", "LeakyReLU"),
        *["Conv2d", "BatchNorm2d", "LeakyReLU"] * (doublings - 1),
        "Flatten",
    ]
    strides = [m.stride for m in generator.layers if isinstance(m, nn.ConvTranspose2d)]
    assert strides == [(1, 1), *[(2, 2)] * doublings]
    down = [m for m in discriminator.features if isinstance(m, nn.Conv2d)]
    assert all(m.stride == (2, 2) for m in down)
    # Of 4 taps, so that each pixel meets as many; 7 is half of 14, but 4 is not half of 7.
    taps = [3 if (a, b) == (4, 7) else 4 for a, b in pairwise(sizes)]
    ups = [m.kernel_size for m in generator.layers if isinstance(m, nn.ConvTranspose2d)]
    assert ups == [(4, 4), *((n, n) for n in taps)]
    assert [m.kernel_size for m in down] == [(n, n) for n in reversed(taps)]
    leaks = [m.negative_slope for m in discriminator.features if isinstance(m, nn.LeakyReLU)]
    assert set(leaks) == {0.2}
    # A bias before a batch normalization would be subtracted again.
    assert [m.bias is None for m in down] == [False, *[True] * (doublings - 1)]


@pytest.mark.parametrize(
    ("options", "gone", "new"),
    [
        ({"batch_norm": False}, {"BatchNorm2d"}, set()),
        ({"strided": False}, set(), {"Upsample", "MaxPool2d", "Conv2d"}),
        ({"hidden": 6}, set(), {"Linear"}),
    ],
)
def test_one_guideline_undone(options, gone, new):
    usual, changed = networks(), networks(**options)
    before, after = ([set(kinds(g.layers)), set(kinds(d.features))] for g, d in (usual, changed))
    for network_before, network_after in zip(before, after, strict=True):
        assert network_before - network_after - {"ConvTranspose2d"} == gone
        assert network_after - network_before <= new
    assert after[0] | after[1] == (before[0] | before[1]) - gone | new
    steps = [m.stride for m in (*changed[0].layers, *changed[1].features) if hasattr(m, "stride")]
    assert ((2, 2) in steps) == options.get("strided", True)


def test_without_a_leak_the_discriminator_has_relus():
    _, discriminator = networks(leak=0)
    x = mg.tensor([-3.0, 2.0])
    activations = [m for m in discriminator.features if isinstance(m, nn.LeakyReLU)]
    assert all(m(x).tolist() == [0, 2] for m in activations)


@pytest.mark.parametrize("size", SIZES)
def test_first_weights(size):
    for network in networks(size, classes=10, width=16):
        modules = [m for m in network.modules() if not isinstance(m, nn.Embedding)]
        for module in modules:
            weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
            if weight is not None:
                mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
                values, n = weight.numpy(force=True), weight.numel()
                assert abs(values.mean() - mean) < 4 * 0.02 / n**0.5
                assert values.std() == pytest.approx(0.02, rel=3.5 / (2 * n) ** 0.5)
            if bias is not None:
                assert not bias.numpy(force=True).any()


# ---- labels --------------------------------------------------------------------------------------


def test_both_networks_read_the_labels():
    generator, discriminator = networks(classes=3)
    gan = game(generator, discriminator)
    x, labels = mg.rand(6, 1, 28, 28) * 2 - 1, mg.tensor([0, 1, 2] * 2)
    gan.train_step(x, labels)
    for network in (generator, discriminator):
        assert np.abs(network.embedding.weight.grad.numpy()).sum(1).min() > 0
    z = gan.draw_noise(1).expand(3, NOISE)
    images = gan.generate(z, mg.tensor([0, 1, 2])).numpy()
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3
    one = discriminator.eval()(x[:1].expand(3, 1, 28, 28), mg.tensor([0, 1, 2]))
    assert len(set(one.tolist())) == 3


def test_the_discriminator_leaks_a_fifth():
    """As in the paper, unless told otherwise: section 3."""
    features = DCGANDiscriminator((1, 28, 28), WIDTH, hidden=6).features
    slopes = [layer.negative_slope for layer in features if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.2] * 4


# ---- the game ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [{}, {"r1": 1.0}, {"objective": "wgan", "gp": 10.0}])
def test_each_players_step_leaves_the_other_bit_for_bit(rules):
    """Buffers of batch normalization and gradients included."""
    gan = game(*networks(width=2), **rules)
    x = mg.rand(4, 1, 28, 28) * 2 - 1
    for _ in range(2):  # without gradients, then with
        before = trace(gan.generator)
        gan.discriminator_step(x)
        assert trace(gan.generator) == before
        before = trace(gan.discriminator)
        gan.generator_step(4)
        assert trace(gan.discriminator) == before


def test_gradients_of_one_step_are_not_added_to_those_of_the_last():
    """Nor those of data to themselves: without moving, each step finds the same gradients."""
    gan = game(*networks(width=2))
    x, z = mg.rand(4, 1, 28, 28) * 2 - 1, mg.randn(4, NOISE)
    gan.draw_noise = lambda n: z
    gan.g_optimizer.step = gan.d_optimizer.step = lambda: None
    seen = []
    for _ in range(2):
        gan.train_step(x)
        seen.append({**trace(gan.generator), **trace(gan.discriminator)})
    gradients = [name for name in seen[0] if name.endswith("grad")]
    assert all(seen[0][name] == seen[1][name] for name in gradients)
    assert all(any(seen[0][name]) for name in gradients)


def test_every_parameter_moves():
    gan = game(*networks(classes=2))
    modules = {"g": gan.generator, "d": gan.discriminator}
    values = lambda: {
        f"{part}.{name}": p.numpy(force=True).copy()
        for part, module in modules.items()
        for name, p in module.named_parameters()
    }
    before = values()
    for _ in range(2):
        gan.train_step(mg.rand(4, 1, 28, 28) * 2 - 1, mg.tensor([0, 1, 1, 0]))
    after = values()
    assert not [name for name in before if np.array_equal(before[name], after[name])]


def test_without_batch_norm_an_images_score_is_its_own():
    """Which the penalties of WGAN-GP and R1 take for granted."""
    for batch_norm in (True, False):
        _, discriminator = networks(batch_norm=batch_norm)
        x = mg.rand(4, 1, 28, 28)
        together, alone = discriminator(x)[:2].numpy(force=True), discriminator(x[:2])
        assert np.allclose(together, alone.numpy(force=True), atol=1e-7) != batch_norm


@pytest.mark.parametrize("options", [{}, {"strided": False}, {"hidden": 6}], ids=str)
def test_gradients_are_those_of_finite_differences(options):
    """Of both players' losses in float64, in a random direction of each parameter."""
    generator, discriminator = (m.double() for m in networks(width=2, classes=2, **options))
    for name, p in [*generator.named_parameters(), *discriminator.named_parameters()]:
        # As first drawn, scores are too near 0 to see them change, and where all ReLUs are off
        # images are exactly 0: all the inputs of a pooling are then equal, which is a kink.
        if "embedding" not in name and (p.ndim > 1 or name.endswith("bias")):
            nn.init.normal_(p, 0.0, 0.3)
    labels = mg.tensor([0, 1, 1])
    x = mg.rand(3, 1, 28, 28, dtype=mg.float64) * 2 - 1
    z = mg.randn(3, NOISE, dtype=mg.float64)

    def losses():
        fake = generator(z, labels)
        scores = discriminator(fake, labels)
        d_loss = (-discriminator(x, labels)).exp().mean() + scores.exp().mean()
        return {generator: (-scores).exp().mean(), discriminator: d_loss}

    rng = np.random.default_rng(0)
    for network in (generator, discriminator):
        names, parameters = zip(*network.named_parameters(), strict=True)
        slopes = mg.grad(losses()[network], list(parameters))
        for name, p, slope in zip(names, parameters, slopes, strict=True):
            direction = rng.standard_normal(p.shape)
            values, eps = p.numpy(force=True).copy(), 1e-6
            ends = []
            for sign in (1, -1):
                with mg.no_grad():
                    p.copy_(mg.tensor(values + sign * eps * direction))
                    ends.append(losses()[network].item())
            with mg.no_grad():
                p.copy_(mg.tensor(values))
            expected = (ends[0] - ends[1]) / (2 * eps)
            got = float((slope.numpy() * direction).sum())
            assert got == pytest.approx(expected, rel=1e-4, abs=1e-7), name
