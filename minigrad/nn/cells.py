"""The gated recurrent unit (Cho et al. 2014) and the long short-term memory (Hochreiter and
Schmidhuber 1997): one step.

Weights are stacked by gate, as in PyTorch: reset, update and new for a GRU; input, forget, cell and
output for an LSTM.
"""

import math
from typing import Any, ClassVar

from .. import creation, ops
from ..options import whole_number
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

State = Any  # (N, H) for a GRU, a pair of these for an LSTM


def gru(x: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The next state, given the three gates' shares x of the input."""
    xr, xz, xn = ops.chunk(x, 3, -1)
    hr, hz, hn = ops.chunk(F.linear(h, weight, bias), 3, -1)
    z = ops.sigmoid(xz + hz)
    n = ops.tanh(xn + ops.sigmoid(xr + hr) * hn)
    return n + z * (h - n)


def lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The next (h, c), given the four gates' shares x of the input."""
    h, c = state
    i, f, g, o = ops.chunk(x + F.linear(h, weight, bias), 4, -1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


class Recurrent(Module):
    gates: ClassVar[int]

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        """The next state, given the gates' shares of the input."""
        raise NotImplementedError

    def _make(self, suffix: str, inputs: int, hidden: int, bias: bool, place: Any) -> None:
        rows = self.gates * hidden
        for name, shape in (
            ("weight_ih", (rows, inputs)),
            ("weight_hh", (rows, hidden)),
            ("bias_ih", (rows,)),
            ("bias_hh", (rows,)),
        ):
            wanted = bias or name.startswith("weight")
            made = Parameter(creation.empty(*shape, **place)) if wanted else None
            self.register_parameter(name + suffix, made)

    def reset_parameters(self) -> None:
        """Draw new weights, uniform within ±1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    hidden_size: int


class _Cell(Recurrent):
    """One step: x (N, input_size) or (input_size), and the state before it, zeros if None."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        whole_number(type(self).__name__, "input_size", input_size, 1)
        whole_number(type(self).__name__, "hidden_size", hidden_size, 1)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        place = {"device": device, "dtype": dtype}
        self._make("", input_size, hidden_size, bias, place)
        self.reset_parameters()

    def _run(self, input: Tensor, state: State) -> State:
        parts = state if isinstance(state, tuple) else (state,)
        for what, x, size in (
            ("", input, self.input_size),
            *(("a state ", part, self.hidden_size) for part in parts),
        ):
            if x.ndim not in (1, 2) or x.shape != (*input.shape[:-1], size):
                raise ValueError(
                    f"{type(self).__name__}: expected {what}(N, {size}) or ({size}), got "
                    f"{list(x.shape)}"
                )
        own: Any = self
        return self._step(
            F.linear(input, own.weight_ih, own.bias_ih), state, own.weight_hh, own.bias_hh
        )

    def _zeros(self, input: Tensor) -> Tensor:
        shape = (*input.shape[:-1], self.hidden_size)
        return creation.zeros(shape, dtype=input.dtype, device=input.device)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class GRUCell(_Cell):
    """x (N, input_size), h (N, hidden_size) -> the next h."""

    gates = 3

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        return gru(x, state, weight, bias)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        out: Tensor = self._run(input, self._zeros(input) if hx is None else hx)
        return out


class LSTMCell(_Cell):
    """x (N, input_size), (h, c) each (N, hidden_size) -> the next (h, c)."""

    gates = 4

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        return lstm(x, state, weight, bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        if hx is None:
            hx = (self._zeros(input), self._zeros(input))
        out: tuple[Tensor, Tensor] = self._run(input, hx)
        return out
