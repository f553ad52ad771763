"""CycleGAN: who moves in which step, its losses, the pool, and what a small cycle error hides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.backend.cpu import CPU
from models.cyclegan import LEAST_SQUARES, CycleGAN, Pool, ResnetGenerator, cyclegan
from tests.models.games import trace


def small(**how) -> CycleGAN:
    return cyclegan(3, 1, width=2, blocks=1, patch_width=2, **how)


def images(n=3, size=8) -> tuple[mg.Tensor, mg.Tensor]:
    return mg.rand(n, 3, size, size) * 2 - 1, mg.rand(n, 1, size, size) * 2 - 1


class Linear(nn.Module):
    """factor x + shift."""

    def __init__(self, factor: float, shift: float = 0.0):
        super().__init__()
        self.factor = nn.Parameter(mg.tensor(factor))
        self.shift = shift

    def forward(self, x):
        return x * self.factor + self.shift


def by_hand(forth: nn.Module, back: nn.Module, d: float = 1.0, **how) -> CycleGAN:
    """With discriminators D(x) = d x, and rates of 0."""
    d_x, d_y = Linear(d), Linear(d)
    sgd = [
        optim.SGD([*a.parameters(), *b.parameters()], 0.0) for a, b in ((forth, back), (d_x, d_y))
    ]
    return CycleGAN(forth, back, d_x, d_y, *sgd, **how)


# ---- the game ------------------------------------------------------------------------------------


def test_each_step_moves_its_side_and_leaves_no_trace_in_the_other():
    gan, (x, y) = small(), images()
    gan.train_step(x, y)
    generators, discriminators = (gan.forth, gan.back), (gan.d_x, gan.d_y)
    before = [trace(n) for n in (*generators, *discriminators)]
    _, fake_x, fake_y = gan.generator_step(x, y)
    assert not fake_x.requires_grad and not fake_y.requires_grad
    assert fake_x.shape == x.shape and fake_y.shape == y.shape
    assert [trace(n) for n in discriminators] == before[2:]
    moved = [trace(n) for n in generators]
    for now, then in zip(moved, before):
        assert all(now[name] != bits for name, bits in then.items() if "weight" in name)
    gan.discriminator_step(x, y, fake_x, fake_y)
    assert [trace(n) for n in generators] == moved
    for network, then in zip(discriminators, before[2:]):
        now = trace(network)
        assert all(now[name] != bits for name, bits in then.items() if "weight" in name)


def test_the_losses_are_those_of_the_paper():
    """G(x) = 2x, F(y) = 3y, D = 1: |F(G(x)) - x| = 5 |x|; |G(y) - y| = |y|, |F(x) - x| = 2 |x|."""
    x, y = (mg.tensor(two).reshape(2, 1, 1, 1) for two in ([0.1, -0.2], [0.3, 0.4]))
    gan = by_hand(Linear(2.0), Linear(3.0), identity=5.0)
    losses = {name: value.item() for name, value in gan.train_step(x, y).items()}
    made_y, made_x = 2 * x.numpy(), 3 * y.numpy()
    square = lambda a: np.square(a).mean()
    assert losses["g"] == pytest.approx(square(made_x - 1) + square(made_y - 1), rel=1e-6)
    assert losses["cycle"] == pytest.approx(5 * np.abs(x.numpy()).mean() + 5 * 0.35, rel=1e-6)
    assert losses["identity"] == pytest.approx(0.35 + 2 * 0.15, rel=1e-6)
    data = square(x.numpy() - 1) + square(y.numpy() - 1)
    assert losses["d"] == pytest.approx((data + square(made_x) + square(made_y)) / 2, rel=1e-6)
    assert gan.forth.factor.grad.item() == pytest.approx(
        np.mean(2 * (made_y - 1) * x.numpy())
        + 10 * np.mean(3 * np.abs(x.numpy()) + 3 * np.abs(y.numpy()))
        + 5 * np.mean(np.abs(y.numpy())),
        rel=1e-5,
    )


def test_what_has_no_weight_is_not_computed():
    gan = by_hand(Linear(2.0), Linear(3.0), cycle=0.0)
    calls = []
    gan.forth.register_forward_hook(lambda *_: calls.append(1))
    losses = gan.train_step(*images()[:1] * 2)
    assert list(losses) == ["g", "d"] and len(calls) == 1
    with pytest.raises(ValueError, match="negative weights: cycle=-1"):
        small(cycle=-1)


def test_old_images_are_shown_to_discriminators_only():
    gan, (x, y) = small(pool=2), images(2)
    for network in (gan.forth, gan.back, gan.d_x, gan.d_y):
        network.requires_grad_(False)
    old = gan.forth(x)
    gan.pool_y.exchange(old)
    gan.pool_x.exchange(gan.back(y))
    seen = []
    gan.d_y.register_forward_hook(lambda module, given, out: seen.append(given[0].numpy()))
    new = mg.rand(2, 1, 8, 8)
    for _ in range(12):
        gan.objective.discriminator_loss(gan.d_y, y, gan.pool_y.exchange(new))
    assert any(
        (shown == old[i].numpy()).all() for some in seen[1::2] for shown in some for i in (0, 1)
    )


def test_a_step_never_waits_for_the_device(monkeypatch):
    def fetch(self, array):
        raise AssertionError("a training step fetched numbers from the device")

    gan, batch = small(pool=2), images(2)
    gan.train_step(*batch)  # fills the pools
    with monkeypatch.context() as patch:
        patch.setattr(CPU, "to_numpy", fetch)
        gan.train_step(*batch)


def test_it_goes_on_from_its_saved_state_bit_for_bit(tmp_path):
    """Stopped while the pools get full."""
    mg.manual_seed(1)
    batches = [images(2) for _ in range(6)]
    whole = small(pool=5)
    for x, y in batches[:2]:
        whole.train_step(x, y)
    mg.save({"it": whole.state_dict(), "random": mg.get_rng_state()}, tmp_path / "it")
    for x, y in batches[2:]:
        whole.train_step(x, y)
    saved, rest = mg.load(tmp_path / "it"), small(pool=5)  # other weights
    rest.load_state_dict(saved["it"])
    mg.set_rng_state(saved["random"])
    for x, y in batches[2:]:
        rest.train_step(x, y)
    for name in ("forth", "back", "d_x", "d_y"):
        assert trace(getattr(rest, name)) == trace(getattr(whole, name))
    np.testing.assert_array_equal(rest.pool_x.images.numpy(), whole.pool_x.images.numpy())


# ---- a small error of the cycle proves nothing ---------------------------------------------------


def test_contents_that_are_exchanged_cost_nothing():
    """Right is y = x. What turns the order of grey levels round, and back, has as good a game by
    any D and no error of the cycle, where data are alike from both ends."""
    x = mg.linspace(-1, 1, 9).reshape(9, 1, 1, 1)
    losses = {}
    for factor in (1.0, -1.0):
        gan = by_hand(Linear(factor), Linear(factor), d=0.7)
        losses[factor] = {k: v.item() for k, v in gan.train_step(x, x).items()}
        error = (gan.translate(x) - x).square().mean().item()
        assert (error == 0) == (factor == 1)
    assert losses[1.0] == pytest.approx(losses[-1.0])
    assert losses[-1.0]["cycle"] == 0


def test_what_cannot_be_seen_may_carry_the_whole_image():
    """G makes grey of everything, but for a trace of a thousandth, of which F makes all again."""
    x = mg.rand(50, 1, 4, 4) * 2 - 1
    gan = by_hand(Linear(1e-3, 0.5), Linear(1e3, -500.0))
    made = gan.translate(x)
    assert (made - 0.5).abs().max().item() < 1e-3
    again = gan.back(made).detach()
    assert (again - x).abs().mean().item() < 1e-3
    noisy = gan.back(made + 0.01 * mg.randn_like(made)).detach()
    assert (noisy - x).abs().mean().item() > 1


# ---- the pool ------------------------------------------------------------------------------------


def numbered(*values: int) -> mg.Tensor:
    return mg.tensor(values, dtype=mg.float32).reshape(-1, 1, 1, 1)


def inside(pool: Pool) -> list[int]:
    if pool.images is None:
        return []
    kept = pool.images.numpy()[pool.there.numpy().ravel()]
    return sorted(kept.ravel().astype(int).tolist())


@given(st.integers(0, 6), st.lists(st.integers(1, 4), max_size=8), st.integers(0, 2**32 - 1))
def test_no_image_is_lost_or_doubled(size, batches, seed):
    """What is shown and what is kept are together what came in and what was kept before, but that
    what found room is in both; the pool is never larger."""
    mg.manual_seed(seed)
    pool, came = Pool(size), 0
    for n in batches:
        new = list(range(came, came + n))
        came += n
        before = inside(pool)
        shown = pool.exchange(numbered(*new)).numpy().ravel().astype(int).tolist()
        after = inside(pool)
        assert len(after) == min(size, came)
        room = min(n, size - len(before))
        twice = sorted({*shown} & {*after})
        assert len(twice) == room and {*twice} <= {*new}
        assert sorted([*shown, *after]) == sorted([*before, *new, *twice])


def test_half_of_what_is_shown_is_old():
    mg.manual_seed(0)
    pool = Pool(50)
    pool.exchange(numbered(*range(50)))
    old = sum((pool.exchange(numbered(100 + i)).numpy() < 100 + i).sum() for i in range(400))
    assert 160 < old < 240


def test_a_pool_keeps_its_own_copies():
    pool, new = Pool(2), numbered(1, 2)
    pool.exchange(new)
    new.zero_()
    assert inside(pool) == [1, 2]
    with pytest.raises(ValueError, match="size must not be negative, got -1"):
        Pool(-1)


# ---- the generator -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "edge"), [(1, 3), (3, 7)])
def test_a_translation_does_not_depend_on_the_mode_or_on_what_is_beside_it(n, edge):
    network = ResnetGenerator(3, 1, 2, 2, edge)
    x, _ = images(n)
    with mg.no_grad():
        made = network(x)
        assert made.shape == (n, 1, 8, 8) and np.abs(made.numpy()).max() <= 1
        np.testing.assert_array_equal(network.eval()(x).numpy(), made.numpy())
        np.testing.assert_allclose(network(x[:1]).numpy(), made[:1].numpy(), atol=1e-6)


def test_a_block_adds_to_what_it_is_given():
    network = ResnetGenerator(3, 1, 2, 1)
    block = network.layers[7]
    h = mg.randn(2, 4, 4, 4)
    with mg.no_grad():
        block.layers[5].weight.zero_()
        np.testing.assert_array_equal(block(h).numpy(), h.numpy())  # with no ReLU after the sum


def test_the_generators_loss_is_the_papers_and_the_discriminators_half_of_it():
    a = mg.tensor([0.25, 3.0])
    np.testing.assert_allclose(LEAST_SQUARES.generator(a).numpy(), (a.numpy() - 1) ** 2)
    np.testing.assert_allclose(LEAST_SQUARES.real(a).numpy(), (a.numpy() - 1) ** 2 / 2)
    np.testing.assert_allclose(LEAST_SQUARES.fake(a).numpy(), a.numpy() ** 2 / 2)
