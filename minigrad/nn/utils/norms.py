"""Weights that are computed from others before each forward: by their norm and their direction.

As in PyTorch, the learned parameters take other names, and the weight becomes a plain tensor that a
forward pre-hook sets.
"""

from typing import Any, TypeVar

from ... import ops, sampling
from ...autograd import no_grad
from ...tensor import Tensor
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


class _Reparameterized:
    """What sets `module.name` before each forward."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.handle: Any = None

    def compute(self, module: Module) -> Tensor:
        raise NotImplementedError

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.compute(module))


def _attach(module: Module, hook: _Reparameterized) -> None:
    if any(type(h) is type(hook) and h.name == hook.name for h in module.pre_hooks()):
        raise RuntimeError(f"{hook.name!r} of this {type(module).__name__} has such a norm already")
    setattr(module, hook.name, hook.compute(module).detach())
    hook.handle = module.register_forward_pre_hook(hook)


def _taken(module: Module, name: str) -> Parameter:
    """The parameter, which is removed from the module."""
    weight = vars(module).get(name)
    if not isinstance(weight, Parameter):
        raise ValueError(f"{type(module).__name__} has no parameter {name!r}")
    delattr(module, name)
    return weight


def _removed(module: M, kind: type[Any], name: str) -> Any:
    for hook in module.pre_hooks():
        if type(hook) is kind and hook.name == name:
            hook.handle.remove()
            return hook
    raise ValueError(f"{name!r} of this {type(module).__name__} has no such norm")


# ---- spectral norm -------------------------------------------------------------------------------


class _SpectralNorm(_Reparameterized):
    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        super().__init__(name)
        self.steps = n_power_iterations
        self.eps = eps
        self.dim = dim

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight with `dim` as rows and all other axes as columns."""
        if self.dim:
            order = [self.dim, *(d for d in range(weight.ndim) if d != self.dim)]
            weight = ops.permute(weight, order)
        return ops.reshape(weight, (weight.shape[0], -1))

    def compute(self, module: Module) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = (getattr(module, f"{self.name}_{which}") for which in "uv")
        matrix = self.matrix(weight)
        if module.training:
            with no_grad():
                fixed = matrix.detach()
                for _ in range(self.steps):
                    v.copy_(_unit(u @ fixed, self.eps))
                    u.copy_(_unit(fixed @ v, self.eps))
        # Copies, since the next forward will change u and v, and this one's backward reads them.
        sigma = u.clone() @ (matrix @ v.clone())
        out: Tensor = weight / sigma
        return out


def _unit(x: Tensor, eps: float) -> Tensor:
    return x / ops.clip(ops.sqrt((x * x).sum()), min=eps)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a weight by its largest singular value, so that the layer stretches nothing (Miyato et
    al. 2018).

    That is found by power iteration, of which each forward in training goes on by some steps from
    vectors u and v that are buffers. `dim` is the axis of the outputs: 0, and 1 for transposed
    convolutions. What is learned is then called `weight_orig`.
    """
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: needs an iteration or more, got {n_power_iterations}")
    weight = _taken(module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    hook = _SpectralNorm(name, n_power_iterations, eps, dim)
    module.register_parameter(f"{name}_orig", weight)
    rows, columns = hook.matrix(weight.detach()).shape
    for which, size in (("u", rows), ("v", columns)):
        drawn = sampling.randn(size, dtype=weight.dtype, device=weight.device)
        module.register_buffer(f"{name}_{which}", _unit(drawn, eps))
    _attach(module, hook)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight, as it is now, the parameter again."""
    hook = _removed(module, _SpectralNorm, name)
    training, module.training = module.training, False
    weight = hook.compute(module).detach()
    module.training = training
    delattr(module, name)
    for which in ("orig", "u", "v"):
        delattr(module, f"{name}_{which}")
    module.register_parameter(name, Parameter(weight))
    return module


# ---- weight norm ---------------------------------------------------------------------------------


class _WeightNorm(_Reparameterized):
    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def length(self, v: Tensor) -> Tensor:
        """The norm over all axes but `dim`."""
        dims = tuple(d for d in range(v.ndim) if self.dim is None or d != self.dim % v.ndim)
        squares = (v * v).sum(dims, self.dim is not None)
        return ops.sqrt(squares)

    def compute(self, module: Module) -> Tensor:
        g, v = (getattr(module, f"{self.name}_{which}") for which in "gv")
        out: Tensor = v * (g / self.length(v))
        return out


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn a weight's length and direction apart: weight_g · weight_v / |weight_v| (Salimans and
    Kingma 2016), where lengths are over all axes but `dim`, or over all if it is None."""
    weight = _taken(module, name)
    hook = _WeightNorm(name, None if dim == -1 else dim)
    length = hook.length(weight.detach())
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", weight)
    _attach(module, hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight, as it is now, the parameter again."""
    hook = _removed(module, _WeightNorm, name)
    weight = hook.compute(module).detach()
    delattr(module, name)
    for which in "gv":
        delattr(module, f"{name}_{which}")
    module.register_parameter(name, Parameter(weight))
    return module
