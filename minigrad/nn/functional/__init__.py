"""The functions behind the layers, with PyTorch's names and signatures."""

from ... import door
from ...ops import linear, log_softmax, sigmoid, softmax, tanh
from .activations import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    logsigmoid,
    prelu,
    relu,
    relu6,
    silu,
    softplus,
)
from .classes import (
    cross_entropy,
    nll_loss,
)
from .conv import (
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
)
from .images import (
    interpolate,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
)
from .layers import (
    cosine_similarity,
    dropout,
    dropout2d,
    embedding,
    normalize,
    one_hot,
)
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from .norms import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
)
from .pooling import (
    adaptive_avg_pool2d,
    avg_pool2d,
    max_pool2d,
)

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gaussian_nll_loss",
    "gelu",
    "group_norm",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

door.name_errors(globals(), __all__)
