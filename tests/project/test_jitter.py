"""`pytest --jitter SEED`: products differ in their last digits, the same way each time."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.jitter.sitecustomize import UNITS, jittered

X, Y = np.random.default_rng(0).standard_normal((2, 8, 8)).astype(np.float32)


def product(seed: int) -> np.ndarray:
    with jittered(seed):
        return np.matmul(X, Y)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_some_last_digits_differ_by_a_few_units(seed: int) -> None:
    exact = np.matmul(X, Y)
    units = np.abs(product(seed) - exact) / np.spacing(np.abs(exact))
    assert 0.5 < (units > 0).mean() < 1
    assert 1 < units.max() <= 2 * UNITS  # from 1 to 2, the last place is half as large


def test_a_seed_decides_which() -> None:
    assert product(1).tobytes() == product(1).tobytes() != product(2).tobytes()


def test_seed_0_sums_in_double() -> None:
    assert product(0).tobytes() == (X.astype(float) @ Y.astype(float)).astype("f").tobytes()


def test_whole_numbers_and_what_is_not_floating_stay() -> None:
    whole = np.arange(64.0).reshape(8, 8)
    for x in (whole, whole.astype(int)):
        for seed in (0, 1):
            with jittered(seed):
                np.testing.assert_array_equal(np.matmul(x, x), x @ x)


def test_a_result_is_put_where_it_is_wanted() -> None:
    for seed in (0, 1):
        x = X.copy()
        with jittered(seed):
            assert np.matmul(x, Y, out=x) is x
        assert x.tobytes() == product(seed).tobytes()


def test_programs_that_are_started_have_it_too_and_nothing_stays_behind() -> None:
    before, environment = np.matmul, dict(os.environ)
    code = "import numpy as np; print(np.matmul(*np.sin(np.arange(32)).reshape(2, 4, 4)).tolist())"
    command = [sys.executable, "-c", code]

    def printed() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    plain = printed()
    with jittered(1):
        assert printed() != plain
    assert printed() == plain
    assert np.matmul is before
    assert dict(os.environ) == environment
