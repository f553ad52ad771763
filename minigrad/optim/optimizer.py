"""What all optimizers share: parameter groups, state, and the loop of a step."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from ..autograd import enable_grad
from ..backend import Array, device_of, quiet
from ..backend.graph import recording
from ..creation import as_tensor
from ..options import number
from ..tape import mutated
from ..tensor import Tensor

Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]  # tensors, or groups of them with options
Group = dict[str, Any]
State = dict[str, Any]
T = TypeVar("T")

# The numbers among the options, and from where to where each may go.
_RANGES = {
    "lr": (0, math.inf),
    "eps": (0, math.inf),
    "weight_decay": (0, math.inf),
    "momentum": (0, math.inf),
    "dampening": (-math.inf, math.inf),
    "alpha": (0, 1),
    "rho": (0, 1),
    "lr_decay": (0, math.inf),
    "initial_accumulator_value": (0, math.inf),
}
# Options that a state may lack, as one from before they were there: then they are off.
_SWITCHES = ("amsgrad", "maximize")
# PyTorch's words for how its kernels run a step, which changes no result and is not kept.
_WAYS = {"foreach", "fused", "capturable"}


class Optimizer(ABC):
    """The base of all optimizers.

    `params` is tensors, or dicts of "params" and of options that differ from the defaults. What is
    remembered of a parameter is in `state`; the options are in `param_groups`, and may be changed
    between steps. ValueError for no parameters, one that comes twice, or one that is not a leaf.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor | Mapping | set):
            raise TypeError(
                f"{type(self).__name__}: params must be a list of tensors or of dicts, got a "
                f"{type(params).__name__}"
            )
        if not isinstance(params, Iterable):
            raise TypeError(
                f"{type(self).__name__}: params must be tensors, got a {type(params).__name__}; "
                "of a model, give model.parameters()"
            )
        self.defaults = defaults
        self.state: dict[Tensor, State] = {}
        self.param_groups: list[Group] = []
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{type(self).__name__}: got an empty list of parameters")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Learn more parameters, with options of their own."""
        name = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise TypeError(
                f"{name}: a parameter group must be a dict with 'params', got a "
                f"{type(param_group).__name__}"
            )
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(f"{name}: the parameters of a group need an order, got a set")
        params = [given] if isinstance(given, Tensor) else list(given)
        known = {p for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: can only optimize tensors, got a {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(
                    f"{name}: can only optimize leaves, and a tensor of shape {list(p.shape)} is "
                    f"the result of '{p.node.name if p.node else ''}'"
                )
            if p in known:
                raise ValueError(f"{name}: a parameter of shape {list(p.shape)} comes twice")
            known.add(p)
        group = {**self.defaults, **param_group, "params": params}
        _check_options(name, group)
        self.param_groups.append(group)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], T]) -> T: ...

    @quiet
    def step(self, closure: Callable[[], T] | None = None) -> T | None:
        """Change every parameter that has a gradient, and warn if none has ever had one.

        Returns the result of `closure`, which is called first.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if recording.graph is not None:
            self._captured(recording.graph)
        for group in self.param_groups:
            chosen = [p for p in group["params"] if p.grad is not None]
            states = [self.state.setdefault(p, {}) for p in chosen]
            for param, state in zip(chosen, states):
                _follow(param.array, state)
            self._update_all(chosen, states, group)
            for param in chosen:
                mutated(param.array)
        if not self.state and any(p.requires_grad for p in self._params()):
            warnings.warn(
                f"{type(self).__name__}.step: no parameter has had a gradient yet, so nothing is "
                "learned; call backward() first, on a loss made with these parameters",
                stacklevel=3,  # the caller of step, which is wrapped by `quiet`
            )
        return loss

    def _captured(self, graph: Any) -> None:
        """In a step that is being captured: RuntimeError, now or later, where a replay would do
        something else than a step."""
        name = type(self).__name__
        if any("step" in state for state in self.state.values()):
            raise RuntimeError(f"{name}: it counts its steps; of such, Adam and AdamW are captured")
        before = self._options()

        def check() -> None:
            if self._options() != before:
                raise RuntimeError(f"{name}: an option has changed since the step was captured")

        graph.each(check)

    def _options(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]

    def _update_all(self, params: list[Tensor], states: list[State], group: Group) -> None:
        """Change all parameters of a group that have a gradient."""
        for param, state in zip(params, states):
            self._update(param.array, gradient(param, group), state, group)

    @abstractmethod
    def _update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Change `p` in place, given its gradient."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad.zero_()

    def state_dict(self) -> dict[str, Any]:
        """{"state": {i: {...}}, "param_groups": [...]}, where i counts all groups' parameters.

        Made of dicts, lists, numbers and tensors (which share memory), as minigrad.save takes them.
        """
        place = {p: i for i, p in enumerate(self._params())}
        return {
            "state": {place[p]: dict(state) for p, state in self.state.items()},
            "param_groups": [
                {**group, "params": [place[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over copies of a state_dict's contents; parameters are matched by their places.

        ValueError lists what does not fit: the number of groups and of parameters, options that the
        saved groups lack, shapes. Then nothing has been changed.
        """
        name = type(self).__name__
        saved, states = state_dict["param_groups"], state_dict["state"]
        sizes, have = ([len(g["params"]) for g in gs] for gs in (saved, self.param_groups))
        if sizes != have:
            raise ValueError(
                f"{name}.load_state_dict: groups of {sizes} parameters do not fit groups of {have}"
            )
        faults = [
            f"group {i} has no {option!r}: was it saved by another kind of optimizer?"
            for i, group in enumerate(saved)
            for option in self.defaults
            if option not in group and option not in _SWITCHES
        ]
        where = dict(zip([i for g in saved for i in g["params"]], self._params(), strict=True))
        for i, state in states.items():
            if i not in where:
                faults.append(f"state {i!r} belongs to no parameter")
                continue
            faults += [
                f"{key} of parameter {i} has shape {list(x.shape)}, expected {list(where[i].shape)}"
                for key, x in state.items()
                if key != "step" and hasattr(x, "shape") and tuple(x.shape) != where[i].shape
            ]
        if faults:
            raise ValueError(f"{name}.load_state_dict: " + "\n  ".join(faults))
        self.state = {where[i]: _copied(where[i].array, state) for i, state in states.items()}
        for group, new in zip(self.param_groups, saved, strict=True):
            group.update({name: False for name in _SWITCHES if name in group})
            group.update({option: new[option] for option in new if option != "params"})

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def gradient(param: Tensor, group: Group) -> Array:
    """The way down, or with maximize up, backwards."""
    grad: Any = param.grad
    return -grad.array if group.get("maximize") else grad.array


