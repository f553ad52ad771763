"""Random numbers on a GPU: their distributions, and streams that go on from a state."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.backend import Device

pytestmark = pytest.mark.slow


def test_random_numbers_have_the_moments_that_they_should(gpu: Device) -> None:
    random, n = gpu.generator(7), 40_000
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        z, u = (gpu.to_numpy(draw((n,), dtype)) for draw in (random.normal, random.uniform))
        assert z.dtype == u.dtype == dtype
        # Each moment within five of its standard errors.
        assert abs(z.mean()) < 5 / n**0.5
        assert abs((z**2).mean() - 1) < 5 * (2 / n) ** 0.5
        assert abs((z**4).mean() - 3) < 5 * (96 / n) ** 0.5
        assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 5 / (n / 2) ** 0.5
        assert 0 <= u.min() and u.max() < 1
        assert abs(u.mean() - 0.5) < 5 / (12 * n) ** 0.5


def test_integers_and_permutations(gpu: Device) -> None:
    random = gpu.generator(1)
    drawn = gpu.to_numpy(random.integers(-3, 4, (7000,)))
    assert drawn.dtype == np.int64
    counted = np.bincount(drawn + 3, minlength=7)
    assert len(counted) == 7 and (abs(counted - 1000) < 5 * 1000**0.5).all()
    assert gpu.to_numpy(random.integers(0, 2**32, (500,))).max() > 2**31
    assert gpu.to_numpy(random.integers(5, 6, (3,))).tolist() == [5, 5, 5]
    order = gpu.to_numpy(random.permutation(1000))
    assert order.dtype == np.int64
    assert sorted(order) == list(range(1000)) and order.tolist() != sorted(order)
    for low, high in ((3, 3), (4, 3), (0, 2**32 + 1)):
        with pytest.raises(ValueError, match="integers: needs low < high"):
            random.integers(low, high, (1,))


def test_a_stream_goes_on_from_its_state_to_the_bit(gpu: Device) -> None:
    mg.manual_seed(3)
    mg.randn(5, device=gpu)
    state = mg.get_rng_state(gpu)
    first = [f(3, 3, device=gpu).numpy(force=True) for f in (mg.randn, mg.rand)]
    mg.randperm(5, device=gpu)
    mg.set_rng_state(state, gpu)
    again = [f(3, 3, device=gpu).numpy(force=True) for f in (mg.randn, mg.rand)]
    np.testing.assert_array_equal(first, again)
    assert state.tolist() == [3, 2]
    with pytest.raises(ValueError, match=r"needs uint64\[2\] as get_rng_state gives"):
        mg.set_rng_state(mg.get_rng_state("cpu"), gpu)


def test_seeds_and_draws_differ(gpu: Device) -> None:
    f4 = np.dtype(np.float32)
    a, b = gpu.generator(1), gpu.generator(2)
    drawn = [tuple(gpu.to_numpy(g.uniform((4,), f4))) for g in (a, a, b)]
    assert len(set(drawn)) == 3
    first, second = (set(gpu.to_numpy(a.uniform((40,), f4)).tolist()) for _ in range(2))
    assert not first & second, "no number comes twice"
    with pytest.raises(TypeError, match="draws float32 or float64, got float16"):
        a.normal((1,), np.dtype(np.float16))
