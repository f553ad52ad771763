"""The GAN's loop: who moves and who does not, gradients, penalties, objectives, averages, state."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
from minigrad.tools.gradcheck import gradcheck, gradgradcheck
from models.adversarial import Average, frozen, untouched_buffers
from models.gan import GAN, MLP, MLPDiscriminator, MLPGenerator
from models.objectives import OBJECTIVES, named
from models.penalties import gradient_penalty, squared_slope

# Every objective as it is used, with its penalty.
RULES = {
    "minimax": {"objective": "minimax"},
    "non-saturating": {"objective": "non-saturating"},
    "smoothed": {"objective": "non-saturating", "label_smoothing": 0.1},
    "lsgan": {"objective": "lsgan"},
    "wgan": {"objective": "wgan", "clip": 0.05},
    "wgan-gp": {"objective": "wgan", "gp": 10.0},
    "r1": {"objective": "non-saturating", "r1": 1.0},
    "hinge": {"objective": "hinge"},
}
NOISE = 3


class ConvGenerator(nn.Sequential):
    """Noise (N, 3) to images (N, 1, 4, 4), with batch normalization."""

    def __init__(self):
        super().__init__(
            nn.Linear(NOISE, 16), nn.Unflatten(1, (4, 2, 2)),
            nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip


class ConvDiscriminator(nn.Sequential):
    """Images (N, 1, 4, 4) to scores (N, 1), with batch normalization."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 4, 3, 1, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(4, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(16, 1),
        )  # fmt: skip


def mlps(hidden=(8, 8), classes=0):
    return MLPGenerator(NOISE, hidden, (2,), classes), MLPDiscriminator((2,), hidden, classes)


def game(networks=None, lr=1e-2, k=1, ema=0.0, **rules) -> GAN:
    generator, discriminator = networks or mlps()
    return GAN(
        generator,
        discriminator,
        optim.Adam(generator.parameters(), lr, betas=(0.5, 0.999)),
        optim.Adam(discriminator.parameters(), lr, betas=(0.5, 0.999)),
        named(**rules),
        noise=NOISE,
        k=k,
        ema=ema,
    )


def points(n=6) -> mg.Tensor:
    return mg.randn(n, 2)


def images(n=6) -> mg.Tensor:
    return mg.rand(n, 1, 4, 4) * 2 - 1


BOTH = pytest.mark.parametrize(
    ("networks", "data"),
    [(mlps, points), (lambda: (ConvGenerator(), ConvDiscriminator()), images)],
    ids=["mlp", "conv"],
)


def trace(module: nn.Module) -> dict[str, bytes | None]:
    """Every bit of a module's parameters, their gradients, and its buffers."""
    bits = {name: p.numpy(force=True).tobytes() for name, p in module.named_parameters()}
    bits |= {name: b.numpy().tobytes() for name, b in module.named_buffers()}
    for name, p in module.named_parameters():
        bits[f"{name}.grad"] = None if p.grad is None else p.grad.numpy().tobytes()
    return bits


