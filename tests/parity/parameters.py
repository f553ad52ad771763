"""What the comparisons of training steps with PyTorch share."""

from typing import Any

import numpy as np

from minigrad import nn


def assert_same_parameters(mine: nn.Module, theirs: Any, *, gradients: bool) -> None:
    """All parameters are those of PyTorch's module, in float64; and all gradients if asked for."""
    named = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        if gradients:
            grad = named[name].grad.numpy()
            scale = np.abs(grad).max()
            assert np.allclose(parameter.grad.numpy(), grad, rtol=1e-9, atol=1e-12 * scale)
        # Where a gradient is 0 but for rounding, Adam's step is its sign: hence atol.
        got, expected = parameter.numpy(force=True), named[name].detach().numpy()
        assert np.allclose(got, expected, rtol=1e-7, atol=1e-8), name
