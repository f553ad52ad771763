"""pix2pix: who moves in which step, what each network sees, and its networks."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
from models.pix2pix import Noise, PatchDiscriminator, Pix2Pix, UNet, pix2pix
from tests.models.games import trace


def small(**how) -> Pix2Pix:
    return pix2pix(1, 3, width=2, patch_width=2, **how)


def pairs(n=3, size=8) -> tuple[mg.Tensor, mg.Tensor]:
    return mg.rand(n, 1, size, size) * 2 - 1, mg.rand(n, 3, size, size) * 2 - 1


class Spy(nn.Module):
    """A discriminator of one weight that notes what it is given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(mg.ones(()))
        self.seen: list[tuple[mg.Tensor, ...]] = []

    def forward(self, *given):
        self.seen.append(given)
        return given[0].mean((1, 2, 3)) * self.weight


def spied(**how) -> tuple[Pix2Pix, Spy]:
    model, spy = small(dropout=0.0, **how), Spy()
    model.discriminator, model.d_optimizer = spy, optim.SGD(spy.parameters(), 1.0)
    return model, spy


# ---- the game ------------------------------------------------------------------------------------


def test_each_step_moves_one_network_and_leaves_no_trace_in_the_other():
    model, (x, y) = small(), pairs()
    model.train_step(x, y)  # so that there are gradients to leave as they are
    g, d = model.generator, model.discriminator
    before = trace(g), trace(d)
    made = model.generator(x)
    model.discriminator_step(y, made.detach(), x)
    assert trace(g) == before[0]
    moved = trace(d)
    assert all(moved[name] != bits for name, bits in before[1].items() if "weight" in name)
    model.generator_step(made, y, x)
    assert trace(d) == moved
    now = trace(g)
    assert all(now[name] != bits for name, bits in before[0].items() if "weight" in name)


@pytest.mark.parametrize("conditional", [True, False])
def test_data_and_translations_are_seen_with_the_same_lines_beside_them(conditional):
    model, spy = spied(conditional=conditional)
    x, y = pairs()
    made = model.translate(x).numpy()
    losses = model.train_step(x, y)
    real, fake, again = spy.seen
    np.testing.assert_array_equal(real[0].numpy(), y.numpy())
    np.testing.assert_allclose(fake[0].numpy(), made, atol=1e-6)
    assert not fake[0].requires_grad and again[0].requires_grad
    for _, *given in spy.seen:
        assert [t is x for t in given] == ([True] if conditional else [])
    assert list(losses) == ["l1", "g", "d", "real", "fake"]


def test_the_generators_loss_is_that_of_the_paper():
    """-log D(G(x)) + 100 |y - G(x)|, a mean over numbers from -1 to 1; and D's is halved."""
    model, spy = spied()
    x, y = pairs()
    made = model.translate(x).numpy().astype(np.float64)
    scores = {"real": y.numpy().mean((1, 2, 3)), "fake": made.mean((1, 2, 3))}
    found = model.train_step(x, y)
    assert found["l1"].item() == pytest.approx(np.abs(made - y.numpy()).mean(), rel=1e-5)
    expected = np.log1p(np.exp(-scores["real"])).mean() + np.log1p(np.exp(scores["fake"])).mean()
    assert found["d"].item() == pytest.approx(expected, rel=1e-5)
    # The slope of D's loss in its weight, at the rate 1: half.
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    slope = (scores["fake"] * sigmoid(scores["fake"])).mean() - (
        scores["real"] * sigmoid(-scores["real"])
    ).mean()
    assert spy.weight.item() == pytest.approx(1 - slope / 2, rel=1e-4)
    after = spy.weight.item() * scores["fake"]  # G plays against D after its step
    assert found["g"].item() == pytest.approx(np.log1p(np.exp(-after)).mean(), rel=1e-4)


