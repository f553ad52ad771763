"""A module as a function of its parameters: for derivatives with respect to what a step made."""

from collections.abc import Mapping
from typing import Any

from ...tensor import Tensor
from ..module import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """What the module gives with these tensors in the place of its parameters and buffers.

    The tensors, by the names of a state dict, may be results of ops; the others are the module's
    own. Within, the module is not as it was: no other thread may use it. KeyError for a name that
    it does not have.
    """
    kept: list[tuple[Module, str, Tensor]] = []
    try:
        for path, tensor in parameter_and_buffer_dicts.items():
            place, _, name = path.rpartition(".")
            owner = module.get_submodule(place)
            own = vars(owner).get(name)
            if not isinstance(own, Tensor):
                raise KeyError(f"functional_call: {type(module).__name__} has no tensor {path!r}")
            kept.append((owner, name, own))
            object.__setattr__(owner, name, tensor)  # a parameter may not be assigned a tensor
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for owner, name, own in reversed(kept):
            object.__setattr__(owner, name, own)