def zeros_like(p: Array) -> Tensor:
    """Zeros in the shape, dtype and memory order of p."""
    return Tensor(device_of(p).xp.zeros_like(p))


def check_ways(name: str, ways: Mapping[str, object]) -> None:
    """TypeError for what is no option of PyTorch's either; ValueError for differentiable=True."""
    if ways.get("differentiable"):
        raise ValueError(f"{name}: a step is not recorded; differentiable=True is not there")
    if unknown := sorted(ways.keys() - _WAYS - {"differentiable"}):
        raise TypeError(f"{name}: unexpected options {unknown}")


def _check_options(name: str, group: Group) -> None:
    for option, (least, most) in _RANGES.items():
        if option in group:
            number(name, option, group[option], least, most)
    betas = group.get("betas", (0, 0))
    if not (isinstance(betas, list | tuple) and len(betas) == 2):
        raise TypeError(f"{name}: betas must be two numbers, got {betas!r:.60}")
    for beta in betas:
        number(name, "betas", beta, 0)
    if max(betas) >= 1:
        raise ValueError(f"{name}: betas must be from 0 to below 1, got {betas}")
    if group.get("nesterov") and (group["momentum"] == 0 or group["dampening"] != 0):
        raise ValueError(f"{name}: nesterov needs a momentum, and no dampening")


def _follow(p: Array, state: State) -> None:
    """Bring the state of a parameter to where Module.to has moved it, and into its dtype."""
    for key, x in state.items():
        if isinstance(x, Tensor) and (type(x.array) is not type(p) or x.array.dtype != p.dtype):
            state[key] = x.to(device=device_of(p), dtype=p.dtype)


def _copied(p: Array, state: Mapping[str, Any]) -> State:
    """Copies in the dtype and memory order, and on the device, of the parameter."""
    copies: State = {}
    for key, x in state.items():
        if key == "step":
            copies[key] = int(x)
        elif hasattr(x, "shape"):
            copies[key] = zeros_like(p).copy_(as_tensor(x, device=device_of(p)))
        else:
            copies[key] = x
    return copies
