"""Why a topological order

The chain rule sums over all paths from the result to an input. Paths are many: twenty diamonds in a
row have 2^20. Nodes are few. So a walk should pass each node once, with the sum of all that reaches
it: no node may be passed on before everything that was made of it has been. Such an order is called
topological.

minigrad gets it for nothing. A clock ticks for every operation, and what a result was made of is
always older than itself; so the walk takes the youngest node first (minigrad/tape.py, `walk`).
Here are three walks over the same real nodes: along all paths, in a wrong order, in the right one.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from minigrad.tape import Leaf, Node


def diamonds(x: mg.Tensor, n: int) -> mg.Tensor:
    """x goes a long way and a short one and comes together again, n times: 2^n times x."""
    for _ in range(n):
        x = x * 0.5 * 2.0 + x
    return x


def along_all_paths(node: Node, g: np.ndarray) -> tuple[float, int]:
    """The gradient of the leaf, and how many nodes were passed: a node once for each path."""
    if isinstance(node, Leaf):
        return float(g), 1
    total, passed = 0.0, 1
    parts = node.plan.gradients(node, g, False, None)
    for parent, part in zip(node.parents, parts, strict=True):
        below, more = along_all_paths(parent, part)
        total, passed = total + below, passed + more
    return total, passed


def once_each(root: Node, youngest_first: bool) -> tuple[float, int]:
    """The same, with each node passed once: when it is first met, or the youngest that waits."""
    waiting = {root: np.ones(())}
    done: dict[Node, np.ndarray] = {}
    while waiting:
        node = max(waiting, key=lambda n: n.stamp) if youngest_first else next(iter(waiting))
        g = done[node] = waiting.pop(node)
        parts = [] if isinstance(node, Leaf) else node.plan.gradients(node, g, False, None)
        for parent, part in zip(node.parents, parts, strict=True):
            if parent not in done:  # else it is too late: what it had has been passed on
                waiting[parent] = waiting.get(parent, 0.0) + part
    leaf = next(node for node in done if isinstance(node, Leaf))
    return float(done[leaf]), len(done)


def main(out: Path) -> None:
    x = mg.tensor(1.0, dtype=mg.float64, requires_grad=True)
    one = np.ones(())

    # The derivative of 8 diamonds is 2^8.
    tape = diamonds(x, 8)
    print("all paths:   ", along_all_paths(tape.node, one))  # → all paths: (256.0, 1021)
    print("wrong order: ", once_each(tape.node, youngest_first=False))  # → wrong order: (1.0, 25)
    print("right order: ", once_each(tape.node, youngest_first=True))  # → right order: (256.0, 25)

    # The library's walk, which besides frees what it has passed.
    tape.backward()
    print("backward():  ", x.grad.item())  # → backward(): 256.0

    # The wrong one reached each meeting point by the short way, and passed it on at once; what came
    # by the long way was too late. Stamps tell: what a node was made of is older than the node.
    fresh = diamonds(x, 1).node
    print([parent.name for parent in fresh.parents])  # → ['multiply', 'leaf']
    print([parent.stamp < fresh.stamp for parent in fresh.parents])  # → [True, True]

    # Deep is no problem either: the walk is a loop, not a recursion.
    x.grad = None
    deep(x, 20_000).backward()
    print(f"20,000 operations deep: {x.grad.item():.6f}")  # → 20,000 operations deep: 7.388317

    sizes = range(1, 9)
    paths = [along_all_paths(diamonds(x, n).node, one)[1] for n in sizes]
    nodes = [once_each(diamonds(x, n).node, True)[1] for n in sizes]
    mg.draw(diamonds(x, 3), out / "03_diamonds.svg", names={"x": x}, gradients=True)
    figure = Figure(figsize=(5.5, 3.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.semilogy(sizes, paths, "o-", label="along all paths")
    axes.semilogy(sizes, nodes, "o-", label="youngest first")
    axes.set_xlabel("diamonds in a row")
    axes.set_ylabel("nodes passed")
    axes.legend()
    figure.savefig(out / "03_order.png")


def deep(x: mg.Tensor, n: int) -> mg.Tensor:
    for _ in range(n):
        x = x * (1 + 1e-4)
    return x