def steps_of(optimizer: optim.Adam) -> int:
    return optimizer.state_dict()["state"][0]["step"]


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
    accumulate = mg.autograd._accumulate
    monkeypatch.setattr(
        mg.autograd, "_accumulate", lambda leaf, g: made.append(leaf) or accumulate(leaf, g)
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


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    for rules in RULES.values():
        gan, x = game(**rules, ema=0.9), points()
        with monkeypatch.context() as patch:
            patch.setattr(CPU, "to_numpy", fetch)
            losses = gan.train_step(x)
        assert np.isfinite(losses["d"].item())


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_generators_gradient_is_the_slope_of_its_objective_through_d(name):
    generator, discriminator = (m.double() for m in mlps((5,)))
    gan = game((generator, discriminator), objective=name)
    z = mg.randn(4, NOISE, dtype=mg.float64)
    gan.draw_noise = lambda n: z
    gan.g_optimizer.step = lambda: None
    gan.generator_step(4)

    def objective() -> float:
        a = discriminator(generator(z)).numpy(force=True)
        log_d, log_not_d = -np.logaddexp(0, -a), -np.logaddexp(0, a)
        values = {
            "minimax": log_not_d,
            "non-saturating": -log_d,
            "lsgan": (a - 1) ** 2 / 2,
            "wgan": -a,
            "hinge": -a,
        }
        return float(values[name].mean())

    for parameter in generator.parameters():
        slope = numeric_gradient(objective, parameter)
        assert np.allclose(parameter.grad.numpy(), slope, rtol=1e-5, atol=1e-8)


def numeric_gradient(f, parameter, eps=1e-6) -> np.ndarray:
    """Central differences of f() in a parameter's elements."""
    array = parameter.data.reshape(-1)
    slopes = np.empty_like(array)
    for i, value in enumerate(array.copy()):
        array[i] = value + eps
        above = f()
        array[i] = value - eps
        slopes[i] = (above - f()) / (2 * eps)
        array[i] = value
    return slopes.reshape(parameter.shape)


class SmoothCritic(nn.Sequential):
    """A critic without kinks, on which finite differences can be trusted."""

    def __init__(self):
        super().__init__(
            nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4), nn.Softplus(), nn.Linear(4, 1)
        )
        self.double()


@pytest.mark.parametrize("kind", ["r1", "gp"])
def test_gradients_of_penalties_are_those_of_finite_differences(kind):
    critic = SmoothCritic()
    x, y = (mg.randn(5, 2, dtype=mg.float64) for _ in range(2))

    def penalty() -> mg.Tensor:
        mg.manual_seed(3)  # the same points between
        if kind == "gp":
            return gradient_penalty(critic, x, y)
        at = x.detach().requires_grad_()
        return squared_slope(critic(at), at)

    penalty().backward()
    for parameter in list(critic.parameters())[:-1]:
        slope = numeric_gradient(lambda: penalty().item(), parameter)
        assert np.allclose(parameter.grad.numpy(), slope, rtol=1e-5, atol=1e-8)
        assert np.abs(slope).max() > 1e-4
    assert list(critic.parameters())[-1].grad is None  # a slope does not depend on the last bias


def test_penalties_have_the_closed_forms_of_a_linear_critic():
    critic = nn.Linear(2, 1)
    with mg.no_grad():
        critic.weight.copy_([[3.0, 4.0]])
    x = mg.randn(5, 2).requires_grad_()
    assert squared_slope(critic(x), x).item() == pytest.approx(25, rel=1e-6)
    assert gradient_penalty(critic, x, mg.randn(5, 2)).item() == pytest.approx(16, rel=1e-6)


def test_the_gradient_penalty_of_a_flat_critic_is_one_and_has_a_gradient():
    critic = nn.Linear(2, 1)
    with mg.no_grad():
        critic.weight.zero_()
    penalty = gradient_penalty(critic, points(), points())
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(critic.weight.grad.numpy()).all()


def test_the_gradient_penalty_looks_between_data_and_samples():
    seen = []

    def critic(x):
        seen.append(x.numpy(force=True))
        return x.square().sum(1)

    real, fake = mg.zeros(1000, 2), mg.ones(1000, 2)
    gradient_penalty(critic, real, fake)
    (between,) = seen
    assert np.array_equal(between[:, 0], between[:, 1])  # one number per sample
    assert between.min() >= 0 and between.max() <= 1
    assert between.mean() == pytest.approx(0.5, abs=0.05)


def test_backward_through_a_changed_discriminator_is_an_error():
    """Samples made once, and their scores used for both players: the second backward would go
    through weights that the discriminator's step has changed."""
    gan = game()
    samples = gan.generator(gan.draw_noise(4))
    scores = gan.discriminator(samples)
    loss = OBJECTIVES["non-saturating"].fake(gan.discriminator(samples.detach())).mean()
    loss.backward()
    gan.d_optimizer.step()
    with pytest.raises(RuntimeError, match="linear"):
        OBJECTIVES["non-saturating"].generator(scores).mean().backward()


