"""What goes wrong in the engine, in words: each function makes an error that its caller raises."""

import linecache
import os
import sys
from typing import Any

from .backend import on_same_device

_PACKAGE = os.path.dirname(__file__)


def kind_of(x: Any) -> str:
    """An array or tensor as messages show it: float32[2, 3]."""
    return f"{x.dtype}{list(x.shape)}"


# What an error becomes; one of a child, as NumPy's AxisError, becomes its parent's.
KINDS = (TypeError, IndexError, ValueError, OverflowError, ZeroDivisionError, AttributeError)


def kind_of_error(error: Exception) -> type[Exception]:
    """The class of an error that is told again with more words: what came had not the attributes of
    a tensor, so that is a TypeError."""
    found = next((kind for kind in KINDS if isinstance(error, kind)), TypeError)
    return TypeError if found is AttributeError else found


def is_array(x: Any) -> bool:
    """Whether it has a dtype and a shape of its own; np.float32 itself has neither."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, type)


# ---- the line of code ----------------------------------------------------------------------------


def line_of_caller() -> str:
    """The innermost line of code outside of this package."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    code, number = frame.f_code, frame.f_lineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{code.co_filename}:{number} in {code.co_name}: {text}"


def line_of(node: Any) -> str:
    """The line of code that recorded a node."""
    unknown = "a line that is known only if it runs under minigrad.detect_anomaly()"
    found: str = (node.extras or {}).get("line", unknown)
    return found


# ---- on the way back -----------------------------------------------------------------------------


def freed(node: Any) -> RuntimeError:
    return RuntimeError(
        f"backward: the graph behind '{node.name}' has been freed by an earlier backward() or "
        "grad(); pass retain_graph=True to the earlier call to go through it a second time. "
        f"'{node.name}' was called at\n  {line_of(node)}"
    )


def changed_in_place(node: Any, array: Any) -> RuntimeError:
    return RuntimeError(
        f"backward: an array that '{node.name}' saved for its gradient (shape "
        f"{list(array.shape)}) has since been changed in place (by an optimizer's step, an "
        "assignment or load_state_dict); call backward() before the change, or run the "
        f"forward again after it. '{node.name}' was called at\n  {line_of(node)}"
    )


def has_nan(node: Any) -> RuntimeError:
    return RuntimeError(
        f"detect_anomaly: the gradient of '{node.name}' has a NaN. The operation was recorded at"
        f"\n  {line_of(node)}"
    )


def wrong_hook_result(node: Any, replaced: Any) -> RuntimeError:
    got = kind_of(replaced) if hasattr(replaced, "dtype") else repr(replaced)
    return RuntimeError(
        f"register_hook: a hook must return None or a tensor {kind_of(node)}, as the gradient of "
        f"'{node.name}' is; got {type(replaced).__name__} {got}"
    )


def not_on_the_tape(name: str, x: Any) -> RuntimeError:
    return RuntimeError(
        f"{name}: this tensor (shape {list(x.shape)}) is not on the tape: nothing that it "
        "was made from requires a gradient, or it was made under no_grad(), or from what "
        ".detach(), .item() or .numpy() returned"
    )


def gradient_left_out(name: str, node: Any) -> RuntimeError:
    return RuntimeError(
        f"{name}: a gradient can be left out only for a single number, not for shape "
        f"{list(node.shape)}; reduce the tensor (.sum() or .mean()) or pass the gradient"
    )


def wrong_cotangent(name: str, node: Any, g: Any) -> ValueError:
    return ValueError(
        f"{name}: the gradient must be {kind_of(node)} as its tensor, got {kind_of(g)}"
    )


# ---- in an op ------------------------------------------------------------------------------------


def explained(op: Any, error: Exception, arrays: list[Any]) -> Exception:
    """The error of a forward, with the op's name and what it was given."""
    if not on_same_device(*arrays):
        kinds = [type(x).__module__.split(".")[0] for x in arrays if hasattr(x, "shape")]
        return ValueError(
            f"{op.name}: operands live on different devices ({', '.join(kinds)}); use .to(device)"
        )
    what = ", ".join(
        f"{name} {kind_of(x)}" if is_array(x) else f"{name} {x!r:.60}"
        for name, x in zip(op.operands, arrays, strict=False)
    )
    kind = kind_of_error(error)
    message = str(error)
    return kind(message if message.startswith(op.name) else f"{op.name}: {message} (given {what})")


def not_an_operand(op: Any, x: Any) -> TypeError:
    if is_array(x):
        return TypeError(f"{op.name}: operands are floats, ints and bools, not {x.dtype}")
    return TypeError(
        f"{op.name}: operands are tensors, arrays and numbers, not {type(x).__name__}; use "
        "minigrad.tensor(...)"
    )


def unknown_settings(op: Any, settings: dict[str, Any]) -> TypeError:
    return TypeError(
        f"{op.name}: unexpected {sorted(settings.keys() - op.settings.keys())}; its settings are "
        f"{list(op.settings)}, and operands are passed by position"
    )


def unreadable(op: Any, name: str, readable: list[str]) -> TypeError:
    if name in op.keeps:
        return TypeError(
            f"{op.name}: only a fused rule may read {name}, which the forward kept, and which is "
            "not on the tape"
        )
    return TypeError(f"{op.name}: a rule reads {name!r}, which is none of {readable}")


def not_as_many(op: Any, wanted: int, got: Any) -> TypeError:
    return TypeError(
        f"{op.name}: a gradient rule for {wanted} operands must return as many gradients, got "
        f"{got!r:.60}"
    )


def wrong_gradient(op: Any, part: Any, parent: Any) -> Exception:
    """A rule's result that is no array, or not one like its operand."""
    if not hasattr(part, "dtype"):
        return TypeError(f"{op.name}: a gradient rule gave {part!r:.60}, not an array")
    if part.shape != parent.shape:
        return ValueError(
            f"{op.name}: a gradient rule gave shape {list(part.shape)} for an operand of shape "
            f"{list(parent.shape)}"
        )
    return TypeError(
        f"{op.name}: a gradient rule gave {part.dtype} for an operand of {parent.dtype}"
    )
