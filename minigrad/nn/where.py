"""Says of an error which layer of a model it came from."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .module import Module


def say_where(error: Exception, module: "Module") -> None:
    """Adds a line to the error: the layer that raised it, and its path from `module`.

    Each module that the error passes on its way out calls this, so that the path ends up as that
    from the whole model.
    """
    layer = vars(error).setdefault("layer", module)
    path = next((name for name, part in module.named_modules() if part is layer), "")
    owner = f", which is {path!r} of a {type(module).__name__}" if path else ""
    before = [note for note in getattr(error, "__notes__", []) if not note.startswith(_START)]
    error.__notes__ = [*before, f"{_START}{type(layer).__name__}({layer.extra_repr()}){owner}"]


_START = "in the layer "
