"""Recurrent networks: the gated recurrent unit (Cho et al. 2014) and the long short-term memory
(Hochreiter and Schmidhuber 1997), as cells and over sequences.

Weights are stacked by gate, as in PyTorch: reset, update and new for a GRU; input, forget, cell and
output for an LSTM.
"""

import math
from typing import Any, ClassVar

from .. import creation, ops
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

State = Any  # (N, H) for a GRU, a pair of these for an LSTM


def _gru(x: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The next state, given the three gates' shares x of the input."""
    xr, xz, xn = ops.chunk(x, 3, -1)
    hr, hz, hn = ops.chunk(F.linear(h, weight, bias), 3, -1)
    z = ops.sigmoid(xz + hz)
    n = ops.tanh(xn + ops.sigmoid(xr + hr) * hn)
    return n + z * (h - n)


def _lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The next (h, c), given the four gates' shares x of the input."""
    h, c = state
    i, f, g, o = ops.chunk(x + F.linear(h, weight, bias), 4, -1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


class _Recurrent(Module):
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


class _Cell(_Recurrent):
    """One step: x (N, input_size) or (input_size), and the state before it, zeros if None."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        place = {"device": device, "dtype": dtype or creation.float32}
        self._make("", input_size, hidden_size, bias, place)
        self.reset_parameters()

    def _run(self, input: Tensor, state: State) -> State:
        if input.ndim not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: expected (N, {self.input_size}) or ({self.input_size}), "
                f"got {list(input.shape)}"
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
        return _gru(x, state, weight, bias)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        out: Tensor = self._run(input, self._zeros(input) if hx is None else hx)
        return out


class LSTMCell(_Cell):
    """x (N, input_size), (h, c) each (N, hidden_size) -> the next (h, c)."""

    gates = 4

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        return _lstm(x, state, weight, bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        if hx is None:
            hx = (self._zeros(input), self._zeros(input))
        out: tuple[Tensor, Tensor] = self._run(input, hx)
        return out


class _Sequence(_Recurrent):
    """Layers of cells over sequences (L, N, input_size), or (N, L, input_size) with batch_first, or
    one (L, input_size); with bidirectional, each layer from both ends."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: creation.Place = None,
        dtype: creation.DTypeLike = None,
    ) -> None:
        if proj_size:
            raise ValueError(f"{type(self).__name__}: proj_size is not there")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        place = {"device": device, "dtype": dtype or creation.float32}
        ends = self._ends()
        for layer in range(num_layers):
            inputs = hidden_size * len(ends) if layer else input_size
            for end in ends:
                self._make(f"_l{layer}{end}", inputs, hidden_size, bias, place)
        self.reset_parameters()

    def _ends(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _run(self, input: Tensor, states: list[Any] | None) -> tuple[Tensor, list[Any]]:
        """The outputs, and the last state of each layer and end, given all first ones."""
        x = input
        last = []
        ends = self._ends()
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outs = []
            for i, end in enumerate(ends):
                state = self._zeros(x) if states is None else states[layer * len(ends) + i]
                out, state = self._over(x, state, f"_l{layer}{end}", bool(end))
                outs.append(out)
                last.append(state)
            x = ops.concat(outs, -1) if len(outs) > 1 else outs[0]
        return x, last

    def _over(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        """One layer from one end of x (L, N, ...): its outputs (L, N, H) and its last state."""
        own = vars(self)
        shares = F.linear(x, own["weight_ih" + suffix], own["bias_ih" + suffix])  # for all steps
        steps = range(x.shape[0])
        outs: list[Any] = [None] * x.shape[0]
        for t in reversed(steps) if backwards else steps:
            state = self._step(shares[t], state, own["weight_hh" + suffix], own["bias_hh" + suffix])
            outs[t] = self._output(state)
        return ops.stack(outs), state

    def _output(self, state: Any) -> Tensor:
        raise NotImplementedError

    def _zeros(self, x: Tensor) -> Any:
        raise NotImplementedError

    def _nothing(self, x: Tensor) -> Tensor:
        shape = (x.shape[1], self.hidden_size)
        return creation.zeros(shape, dtype=x.dtype, device=x.device)

    def _prepared(self, input: Tensor) -> tuple[Tensor, bool]:
        """(L, N, input_size), and whether there was no N."""
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            order = "N, L" if self.batch_first else "L, N"
            raise ValueError(
                f"{type(self).__name__}: expected ({order}, {self.input_size}) or "
                f"(L, {self.input_size}), got {list(input.shape)}"
            )
        if input.ndim == 2:
            return ops.unsqueeze(input, 1), True
        return (ops.transpose(input, 0, 1) if self.batch_first else input), False

    def _finished(self, out: Tensor, alone: bool) -> Tensor:
        if alone:
            return out.squeeze(1)
        return ops.transpose(out, 0, 1) if self.batch_first else out

    def _split(self, state: Tensor, alone: bool) -> list[Tensor]:
        count = self.num_layers * len(self._ends())
        if state.ndim != (2 if alone else 3) or state.shape[0] != count:
            raise ValueError(
                f"{type(self).__name__}: expected states ({count}, "
                f"{'' if alone else 'N, '}{self.hidden_size}), got {list(state.shape)}"
            )
        return [state[i : i + 1] if alone else state[i] for i in range(count)]

    def _joined(self, states: list[Tensor], alone: bool) -> Tensor:
        return ops.concat(states) if alone else ops.stack(states)

    def extra_repr(self) -> str:
        usual = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        others = [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *others])


class GRU(_Sequence):
    """Sequences, and h (layers · ends, N, H), zeros if None -> outputs (L, N, ends · H), the last
    h."""

    gates = 3

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        return _gru(x, state, weight, bias)

    def _output(self, state: Any) -> Tensor:
        out: Tensor = state
        return out

    def _zeros(self, x: Tensor) -> Tensor:
        return self._nothing(x)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x, alone = self._prepared(input)
        out, last = self._run(x, None if hx is None else self._split(hx, alone))
        return self._finished(out, alone), self._joined(last, alone)


class LSTM(_Sequence):
    """Sequences, and (h, c) each (layers · ends, N, H), zeros if None -> outputs (L, N, ends · H),
    the last (h, c)."""

    gates = 4

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        return _lstm(x, state, weight, bias)

    def _output(self, state: Any) -> Tensor:
        out: Tensor = state[0]
        return out

    def _zeros(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._nothing(x), self._nothing(x)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x, alone = self._prepared(input)
        states = None
        if hx is not None:
            states = list(zip(*(self._split(part, alone) for part in hx), strict=True))
        out, last = self._run(x, states)
        h, c = (self._joined(list(part), alone) for part in zip(*last, strict=True))
        return self._finished(out, alone), (h, c)
