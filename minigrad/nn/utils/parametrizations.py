"""Weights computed from others, under the names that `torch.nn.utils.parametrizations` gives them.

What is learned is `parametrizations.weight.original`; the module `parametrizations.weight.0` makes
the weight of it before each forward.
"""

from typing import Any, TypeVar

from ... import ops, sampling
from ...autograd import no_grad
from ...tensor import Tensor
from ..containers import ModuleDict
from ..module import Module
from ..parameter import Parameter
from .norms import _attach, _Reparameterized, _taken, _unit

M = TypeVar("M", bound=Module)


class _SpectralNorm(Module):
    """A weight over its largest singular value, by power iteration from buffers _u and _v."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        matrix = self._matrix(weight.detach())
        for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
            drawn = sampling.randn(size, dtype=weight.dtype, device=weight.device)
            self.register_buffer(name, _unit(drawn, eps))
        self._iterate(matrix, 15)

    def forward(self, weight: Tensor) -> Tensor:
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # Copies, since the next forward will change _u and _v, and this one's backward reads them.
        return weight / (self._u.clone() @ (matrix @ self._v.clone()))

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight with `dim` as rows and all other axes as columns."""
        order = [self.dim, *(d for d in range(weight.ndim) if d != self.dim)]
        return ops.reshape(ops.permute(weight, order), (weight.shape[self.dim], -1))

    def _iterate(self, matrix: Tensor, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(_unit(matrix @ self._v, self.eps))
                self._v.copy_(_unit(self._u @ matrix, self.eps))


class _Parametrization(Module):
    """The learned weight, and what the layer's is computed from it by."""

    def __init__(self, original: Parameter, computed: Module) -> None:
        super().__init__()
        self.original = original
        self.add_module("0", computed)

    def forward(self) -> Tensor:
        weight: Tensor = getattr(self, "0")(self.original)
        return weight


class _Parametrized(_Reparameterized):
    def compute(self, module: Module) -> Tensor:
        parametrizations: Any = module.parametrizations  # type: ignore[attr-defined]
        weight: Tensor = parametrizations[self.name]()
        return weight


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> M:  # fmt: skip
    """Divide a weight by its largest singular value, so that the layer stretches nothing (Miyato et
    al. 2018).

    Each forward in training goes on by some steps of the power iteration that finds it; fifteen are
    done here. `dim` is the axis of the outputs: 0, and 1 for transposed convolutions. ValueError
    for a weight that is no matrix, and without an iteration.
    """
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: needs an iteration or more, got {n_power_iterations}")
    if getattr(module, name, None) is not None and getattr(module, name).ndim < 2:
        raise ValueError(f"spectral_norm: {name!r} of this {type(module).__name__} is no matrix")
    weight = _taken(module, name)
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    computed = _SpectralNorm(weight, n_power_iterations, dim, eps)
    parts = ModuleDict({name: _Parametrization(weight, computed)})
    module.add_module("parametrizations", parts)
    _attach(module, _Parametrized(name))
    return module
