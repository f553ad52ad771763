"""The zoo's GANs of images: AC-GAN, InfoGAN, BiGAN, CoGAN, LAPGAN."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from models.gan import GAN, MLPDiscriminator, MLPGenerator
from models.zoo.bigan import BiGAN, mlp_bigan, recovered
from models.zoo.cogan import PairDiscriminator, PairGenerator
from models.zoo.heads import ACGAN, InfoGAN
from models.zoo.lapgan import LAPGAN, split
from tests.models.games import trace

SHAPE, HIDDEN, N = (1, 4, 4), (6, 5), 4
LARGER = (1, 28, 28)


def images(n=N, shape=SHAPE) -> mg.Tensor:
    return 2 * mg.rand(n, *shape) - 1


def adams(*parts):
    return [optim.Adam([p for m in part for p in m.parameters()], 1e-2) for part in parts]


def moved(before: dict, part: nn.Module) -> set[bool]:
    """Whether parameters differ from what they were: {True}, {False}, or both."""
    after = trace(part)
    names = [name for name, _ in part.named_parameters()]
    return {after[name] != before[name] for name in names}


def zeroed(*modules: nn.Module) -> None:
    with mg.no_grad():
        for parameter in (p for module in modules for p in module.parameters()):
            parameter.zero_()


# ---- AC-GAN --------------------------------------------------------------------------------------


def acgan(classes=3) -> ACGAN:
    g, d = MLPGenerator(2, HIDDEN, SHAPE, classes), MLPDiscriminator(SHAPE, HIDDEN)
    head = nn.Linear(HIDDEN[-1], classes)
    return ACGAN(g, d, *adams([g], [d, head]), head=head, noise=2)


def test_classes_count_on_data_and_on_samples():
    gan, labels = acgan(), mg.tensor([0, 1, 2, 1])
    zeroed(gan.discriminator, gan.head)
    d, real, fake = gan.discriminator_step(images(), labels)
    assert d.item() == pytest.approx(2 * math.log(2) + 2 * math.log(3))
    assert real.item() == fake.item() == 0
    zeroed(gan.discriminator, gan.head)
    assert gan.generator_step(N, labels).item() == pytest.approx(math.log(2) + math.log(3))


def test_the_class_of_data_and_that_of_samples_teach_the_head():
    gan, labels = acgan(2), mg.tensor([0, 0, 0, 1])
    zeroed(gan.head)
    gan.discriminator_step(images(), labels)
    # at equal logits the bias's slope is the mean of p - y, of data and of samples
    slope = 2 * np.array([0.5 - 0.75, 0.25])
    np.testing.assert_allclose(gan.head.bias.grad.numpy(), slope, rtol=1e-5)


def test_each_of_its_steps_moves_one_side():
    gan, labels = acgan(), mg.tensor([0, 1, 2, 1])
    gan.train_step(images(), labels)
    parts = gan.generator, gan.discriminator, gan.head
    before = [trace(part) for part in parts]
    gan.discriminator_step(images(), labels)
    assert [moved(b, part) for b, part in zip(before, parts, strict=True)] == [
        {False}, {True}, {True}
    ]  # fmt: skip
    before = [trace(part) for part in parts]
    losses = gan.generator_step(N, labels)
    assert trace(gan.discriminator) == before[1] and trace(gan.head) == before[2]
    assert moved(before[0], gan.generator) == {True} and not losses.requires_grad


# ---- InfoGAN -------------------------------------------------------------------------------------


def infogan(info=1.0, categories=3, continuous=2, noise=9) -> InfoGAN:
    g, d = MLPGenerator(noise, HIDDEN, SHAPE), MLPDiscriminator(SHAPE, HIDDEN)
    q = nn.Linear(HIDDEN[-1], categories + continuous)
    how = {"categories": categories, "continuous": continuous, "info": info, "noise": noise}
    return InfoGAN(g, d, *adams([g, q], [d]), q=q, **how)


def test_its_noise_begins_with_a_code():
    z = infogan().draw_noise(3000).numpy()
    kinds, amounts, rest = z[:, :3], z[:, 3:5], z[:, 5:]
    assert set(np.unique(kinds)) == {0, 1} and (kinds.sum(1) == 1).all()
    np.testing.assert_allclose(kinds.mean(0), 1 / 3, atol=0.05)
    assert abs(amounts).max() <= 1 and amounts.std() == pytest.approx(1 / math.sqrt(3), abs=0.03)
    assert rest.std() == pytest.approx(1, abs=0.05) and rest.shape[1] == 4
    asked = infogan().draw_noise(4, mg.tensor([2, 0, 1, 1])).numpy()
    assert asked[:, :3].argmax(1).tolist() == [2, 0, 1, 1]


def test_surprise_is_the_codes_negative_log_likelihood():
    gan = infogan()
    z, read = gan.draw_noise(5), mg.randn(5, 5)
    logits, r = read.numpy()[:, :3].astype(float), read.numpy()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -(log_p * z.numpy()[:, :3]).sum(1) + ((z.numpy()[:, 3:5] - r[:, 3:]) ** 2).sum(1) / 2
    assert gan.surprise(read, z).item() == pytest.approx(expected.mean(), rel=1e-5)


def test_the_information_moves_generator_and_q_and_never_the_discriminator():
    gan = infogan()
    gan.train_step(images())
    parts = gan.generator, gan.q, gan.discriminator
    before = [trace(part) for part in parts]
    gan.generator_step(N)
    found = [moved(b, part) for b, part in zip(before[:2], parts[:2], strict=True)]
    assert found == [{True}, {True}] and trace(gan.discriminator) == before[2]
    before = [trace(part) for part in parts]
    gan.discriminator_step(images())
    assert [trace(part) for part in parts[:2]] == before[:2]
    assert moved(before[2], gan.discriminator) == {True}


def test_without_information_q_stays_as_it_is():
    gan = infogan(info=0.0)
    before = trace(gan.q)
    gan.train_step(images())
    assert moved(before, gan.q) == {False}


def test_a_code_has_to_fit_into_the_noise():
    assert infogan(noise=5).draw_noise(2).shape == (2, 5)
    with pytest.raises(ValueError, match=r"a code of 3 \+ 2 numbers in noise of 4"):
        infogan(noise=4)


# ---- BiGAN ---------------------------------------------------------------------------------------


def test_its_pairs_are_of_an_image_and_its_code_and_of_a_sample_and_its_noise():
    gan, x = mlp_bigan(SHAPE, 3, 6), images()
    real, fake = (pair.numpy(force=True) for pair in gan.pairs(x))
    np.testing.assert_array_equal(real[:, :16], x.numpy().reshape(N, 16))
    np.testing.assert_allclose(real[:, 16:], gan.encode(x).numpy(), 1e-6)
    z = mg.tensor(fake[:, 16:])
    expected = gan.generator(z).numpy(force=True).reshape(N, 16)
    np.testing.assert_allclose(fake[:, :16], expected, 1e-5, 1e-6)


def test_encoder_and_generator_have_labels_the_other_way_round():
    """With D(x, z) = w z, the encoder's bias moves against w, and D's bias against both."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    generator = MLPGenerator(2, (4,), SHAPE)
    discriminator = nn.Sequential(nn.Linear(18, 1, bias=False), nn.Flatten(0))
    w = np.array([1.0, -2.0])
    zeroed(discriminator)
    with mg.no_grad():
        discriminator[0].weight[:, 16:].copy_(mg.tensor(w, dtype=mg.float32))
    parts = generator, discriminator, *adams([generator, encoder], [discriminator])
    gan = BiGAN(*parts, encoder=encoder, noise=2)
    gan.d_optimizer.step = gan.g_optimizer.step = lambda: None
    x = images()
    losses = gan.train_step(x)
    scores = gan.encode(x).numpy() @ w
    share = 1 / (1 + np.exp(-scores))  # the slope of softplus(D(x, E(x)))
    np.testing.assert_allclose(encoder[1].bias.grad.numpy(), share.mean() * w, rtol=1e-4)
    assert losses["real"].item() == pytest.approx(scores.mean(), abs=1e-5)
    codes = gan.encode(x).numpy()
    slope = discriminator[0].weight.grad.numpy()[0, 16:]
    of_data = -((1 - share)[:, None] * codes).mean(0)
    assert np.isfinite(slope).all() and not np.allclose(slope, of_data)  # and that of samples


