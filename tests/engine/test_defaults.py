"""What is not said of minigrad's own functions and of a tensor's methods: PyTorch's defaults."""

import pytest

import minigrad as mg
from minigrad import nn, optim, utils
from tests.defaults import check, parsed, unlisted
from tests.nn.test_defaults import CASES as OF_LAYERS

CONV = "stride=1, padding=0, dilation=1, groups=1"
GRADCHECK = "eps=1e-06, atol=1e-05, rtol=0.001, raise_exception=True, nondet_tol=0.0"
DEFAULTS = {
    "dim=0": "cat chunk split stack unbind",
    "dim=-1": "argsort sort topk",
    "keepdim=False": (
        "all amax amin any argmax argmin logsumexp max mean min norm prod std sum var"
    ),
    "requires_grad=False": (
        "arange empty empty_like eye full full_like linspace normal ones ones_like rand rand_like "
        "randn randn_like tensor zeros zeros_like "
        "Tensor.new_empty Tensor.new_full Tensor.new_ones Tensor.new_tensor Tensor.new_zeros"
    ),
    "keepdims=False": "Device.mean Device.sum Device.variance",
    "correction=0": "Device.variance",
    "requires_grad=True": "Tensor.requires_grad_",
    "create_graph=False": "backward grad Tensor.backward",
    "only_inputs=True, allow_unused=False": "grad",
    f"{GRADCHECK}, fast_mode=False": "gradcheck gradgradcheck",
    "rtol=1e-05, atol=1e-08, equal_nan=False": "allclose isclose",
    "descending=False, stable=False": "argsort sort",
    "largest=True, sorted=True": "topk",
    "start_dim=0, end_dim=-1": "flatten",
    "diagonal=0": "tril triu",
    "indexing='ij'": "meshgrid",
    "as_tuple=False": "nonzero",
    "p='fro'": "norm",
    "alpha=1": "add sub",
    "value=1": "addcdiv addcmul",
    "value=0.0": "pad",
    "decimals=0": "round",
    "negative_slope=0.01": "leaky_relu",
    "training=False, momentum=0.1, eps=1e-05": "batch_norm",
    CONV: "conv2d",
    f"{CONV}, output_padding=0": "conv_transpose2d",
    "step=1": "arange",
    "low=0": "randint",
    "std=1.0": "normal",
    "mean=0.0, std=1.0": "Tensor.normal_",
    "a=0.0, b=1.0": "Tensor.uniform_",
    "p=0.5": "Tensor.bernoulli_",
    "replacement=False": "multinomial",
    "non_blocking=False": "Tensor.cuda Tensor.to",
    "copy=False": "Tensor.to",
    "force=False": "Tensor.numpy",
    "weights_only=True": "load",
    "allowed=True": "allow_tf32",
    "nrow=8, padding=2, normalize=False, scale_each=False, pad_value=0.0": "utils.make_grid",
    "gradients=False, limit=80": "draw",
    "seconds=0.0": "Profile",
}


CASES = [
    (eval(f"mg.{name}"), parsed(f"f({defaults})")[1])
    for defaults, names in DEFAULTS.items()
    for name in names.split()
]


@pytest.mark.parametrize(("function", "defaults"), CASES)
def test_defaults(function, defaults):
    check(function, defaults)


PLACES = [mg, mg.data, nn, nn.functional, nn.init, nn.utils, optim, optim.lr_scheduler]


@pytest.mark.parametrize("place", [*PLACES, utils, utils.data])
def test_no_default_is_forgotten(place):
    assert not unlisted(place, CASES + OF_LAYERS)
