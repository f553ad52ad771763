"""Recurrent layers: cells over sequences, in layers, from one end or from both."""

from typing import Any

from .. import creation, ops
from ..options import number, whole_number
from ..tensor import Tensor
from . import functional as F
from .cells import Recurrent, State, gru, lstm


class _Sequence(Recurrent):
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
        kind = type(self).__name__
        whole_number(kind, "proj_size", proj_size)
        if proj_size:
            raise ValueError(f"{kind}: proj_size is not there")
        whole_number(kind, "input_size", input_size, 1)
        whole_number(kind, "hidden_size", hidden_size, 1)
        whole_number(kind, "num_layers", num_layers, 1)
        number(kind, "dropout", dropout, 0, 1)
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{kind}: {name} must be a bool, got {flag!r}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        place = {"device": device, "dtype": dtype}
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
        ends = (state.shape[0], state.shape[-1]) if state.ndim else ()
        if state.ndim != (2 if alone else 3) or ends != (count, self.hidden_size):
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
        return gru(x, state, weight, bias)

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
        return lstm(x, state, weight, bias)

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
