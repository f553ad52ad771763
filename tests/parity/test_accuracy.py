"""float32 beside PyTorch's: at a million rows no error is more than twice as large."""

import numpy as np
import pytest

import minigrad as mg
from tests.ops.test_accuracy import CASES, ROWS, after_a_relu, errors

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the comparison with PyTorch needs PyTorch")


@pytest.mark.parametrize("case", CASES)
def test_errors_are_at_most_twice_as_large(case):
    """An error of one rounding counts as that, since which of two is rounded better is chance."""
    x = after_a_relu(ROWS, 3)
    for mine, theirs in zip(
        errors(mg, case, mg.tensor(x)), errors(torch, case, torch.tensor(x)), strict=True
    ):
        assert mine <= 2 * max(theirs, np.finfo(np.float32).eps)