def test_both_sides_of_a_bigan_move():
    gan = mlp_bigan(SHAPE, 3, 6)
    parts = gan.generator, gan.encoder, gan.discriminator
    before = [trace(part) for part in parts]
    losses = gan.train_step(images())
    assert list(losses) == ["d", "g", "real", "fake"]
    assert all(np.isfinite(v.item()) and not v.requires_grad for v in losses.values())
    for bits, part in zip(before, parts, strict=True):
        assert True in moved(bits, part)


def test_latents_are_found_by_descent():
    generator = nn.Linear(2, 5)
    z = mg.randn(3, 2)
    with mg.no_grad():
        x = generator(z)
    found = recovered(generator, x, mg.zeros(3, 2), steps=400)
    np.testing.assert_allclose(found.numpy(), z.numpy(), atol=0.02)
    assert generator.weight.requires_grad and generator.weight.grad is None


# ---- CoGAN ---------------------------------------------------------------------------------------


def test_a_pairs_images_are_judged_apart():
    d, x = PairDiscriminator(LARGER, 2).eval(), mg.randn(N, 2, 28, 28, requires_grad=True)
    scores = d(x)
    assert scores.shape == (2 * N,)
    for i in (1, N + 1):
        (slope,) = mg.grad(scores[i], [x], retain_graph=True)
        seen = np.abs(slope.numpy()).sum((2, 3)) > 0
        expected = np.zeros((N, 2), bool)
        expected[1, i // N] = True
        np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_shared_is_the_trunk(shared):
    g, d = (
        PairGenerator(3, LARGER, 2, shared=shared),
        PairDiscriminator(LARGER, 2, shared=shared),
    )
    assert g(mg.randn(N, 3)).shape == (N, 2, 28, 28)
    for network in (g, d):
        assert len(network.trunks) == 1 + (not shared)
    losses = GAN(g, d, *adams([g], [d]), noise=3).train_step(images(N, (2, 28, 28)))
    assert all(np.isfinite(v.item()) for v in losses.values())
    with mg.no_grad():
        for tail, _ in g.tails:
            tail.weight.copy_(g.tails[0][0].weight)
            tail.bias.copy_(g.tails[0][0].bias)
    first, second = g(mg.randn(N, 3)).numpy(force=True).transpose(1, 0, 2, 3)
    assert np.array_equal(first, second) is shared


# ---- LAPGAN --------------------------------------------------------------------------------------


def lapgan() -> LAPGAN:
    return LAPGAN((2, 16, 16), smallest=4, width=2, noise=3)


def test_an_image_is_its_blurred_one_and_its_details():
    x = images(3, (2, 8, 8))
    small, details, blurred = (part.numpy() for part in split(x))
    means = x.numpy().reshape(3, 2, 4, 2, 4, 2).mean((3, 5))
    np.testing.assert_allclose(small, means, 1e-5, 1e-6)
    np.testing.assert_allclose(blurred, means.repeat(2, 2).repeat(2, 3), 1e-5, 1e-6)
    np.testing.assert_allclose(details + blurred, x.numpy(), 1e-5, 1e-6)


def test_with_the_right_details_the_image_comes_back():
    model, x = lapgan(), images(3, (2, 16, 16))
    small, right = x, []
    for _ in model.details:
        small, details, _ = split(small)
        right.append(details)
    for gan, details in zip(model.details, right, strict=True):
        gan.sample = lambda n, blurred, details=details: details
    np.testing.assert_allclose(model.enlarged(small).numpy(), x.numpy(), 1e-5, 1e-6)


def test_every_pixel_is_under_as_many_taps_as_its_neighbours():
    """A kernel that its stride does not divide draws a chequerboard."""
    networks = [part for gan in (*lapgan().details, lapgan().top) for part in vars(gan).values()]
    layers = [m for n in networks if isinstance(n, nn.Module) for m in n.modules()]
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert any(m.stride != (1, 1) for m in convolutions)
    for m in convolutions:
        assert all(k % s == 0 for k, s in zip(m.kernel_size, m.stride, strict=True)), m


def test_every_level_learns_the_details_of_data():
    model, x = lapgan(), images(3, (2, 16, 16))
    seen = []
    for gan in (*model.details, model.top):
        step = gan.train_step
        gan.train_step = lambda *batch, step=step: seen.append(batch) or step(*batch)
    losses = model.train_step(x)
    assert list(losses) == ["d0", "g0", "d1", "g1", "d_top", "g_top"]
    small, details, blurred = split(x)
    for given, expected in zip((*seen[0], seen[1][0]), (details, blurred, split(small)[1])):
        np.testing.assert_array_equal(given.numpy(), expected.numpy())
    assert seen[2][0].shape == (3, 2, 4, 4) and model.sample(2).shape == (2, 2, 16, 16)


def test_a_pyramid_goes_on_from_its_state(tmp_path):
    model, x = lapgan(), images(3, (2, 16, 16))
    model.train_step(x)
    mg.save(model.state_dict(), tmp_path / "it")
    other = lapgan()
    other.load_state_dict(mg.load(tmp_path / "it"))
    found = []
    for one in (model, other):
        mg.manual_seed(5)
        found.append([v.item() for v in one.train_step(x).values()])
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="12 is not 4 times a power of 2"):
        LAPGAN((1, 12, 12), smallest=4)