# ---- objectives ----------------------------------------------------------------------------------


@given(a=st.floats(-100, 100))
@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_slopes_of_the_generators_objectives(name, a):
    """d log(1 - D) / da = -D is flat where D(G(z)) is small; d -log D / da = -(1 - D) is not."""
    score = mg.tensor(a, dtype=mg.float64).requires_grad_()
    (slope,) = mg.grad(OBJECTIVES[name].generator(score), [score])
    d = 1 / (1 + math.exp(-a))
    expected = -d if name == "minimax" else -1 / (1 + math.exp(a))
    assert slope.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["minimax", "non-saturating", "lsgan"])
def test_label_smoothing_moves_the_best_score_of_data(name):
    """With label 0.9 the loss on data is least where D(x) = 0.9."""
    best = 0.9 if name == "lsgan" else math.log(0.9 / 0.1)
    a = mg.tensor(best, dtype=mg.float64).requires_grad_()
    smoothed = OBJECTIVES[name].smoothed
    (slope,) = mg.grad(smoothed(a, 0.1), [a])
    assert slope.item() == pytest.approx(0, abs=1e-12)
    plain = OBJECTIVES[name].real(a.detach()).item()
    assert smoothed(a.detach(), 0.0).item() == pytest.approx(plain)


def test_losses_at_a_discriminator_that_knows_nothing():
    """D = 1/2 everywhere: the value of the game is -log 4."""
    zero = mg.zeros(5)
    for name in ("minimax", "non-saturating"):
        objective = OBJECTIVES[name]
        d = objective.real(zero).mean() + objective.fake(zero).mean()
        assert d.item() == pytest.approx(math.log(4), rel=1e-6)


def test_hinge_has_no_slope_beyond_its_margins():
    a = mg.tensor([-3.0, -0.5, 0.5, 3.0]).requires_grad_()
    (real,) = mg.grad(OBJECTIVES["hinge"].real(a).sum(), [a])
    (fake,) = mg.grad(OBJECTIVES["hinge"].fake(a).sum(), [a])
    assert real.tolist() == [-1, -1, -1, 0]
    assert fake.tolist() == [0, 1, 1, 1]


def test_clipping_bounds_every_weight():
    gan = game(objective="wgan", clip=0.02, lr=1.0)
    gan.discriminator_step(points())
    weights = np.concatenate([p.numpy(force=True).ravel() for p in gan.discriminator.parameters()])
    assert np.abs(weights).max() == np.float32(0.02)


def test_label_smoothing_reaches_the_discriminators_loss():
    plain, smoothed = game(), game(label_smoothing=0.25)
    for module in (plain, smoothed):
        for p in module.discriminator.parameters():
            nn.init.constant_(p, 0.1)
        for p in module.generator.parameters():
            nn.init.constant_(p, 0.0)
    x = points()
    score = plain.discriminator(x).mean().item()
    losses = [gan.discriminator_step(x)[0].item() for gan in (plain, smoothed)]
    assert losses[1] - losses[0] == pytest.approx(0.25 * score, rel=1e-4)


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


@pytest.mark.parametrize("penalty", ["r1", "gp"])
def test_penalties_pass_gradgradcheck(penalty):
    critic = SmoothCritic()
    x = mg.randn(3, 2, dtype=mg.float64).requires_grad_()
    y = mg.randn(3, 2, dtype=mg.float64)

    def function(*weights):
        def score(at):
            a, b, c, d, e, f = weights
            return (((at @ a.T + b).tanh() @ c.T + d).sigmoid() @ e.T + f).squeeze(1)

        mg.manual_seed(3)
        with mg.enable_grad():  # numeric derivatives evaluate it without a tape; it needs one
            return squared_slope(score(x), x) if penalty == "r1" else gradient_penalty(score, x, y)

    assert gradcheck(function, list(critic.parameters()), fast_mode=True)
    assert gradgradcheck(function, list(critic.parameters()), fast_mode=True)


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
