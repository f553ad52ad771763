"""PyTorch's own databases, whose samples are drawn and carried over."""

import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np
import torch

import minigrad as mg
from minigrad.nn import functional as F

SAMPLES = 25  # of each operator at most


def database(file: str = "common_methods_invocations", name: str = "op_db") -> list[Any]:
    """One of torch's: they are part of its tests, which want expecttest for what is not used
    here."""
    stub = ModuleType("expecttest")
    stub.TestCase = unittest.TestCase  # type: ignore[attr-defined]
    sys.modules.setdefault("expecttest", stub)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(getattr(import_module(f"torch.testing._internal.{file}"), name))


def found(name: str) -> Callable[..., Any] | None:
    """The function of that name here."""
    last = name.removeprefix("nn.functional.")
    owner: Any = F if last != name else mg
    function = None if "." in last else getattr(owner, last, None)
    return function if callable(function) else None


def samples(op: Any) -> Iterator[Any]:
    """Some of its samples: of float64 with gradients where it takes them, else of int64 or bool."""
    dtypes = [t for t in (torch.float64, torch.int64, torch.bool) if t in op.dtypes]
    if not dtypes:  # it is one of complex numbers, or of half precision on a GPU
        return iter(())
    differentiable = dtypes[0] == torch.float64 and op.supports_autograd
    torch.manual_seed(0)
    return islice(op.sample_inputs("cpu", dtypes[0], requires_grad=differentiable), SAMPLES)


def errors(op: Any) -> list[Any]:
    """Samples that PyTorch refuses."""
    if op.error_inputs_func is None:
        return []
    return [error.sample_input for error in op.error_inputs("cpu")]


def carried(x: Any) -> Any:
    """An argument of PyTorch's as one of minigrad's."""
    if isinstance(x, torch.Tensor):
        array = x.detach().resolve_neg().numpy()
        return mg.tensor(array, requires_grad=x.requires_grad)
    if isinstance(x, torch.dtype):
        return np.dtype(str(x).removeprefix("torch."))
    if isinstance(x, torch.device):
        return str(x)
    if isinstance(x, torch.Size):
        return tuple(x)
    if isinstance(x, list | tuple):
        return type(x)(carried(item) for item in x)
    if isinstance(x, dict):
        return {key: carried(value) for key, value in x.items()}
    return x


def leaves(x: Any) -> Any:
    """Arguments of PyTorch's with tensors of their own, whatever the samples were made from."""
    if isinstance(x, torch.Tensor):
        return x.detach().clone().requires_grad_(x.requires_grad)
    if isinstance(x, dict):
        return {key: leaves(value) for key, value in x.items()}
    return type(x)(map(leaves, x)) if type(x) in (list, tuple) else x


def tensors(x: Any) -> list[Any]:
    """The tensors in arguments or results, in order; plain numbers count as such."""
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list | tuple):
        return [tensor for item in x for tensor in tensors(item)]
    return [x] if isinstance(x, torch.Tensor | mg.Tensor) else []


def arrays(made: list[Any]) -> list[Any]:
    return [x.detach().numpy() for x in made]


def different(ours: list[Any], theirs: list[Any], rtol: float = 1e-9) -> str:
    """What is not the same in two lists of arrays; "" if all is."""
    if len(ours) != len(theirs):
        return f"{len(ours)} tensors for {len(theirs)}"
    for x, y in zip(ours, theirs):
        x, y = (np.zeros(()) if z is None else z for z in (x, y))  # no gradient, or one of 0
        if x.shape != y.shape and x.shape and y.shape:
            return f"shape {x.shape} for {y.shape}"
        if x.dtype != y.dtype:
            return f"{x.dtype} for {y.dtype}"
        if not np.allclose(x, y, rtol=rtol, atol=1e-3 * rtol, equal_nan=True):
            return f"{x.ravel()[:4]} for {y.ravel()[:4]}"
    return ""


def gradients(outputs: list[Any], inputs: list[Any], library: Any) -> list[Any]:
    """Those of the inputs, for fixed cotangents of the outputs; None for what has none."""
    on_tape = [y for y in outputs if y.requires_grad]
    wanted = [x for x in inputs if x.requires_grad]
    if not on_tape or not wanted:
        return []
    rng = np.random.default_rng(0)
    cotangents = [library.tensor(rng.normal(size=tuple(y.shape))) for y in on_tape]
    found = library.autograd.grad(on_tape, wanted, cotangents, allow_unused=True)
    return [None if g is None else g.detach().numpy() for g in found]
