"""SNGAN (Miyato et al. 2018): every layer of the discriminator is divided by its largest singular
value, so that its slope is bounded by 1 without a penalty.

The bound is the product over layers: activations must not stretch either, as (leaky) ReLUs do not.
A batch normalization would undo it. The singular value is that of the weight as a matrix (outputs,
all other axes), which for a convolution is not that of the map, but bounds it up to a constant.
"""

from typing import TypeVar

from minigrad import nn
from minigrad.nn.utils.parametrizations import spectral_norm

M = TypeVar("M", bound=nn.Module)


def spectrally_normalized(network: M, n_power_iterations: int = 1) -> M:
    """The network itself, each linear layer and convolution of which now has such a weight.

    One iteration is enough where weights move slowly, as the paper has it.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            spectral_norm(module, n_power_iterations=n_power_iterations)
    return network
