"""The functions behind the layers, with PyTorch's names and signatures."""

from ...ops import (
    batch_norm,
    conv2d,
    conv_transpose2d,
    linear,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from .layers import dropout, embedding, leaky_relu, one_hot, pad, softplus
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    l1_loss,
    mse_loss,
    nll_loss,
)

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gaussian_nll_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]
