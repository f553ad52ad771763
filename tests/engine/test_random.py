"""Random numbers: ranges, dtypes, determinism, and a state that is bit-exact."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg

# Draws that use different amounts of the generator's bits; float32 ones may leave half a word over.
DRAWS = {
    "rand": lambda n: mg.rand(n),
    "randn": lambda n: mg.randn(n),
    "rand64": lambda n: mg.rand(n, dtype=np.float64),
    "randn64": lambda n: mg.randn(n, dtype=np.float64),
    "randint": lambda n: mg.randint(0, 10, (n,)),
    "randint wide": lambda n: mg.randint(-(2**40), 2**40, (n,)),
    "randperm": lambda n: mg.randperm(n),
    "normal_": lambda n: mg.empty(n).normal_(),
    "uniform_": lambda n: mg.empty(n).uniform_(),
    "rand_like": lambda n: mg.rand_like(mg.empty(n)),
}
draws = st.lists(st.tuples(st.sampled_from(sorted(DRAWS)), st.integers(0, 7)), max_size=8)


def run(steps: list[tuple[str, int]]) -> list[Any]:
    return [DRAWS[name](n).tolist() for name, n in steps]


@given(st.integers(0, 2**64), draws)
def test_a_seed_decides_everything(seed: int, steps: list[tuple[str, int]]) -> None:
    mg.manual_seed(seed)
    first = run(steps)
    mg.manual_seed(seed)
    assert run(steps) == first


def test_numpys_integers_are_seeds_too() -> None:
    mg.manual_seed(5)
    a = mg.rand(3).tolist()
    mg.manual_seed(np.int64(5))  # type: ignore[arg-type]
    assert mg.rand(3).tolist() == a


def test_seeds_differ() -> None:
    seen = set()
    for seed in range(50):
        mg.manual_seed(seed)
        seen.add(mg.rand(1, dtype=np.float64).item())
    assert len(seen) == 50


def test_draws_go_on_from_each_other() -> None:
    assert mg.rand(5).tolist() != mg.rand(5).tolist()


@given(draws, draws)
def test_the_state_continues_bit_for_bit(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    run(before)
    state = mg.get_rng_state()
    expected = run(after)
    run(before)
    mg.set_rng_state(state)
    assert run(after) == expected
    mg.manual_seed(12345)
    mg.set_rng_state(state.copy())
    assert run(after) == expected


@pytest.mark.parametrize(("odd", "name"), list(itertools.product(range(4), sorted(DRAWS))))
def test_an_odd_number_of_float32_draws_leaves_half_a_word(odd: int, name: str) -> None:
    mg.rand(odd)
    state = mg.get_rng_state()
    expected = DRAWS[name](3).tolist()
    mg.manual_seed(99)
    mg.set_rng_state(state)
    assert DRAWS[name](3).tolist() == expected


def test_half_a_word_is_part_of_the_state() -> None:
    """Otherwise the test above shows nothing."""
    mg.manual_seed(0)
    even = mg.get_rng_state()
    mg.rand(1)
    odd = mg.get_rng_state()
    mg.rand(1)
    assert sum(int(a != b) for a, b in zip(even, odd, strict=True)) > 1
    assert odd[4] == 1
    assert mg.get_rng_state()[4] == 0


def test_the_state_survives_as_an_array_of_words() -> None:
    mg.randn(7)
    state = mg.get_rng_state()
    assert isinstance(state, np.ndarray)
    assert state.dtype == np.uint64
    words = np.frombuffer(state.tobytes(), np.uint64)  # through a file, say
    expected = mg.randn(5).tolist()
    mg.set_rng_state(words)
    assert mg.randn(5).tolist() == expected


def test_the_state_is_a_copy() -> None:
    state = mg.get_rng_state()
    before = state.copy()
    mg.rand(10)
    np.testing.assert_array_equal(state, before)
    state[:] = 0
    assert mg.rand(3).tolist() != [0.0] * 3


@pytest.mark.parametrize(
    "state", [np.zeros(3, np.uint64), np.zeros(6), [1, 2], "abc", None], ids=repr
)
def test_a_wrong_state_is_an_error(state: Any) -> None:
    expected = mg.get_rng_state()
    with pytest.raises((TypeError, ValueError), match="set_rng_state"):
        mg.set_rng_state(state)
    np.testing.assert_array_equal(mg.get_rng_state(), expected)


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, mg.tensor(3.0)], ids=repr)
def test_a_wrong_seed_is_an_error(seed: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="manual_seed"):
        mg.manual_seed(seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rand_is_uniform_in_0_1(dtype: Any) -> None:
    t = mg.rand(100, 200, dtype=dtype)
    assert t.dtype == dtype
    a = t.numpy().astype(np.float64).reshape(-1)
    assert 0 <= a.min() < 0.001
    assert 0.999 < a.max() < 1
    counts, _ = np.histogram(a, 10, (0, 1))
    assert abs(counts - 2000).max() < 5 * np.sqrt(2000)
    assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_randn_is_standard_normal(dtype: Any) -> None:
    t = mg.randn(20_000, dtype=dtype)
    assert t.dtype == dtype
    a = t.numpy().astype(np.float64)
    assert abs(a.mean()) < 5 / np.sqrt(a.size)
    assert abs(a.var() - 1) < 5 * np.sqrt(2 / a.size)
    assert abs((a**3).mean()) < 5 * np.sqrt(15 / a.size)
    assert abs((a**4).mean() - 3) < 5 * np.sqrt(96 / a.size)


def test_float64_draws_fill_all_53_bits() -> None:
    a = mg.rand(100, dtype=np.float64).numpy()
    assert (a != a.astype(np.float32)).mean() > 0.9


@given(st.integers(-5, 5), st.integers(1, 6))
def test_randint_hits_every_value_and_no_other(low: int, width: int) -> None:
    t = mg.randint(low, low + width, (40 * width,))
    assert t.dtype == np.int64
    assert set(t.tolist()) == set(range(low, low + width))


def test_randint_with_the_upper_end_alone() -> None:
    assert set(mg.randint(3, (100,)).tolist()) == {0, 1, 2}
    assert mg.randint(3, ()).shape == ()
    assert mg.randint(0, 3, [2, 2]).shape == (2, 2)


@given(st.integers(0, 50))
def test_randperm_is_a_permutation(n: int) -> None:
    t = mg.randperm(n)
    assert t.dtype == np.int64
    assert sorted(t.tolist()) == list(range(n))


def test_randperm_moves_things() -> None:
    assert len({tuple(mg.randperm(6).tolist()) for _ in range(50)}) > 40


def test_random_tensors_can_be_leaves() -> None:
    assert mg.rand(2, requires_grad=True).requires_grad
    assert mg.randn(2, requires_grad=True).is_leaf
    assert not mg.randn_like(mg.zeros(2, requires_grad=True)).requires_grad


def test_numpys_own_random_numbers_are_left_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    mg.manual_seed(7)
    mg.rand(5)
    assert np.random.rand() == expected  # noqa: NPY002
