"""The tape made visible: graph -> summary -> layout -> SVG or PNG, or DOT for Graphviz.

with mg.record_modules(vae):
    loss = vae.loss(x).loss
mg.draw(loss, "step.svg", gradients=True)
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import write_text

if TYPE_CHECKING:
    from ...nn import Module
    from ...tensor import Tensor
    from .graph import Vertex

__all__ = ["draw"]


def draw(
    tensor: "Tensor",
    path: str | os.PathLike[str],
    *,
    names: "Mapping[str, Tensor | Module] | None" = None,
    gradients: bool = False,
    limit: int = 80,
) -> None:
    """Draw the tape behind a tensor into a file: NAME.svg, NAME.png, or NAME.dot for Graphviz.

    Each operation shows its name, shape, dtype and which arrays it keeps alive for backward, with
    the memory that it is the first to keep; what leaves own does not count. Modules are boxes where
    the tape was made within `record_modules`. `names` maps names to tensors, or to modules for
    their parameters'. The norms of gradients are those that backward(retain_graph=True) has left,
    or with `gradients` those of every node, found for the drawing alone. If there are more than
    `limit` tiles, modules are drawn as one each, the innermost first.

    RuntimeError if the tensor has no tape, or one that was freed; ValueError for other suffixes,
    ImportError for .png without matplotlib.

    >>> x = mg.rand(3, requires_grad=True)
    >>> mg.draw((x * x).sum(), "square.svg", names={"x": x})
    """
    # Here, since most programs draw nothing, and `import minigrad` would take a tenth longer.
    from . import png
    from .dot import dot
    from .graph import graph_of
    from .layout import layout
    from .summary import tiles_of
    from .svg import picture

    suffix = Path(path).suffix
    if suffix not in (".svg", ".png", ".dot", ".gv"):
        raise ValueError(
            f"draw: a drawing is .svg or .png, or .dot or .gv for Graphviz, got {os.fspath(path)!r}"
        )
    vertices = graph_of(tensor, names, gradients)
    tiles, heading = tiles_of(vertices, limit), _heading(vertices)
    if suffix == ".png":
        png.save(tiles, layout(tiles), heading, path)
        return
    drawn = picture(tiles, layout(tiles), heading) if suffix == ".svg" else dot(tiles, heading)
    write_text(path, drawn)


def _heading(vertices: "list[Vertex]") -> str:
    from .summary import size_text

    leaves = [vertex for vertex in vertices if vertex.is_leaf]
    ops, numbers = len(vertices) - len(leaves), sum(leaf.size for leaf in leaves)
    kept = size_text(sum(vertex.bytes for vertex in vertices))
    sizes = f"leaves: {len(leaves):,} with size {numbers:,}; kept for backward: {kept}"
    return f"operations: {ops:,}; {sizes}"
