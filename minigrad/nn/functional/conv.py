"""Convolutions as PyTorch has them: one image or a batch, along one axis or two, any padding."""

from typing import Any

from ... import ops
from ...tensor import Tensor
from .checks import check_tensor

Size = int | tuple[int, ...]
Padding = int | tuple[int, ...] | str


def _same(
    name: str, x: Tensor, weight: Tensor, padding: Any, stride: Any, dilation: Any
) -> tuple[Tensor, Any]:
    """The image, and the padding as numbers: for "same", sizes stay, with the odd one at the end.

    ValueError for other words, and for "same" with a stride.
    """
    if padding == "valid":
        return x, 0
    if padding != "same":
        raise ValueError(f"{name}: padding must be numbers, 'same' or 'valid', got {padding!r}")
    if any(s != 1 for s in (stride if isinstance(stride, tuple) else (stride,))):
        raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}")
    steps = dilation if isinstance(dilation, tuple) else (dilation,) * 2
    total = [d * (k - 1) for d, k in zip(steps, weight.shape[2:], strict=True)]
    if any(n % 2 for n in total):
        (h, w) = total
        x = ops.pad(x, (0, w % 2, 0, h % 2))
    return x, tuple([n // 2 for n in total])


def _as_batch(name: str, x: Tensor, dims: int) -> tuple[Tensor, bool]:
    """x with an axis for the batch, and whether it had none."""
    check_tensor(name, "input", x)
    return (ops.unsqueeze(x, 0), True) if x.ndim == dims - 1 else (x, False)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """2-D cross-correlation of images (N, C, H, W), or of one (C, H, W), with weight (O, C/groups,
    KH, KW), plus bias (O).

    Gives (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; with
    padding "same", for stride 1, OH = H. ValueError if a shape or a setting does not fit.
    """
    x, alone = _as_batch("conv2d", input, 4)
    if isinstance(padding, str):
        x, padding = _same("conv2d", x, weight, padding, stride, dilation)
    out = ops.conv2d(x, weight, bias, _pair(stride), _pair(padding), _pair(dilation), groups)
    return out.squeeze(0) if alone else out


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The adjoint of conv2d: input (N, C, H, W) or (C, H, W), weight (C, O/groups, KH, KW).

    Gives (N, O, OH, OW) with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding +
    1. ValueError if a shape or a setting does not fit.
    """
    x, alone = _as_batch("conv_transpose2d", input, 4)
    step, low, extra = (_pair(size) for size in (stride, padding, output_padding))
    out = ops.conv_transpose2d(x, weight, bias, step, low, extra, groups, _pair(dilation))
    return out.squeeze(0) if alone else out


def _pair(size: Any) -> Any:
    """An int that is given as a tuple of one, too."""
    return size[0] if isinstance(size, tuple) and len(size) == 1 else size


# ---- along one axis: images of height 1 ----------------------------------------------------------


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """conv2d along one axis: sequences (N, C, L), or one (C, L), with weight (O, C/groups, K)."""
    x, alone = _as_image("conv1d", input, weight)
    pad: Any = padding if isinstance(padding, str) else (0, _one("conv1d", "padding", padding))
    steps = [(1, _one("conv1d", "a setting", size)) for size in (stride, dilation)]
    out = conv2d(x, ops.unsqueeze(weight, 2), bias, steps[0], pad, steps[1], groups)
    return out.squeeze((0, 2) if alone else 2)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """conv_transpose2d along one axis: (N, C, L) or (C, L), with weight (C, O/groups, K)."""
    name = "conv_transpose1d"
    x, alone = _as_image(name, input, weight)
    extra = [(0, _one(name, "padding", size)) for size in (padding, output_padding)]
    steps = [(1, _one(name, "a setting", size)) for size in (stride, dilation)]
    kernel = ops.unsqueeze(weight, 2)
    out = conv_transpose2d(x, kernel, bias, steps[0], extra[0], extra[1], groups, steps[1])
    return out.squeeze((0, 2) if alone else 2)


def _as_image(name: str, x: Tensor, weight: Tensor) -> tuple[Tensor, bool]:
    check_tensor(name, "weight", weight)
    x, alone = _as_batch(name, x, 3)
    if x.ndim != 3 or weight.ndim != 3:
        raise ValueError(
            f"{name}: expected input (N, C, L) or (C, L) and a weight with 3 dimensions, got "
            f"{list(x.shape)} and {list(weight.shape)}"
        )
    return ops.unsqueeze(x, 2), alone


def _one(name: str, what: str, size: Any) -> int:
    given = size if isinstance(size, tuple | list) else (size,)
    if len(given) != 1 or not isinstance(given[0], int):
        raise ValueError(f"{name}: {what} must be one int, got {size!r}")
    return given[0]
