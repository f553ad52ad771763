"""10. Arrays, and a node apart from them

A network's numbers come in arrays, and a rule that is right for a number is right for each
element of an array: `g * y` does not care. What changes is the frame. A Tensor is an array and
its place on the tape; the place is a Node, and it alone has what backward needs. Who wants no
gradient has no node, and costs nothing.

New: `Tensor`, `Node`, gradients in a table while they are on their way, and `total`.
"""

import heapq
import inspect
from itertools import count

import numpy as np

clock = count()


class Tensor:
    __array_ufunc__ = None  # array * tensor is ours to do

    def __init__(self, array, node=None):
        self.array, self.node = np.asarray(array, float), node

    def needs_gradient(self):
        self.node = Node(None, (), {})
        return self

    @property
    def grad(self):
        return self.node.grad

    def backward(self):
        walk(self.node, np.ones_like(self.array))

    __add__ = __radd__ = lambda self, other: add(self, other)
    __mul__ = __rmul__ = lambda self, other: multiply(self, other)


class Node:
    def __init__(self, op, parents, kept):
        self.op, self.parents, self.kept = op, parents, kept
        self.grad, self.stamp = None, next(clock)


def walk(last, g):
    """From the youngest node to the oldest; a leaf, which no op made, adds to its gradient."""
    on_their_way, waiting = {last: g}, [(-last.stamp, last)]
    while waiting:
        _, node = heapq.heappop(waiting)
        g = on_their_way.pop(node)
        if node.op is None:
            node.grad = g if node.grad is None else node.grad + g
            continue
        for operand, parent in node.parents:
            rule, reads = node.op.rules[operand]
            part = rule(g, *[node.kept[name] for name in reads])
            if parent in on_their_way:
                on_their_way[parent] = on_their_way[parent] + part
            else:
                on_their_way[parent] = part
                heapq.heappush(waiting, (-parent.stamp, parent))


class Op:
    def __init__(self, forward):
        self.forward, self.operands, self.rules = forward, parameters(forward), {}

    def gradient(self, operand):
        def register(rule):
            self.rules[operand] = rule, parameters(rule)[1:]

        return register

    def __call__(self, *operands):
        arrays = [x.array if isinstance(x, Tensor) else x for x in operands]
        out = self.forward(*arrays)
        parents = [(name, x.node) for name, x in zip(self.operands, operands)
                   if isinstance(x, Tensor) and x.node]  # fmt: skip
        if not parents:
            return Tensor(out)
        known = dict(zip(self.operands, arrays), out=out)
        kept = {name: known[name] for operand, _ in parents for name in self.rules[operand][1]}
        return Tensor(out, Node(self, parents, kept))


def parameters(function):
    return list(inspect.signature(function).parameters)


add = Op(lambda x, y: x + y)
add.gradient("x")(lambda g: g)
add.gradient("y")(lambda g: g)

multiply = Op(lambda x, y: x * y)
multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)

exp = Op(lambda x: np.exp(x))
exp.gradient("x")(lambda g, out: g * out)

total = Op(lambda x: np.sum(x))
total.gradient("x")(lambda g, x: np.full(x.shape, g))

x = Tensor([0.0, 1.0, 2.0]).needs_gradient()
y = total(x * x + exp(x))
y.backward()
print(x.grad.round(4))  # → [ 1. 4.7183 11.3891]
print((2 * x.array + np.exp(x.array)).round(4))  # by hand  # → [ 1. 4.7183 11.3891]
print((Tensor([1.0]) * 2).node)  # nobody asked for a gradient  # → None
