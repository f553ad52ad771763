"""A GAN's loop: who moves and who does not, samples, averages, conditions, state."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.backend.cpu import CPU
from minigrad.tape import Leaf
from models.adversarial import Average, frozen, untouched_buffers
from models.gan import MLP, MLPDiscriminator, MLPGenerator
from tests.models.games import (
    BOTH,
    NOISE,
    RULES,
    ConvDiscriminator,
    ConvGenerator,
    game,
    images,
    mlps,
    points,
    steps_of,
    trace,
)

# ---- who moves, and who does not -----------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_discriminator_step_leaves_no_trace_in_the_generator(networks, data, rules):
    gan = game(networks(), **rules)
    before, place = trace(gan.generator), list(gan.generator.buffers())
    gan.discriminator_step(data())
    assert trace(gan.generator) == before
    assert all(p.grad is None for p in gan.generator.parameters())
    gan.generator_step(6)
    before = trace(gan.generator)  # now with gradients
    gan.discriminator_step(data())
    assert trace(gan.generator) == before
    assert all(a is b for a, b in zip(gan.generator.buffers(), place, strict=True))


@BOTH
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_generator_step_leaves_no_trace_in_the_discriminator(networks, data, rules):
    gan = game(networks(), **rules)
    before = trace(gan.discriminator)
    gan.generator_step(6)
    assert trace(gan.discriminator) == before
    assert all(p.grad is None and p.requires_grad for p in gan.discriminator.parameters())
    gan.discriminator_step(data())
    before = trace(gan.discriminator)
    gan.generator_step(6)
    assert trace(gan.discriminator) == before


@BOTH
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_both_players_move_in_every_parameter(networks, data, rules):
    gan = game(networks(), **rules)
    parts = {"generator": gan.generator, "discriminator": gan.discriminator}
    before = {
        f"{part}.{name}": p.numpy(force=True).copy()
        for part, module in parts.items()
        for name, p in module.named_parameters()
    }
    for _ in range(3):
        losses = gan.train_step(data())
    # What is added to all scores cannot tell data from samples: it moves where labels fix it only.
    last = [name for name in before if name.startswith("discriminator")][-1]
    if rules["objective"] in ("wgan", "hinge"):
        del before[last]
    for name, bits in before.items():
        part, _, rest = name.partition(".")
        after = dict(parts[part].named_parameters())[rest].numpy(force=True)
        assert not np.array_equal(bits, after), name
    assert all(np.isfinite(value.item()) and not value.requires_grad for value in losses.values())


def test_a_step_is_k_discriminator_steps_and_one_of_the_generator():
    gan, x = game(k=3), points(12)
    shares = []
    step = gan.discriminator_step
    gan.discriminator_step = lambda x: shares.append(x.numpy()) or step(x)
    drawn = []
    noise = gan.draw_noise
    gan.draw_noise = lambda n: drawn.append(n) or noise(n)
    gan.train_step(x)
    assert np.array_equal(np.concatenate(shares), x.numpy())
    assert [len(share) for share in shares] == [4, 4, 4]
    assert drawn == [4, 4, 4, 4]  # new noise for every step
    assert steps_of(gan.d_optimizer) == 3
    assert steps_of(gan.g_optimizer) == 1


def test_data_and_samples_have_their_own_batch_statistics():
    discriminator = ConvDiscriminator()
    batches = []
    norm = discriminator[3]
    forward = norm.forward
    norm.forward = lambda x: batches.append(len(x)) or forward(x)
    gan = game((ConvGenerator(), discriminator))
    gan.discriminator_step(images(6))
    assert batches == [6, 6]  # and not one batch of 12
    assert norm.num_batches_tracked.item() == 2


def test_the_mode_of_the_networks_is_not_changed():
    gan = game((ConvGenerator(), ConvDiscriminator()))
    seen = []
    forward = gan.discriminator.forward
    gan.discriminator.forward = lambda x: seen.append(gan.discriminator.training) or forward(x)
    gan.train_step(images())
    assert seen == [True, True, True]  # batch statistics in the generator's step too
    gan.generator.eval()
    gan.sample(2)
    assert not gan.generator.training


def test_no_weight_gradients_of_the_discriminator_are_made_in_the_generators_step(monkeypatch):
    made = []
    accumulate = Leaf.accumulate
    monkeypatch.setattr(
        Leaf, "accumulate", lambda leaf, g: made.append(leaf) or accumulate(leaf, g)
    )
    gan = game()
    gan.generator_step(4)
    assert set(made) == {p.node for p in gan.generator.parameters()}


def test_frozen_lets_go_and_keeps_what_was_frozen_before():
    _, discriminator = mlps()
    first, *others = discriminator.parameters()
    first.requires_grad_(False)
    with frozen(discriminator):
        assert not any(p.requires_grad for p in discriminator.parameters())
    assert not first.requires_grad
    assert all(p.requires_grad for p in others)


def test_noise_is_normal_as_the_generator_has_numbers():
    z = game().draw_noise(4_000)
    assert z.shape == (4_000, NOISE) and z.dtype == mg.float32
    values = np.sort(z.numpy().ravel())
    np.testing.assert_allclose(np.quantile(values, [0.16, 0.5, 0.84]), [-1, 0, 1], atol=0.06)


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    for rules in RULES.values():
        gan, x = game(**rules, ema=0.9), points()
        with monkeypatch.context() as patch:
            patch.setattr(CPU, "to_numpy", fetch)
            losses = gan.train_step(x)
        assert np.isfinite(losses["d"].item())


# ---- sampling, averages, conditions --------------------------------------------------------------


def test_sampling_leaves_every_bit_as_it_is():
    gan = game((ConvGenerator(), ConvDiscriminator()), ema=0.5)
    for _ in range(3):
        gan.train_step(images())
    modules = gan.generator, gan.discriminator, gan.average.module
    z = gan.draw_noise(5)
    before, random = [trace(m) for m in modules], mg.get_rng_state().copy()
    samples = gan.generate(z)
    assert [trace(m) for m in modules] == before
    assert np.array_equal(random, mg.get_rng_state())
    assert samples.node is None
    # Each sample on its own, not a function of its batch.
    assert np.allclose(gan.generate(z[:2]).numpy(), samples.numpy()[:2], atol=1e-6)


def test_the_average_is_the_one_that_its_definition_gives():
    gan = game((ConvGenerator(), ConvDiscriminator()), ema=0.8)
    expected = {name: t.numpy().copy() for name, t in gan.generator.state_dict().items()}
    for t in range(1, 15):
        gan.train_step(images())
        keep = min(0.8, (1 + t) / (10 + t))
        for name, value in gan.generator.state_dict().items():
            if "num_batches" in name:
                expected[name] = value.numpy()
            else:
                expected[name] = keep * expected[name] + (1 - keep) * value.numpy()
    for name, value in gan.average.module.state_dict().items():
        assert np.allclose(value.numpy(), expected[name], rtol=1e-4, atol=1e-6), name
    z = gan.draw_noise(3)
    mine = gan.average.module.eval()(z).numpy(force=True)
    assert np.array_equal(gan.generate(z).numpy(), mine)
    assert not np.allclose(gan.generator.eval()(z).numpy(force=True), mine)


def test_untouched_buffers_come_back_after_an_error():
    norm = nn.BatchNorm1d(2)
    before = {name: (b, b.numpy().copy()) for name, b in norm.named_buffers()}

    def work() -> None:
        with untouched_buffers(norm):
            norm(mg.ones(4, 2))
            assert norm.running_mean.tolist() != [0, 0]
            norm(mg.ones(1, 2))

    with pytest.raises(ValueError, match="more than one value"):
        work()
    for name, buffer in norm.named_buffers():
        assert buffer is before[name][0]
        assert np.array_equal(buffer.numpy(), before[name][1])


def test_conditional_networks_read_their_labels():
    gan = game(mlps(classes=3))
    labels = mg.tensor([0, 1, 2, 0, 1, 2])
    gan.train_step(points(), labels)
    for part in (gan.generator, gan.discriminator):
        assert part.embedding.weight.grad is not None
    z = gan.draw_noise(1).expand(3, NOISE)
    samples = gan.generate(z, mg.tensor([0, 1, 2])).numpy()
    assert len(np.unique(samples.round(6), axis=0)) == 3


def test_shapes_of_the_networks():
    generator, discriminator = (
        MLPGenerator(5, (7, 6), (1, 28, 28)),
        MLPDiscriminator((1, 28, 28), (7, 6)),
    )
    x = generator(mg.randn(4, 5))
    assert x.shape == (4, 1, 28, 28)
    assert np.abs(x.numpy(force=True)).max() <= 1
    assert discriminator(x).shape == (4,)
    shapes = [p.shape for p in generator.layers.parameters()]
    assert shapes == [(7, 5), (7,), (6, 7), (6,), (784, 6), (784,)]
    assert [type(m) for m in MLP((2, 3, 1), nn.Tanh).layers] == [nn.Linear, nn.Tanh, nn.Linear]


# ---- state, and bad input ------------------------------------------------------------------------


def test_a_game_goes_on_from_its_saved_state_bit_for_bit(tmp_path):
    data = [images() for _ in range(8)]

    def begin():
        mg.manual_seed(5)
        return game((ConvGenerator(), ConvDiscriminator()), gp=1.0, ema=0.9)

    whole = begin()
    for x in data:
        whole.train_step(x)
    gan = begin()
    for x in data[:4]:
        gan.train_step(x)
    mg.serialization.save({"gan": gan.state_dict(), "random": mg.get_rng_state()}, tmp_path / "it")
    gan = game((ConvGenerator(), ConvDiscriminator()), gp=1.0, ema=0.9)  # other weights
    saved = mg.serialization.load(tmp_path / "it")
    gan.load_state_dict(saved["gan"])
    mg.set_rng_state(saved["random"])
    for x in data[4:]:
        gan.train_step(x)
    for ours, theirs in [
        (gan.generator, whole.generator),
        (gan.discriminator, whole.discriminator),
        (gan.average.module, whole.average.module),
    ]:
        assert trace(ours) == trace(theirs)


def test_a_state_with_other_parts_is_refused():
    with pytest.raises(ValueError, match="average"):
        game().load_state_dict(game(ema=0.9).state_dict())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"objective": "began"}, "unknown objective 'began'; expected one of minimax"),
        ({"k": 0}, "k must be at least 1"),
        ({"gp": -1.0}, "gp -1.0"),
        ({"r1": math.nan}, "r1 nan"),
        ({"objective": "wgan", "label_smoothing": 0.1}, "no labels, as with 'wgan'"),
        ({"label_smoothing": 1.0}, "below 1"),
        ({"ema": 1.0}, "decay"),
    ],
)
def test_bad_rules_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        game(**rules)


def test_an_average_decays_by_less_than_one():
    with pytest.raises(ValueError, match="decay"):
        Average(nn.Linear(1, 1), -0.1)