def test_the_weights_of_both_parts_reach_the_generator():
    slopes = {}
    for name, weights in {
        "both": {}, "l1": {"adversarial": 0.0}, "gan": {"l1": 0.0}, "less": {"l1": 50.0},
    }.items():  # fmt: skip
        mg.manual_seed(0)
        model, spy = spied(**weights)
        model.g_optimizer = optim.SGD(model.generator.parameters(), 0.0)
        model.d_optimizer = optim.SGD(spy.parameters(), 0.0)
        model.train_step(*pairs())
        assert bool(spy.seen) == (name != "l1")
        slopes[name] = model.generator.up[2][1].bias.grad.numpy()
    np.testing.assert_allclose(slopes["both"], slopes["l1"] + slopes["gan"], rtol=1e-4)
    np.testing.assert_allclose(slopes["less"], slopes["l1"] / 2 + slopes["gan"], rtol=1e-4)


def test_l1_weighs_by_its_factor():
    model, (x, y) = small(adversarial=0.0, l1=7.0, dropout=0.0), pairs()
    parameters = [*model.generator.parameters()]
    model.g_optimizer = optim.SGD(parameters, 0.0)
    model.generator_step(model.generator(x), y, x)
    wanted = mg.grad(7 * (model.generator(x) - y).abs().mean(), parameters)
    for parameter, slope in zip(parameters, wanted, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), slope.numpy(), 1e-3, 1e-6)


def test_no_step_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    model, batch = small(), pairs()
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        model.train_step(*batch)


def test_it_goes_on_from_its_saved_state_bit_for_bit(tmp_path):
    mg.manual_seed(1)
    batches = [pairs() for _ in range(4)]
    whole = small()
    for x, y in batches[:2]:
        whole.train_step(x, y)
    mg.save({"it": whole.state_dict(), "random": mg.get_rng_state()}, tmp_path / "it")
    for x, y in batches[2:]:
        whole.train_step(x, y)
    saved, rest = mg.load(tmp_path / "it"), small()  # other weights
    rest.load_state_dict(saved["it"])
    mg.set_rng_state(saved["random"])
    for x, y in batches[2:]:
        rest.train_step(x, y)
    assert trace(rest.generator) == trace(whole.generator)
    assert trace(rest.discriminator) == trace(whole.discriminator)


@pytest.mark.parametrize(
    "weights", [{"l1": -1.0}, {"adversarial": -1.0}, {"l1": 0, "adversarial": 0}]
)
def test_weights_that_make_no_loss_are_refused(weights):
    with pytest.raises(ValueError, match="must not be negative, and not both 0"):
        small(**weights)


# ---- the networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3])
def test_a_translation_does_not_depend_on_the_mode_or_on_what_is_beside_it(n):
    model = small(dropout=0.0)
    x, _ = pairs(n, 16)
    made = model.translate(x)
    assert made.shape == (n, 3, 16, 16) and not made.requires_grad
    assert np.abs(made.numpy()).max() <= 1
    model.generator.eval()
    np.testing.assert_array_equal(model.translate(x).numpy(), made.numpy())
    np.testing.assert_allclose(model.translate(x[:1]).numpy(), made[:1].numpy(), atol=1e-6)


def test_noise_is_there_in_use_too():
    model, (x, _) = small(), pairs()
    model.generator.eval()
    assert (model.translate(x).numpy() != model.translate(x).numpy()).any()
    kept = Noise(0.5).eval()(mg.ones(1000)).numpy()
    assert set(np.unique(kept)) == {0.0, 2.0}


def test_what_stays_in_its_place_need_not_pass_through_the_middle():
    """With the way to the middle cut, the output still follows the input through the skips."""
    network, (x, _) = UNet(1, 3, 2, dropout=0.0), pairs()
    with mg.no_grad():
        network.up[0][1].weight.zero_()
    first, second = network(x), network(-x)
    assert (first.numpy(force=True) != second.numpy(force=True)).any()
    kinds = [type(m).__name__ for m in network.modules()]
    assert kinds.count("InstanceNorm2d") == 3  # not of the first layer, the innermost, the last
    assert kinds.count("Noise") == 2


def test_a_patch_is_of_26_pixels():
    network = PatchDiscriminator(3, 2)
    for module in network.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = lambda x: x  # its statistics are of the whole image
    y = mg.zeros(1, 3, 64, 64).requires_grad_()
    scores = network(y)
    assert scores.shape == (1, 1, 16, 16)
    scores[0, 0, 8, 8].backward()
    rows = np.flatnonzero(np.abs(y.grad.numpy()).sum((0, 1, 3)))
    assert rows[-1] - rows[0] + 1 == 26
