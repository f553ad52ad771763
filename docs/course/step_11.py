"""11. Broadcasting, and its way back

NumPy adds a row to every row of a matrix without a copy: the row is repeated. To be repeated is
to be used several times, and what is used several times gets the sum (step 4). So a gradient is
summed over the axes along which its operand was repeated, and one line does it for all
operations, because it is the walk that does it and not the rules.

New: `fitted`, and a node knows its parents' shapes.
"""

import heapq
import inspect
from itertools import count

import numpy as np

clock = count()


class Tensor:
    __array_ufunc__ = None

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
    __neg__ = lambda self: self * -1.0
    __sub__ = lambda self, other: self + -other


class Node:
    def __init__(self, op, parents, kept):
        self.op, self.parents, self.kept = op, parents, kept
        self.grad, self.stamp = None, next(clock)


def walk(last, g):
    on_their_way, waiting = {last: g}, [(-last.stamp, last)]
    while waiting:
        _, node = heapq.heappop(waiting)
        g = on_their_way.pop(node)
        if node.op is None:
            node.grad = g if node.grad is None else node.grad + g
            continue
        for operand, shape, parent in node.parents:
            rule, reads = node.op.rules[operand]
            part = fitted(rule(g, *[node.kept[name] for name in reads]), shape)
            if parent in on_their_way:
                on_their_way[parent] = on_their_way[parent] + part
            else:
                on_their_way[parent] = part
                heapq.heappush(waiting, (-parent.stamp, parent))


def fitted(g, shape):
    """g summed over the axes along which an operand of that shape was repeated."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(repeated, keepdims=True)


class Op:
    def __init__(self, forward):
        self.forward, self.operands, self.rules = forward, parameters(forward), {}

    def gradient(self, operand):
        def register(rule):
            self.rules[operand] = rule, parameters(rule)[1:]
            return rule

        return register

    def __call__(self, *operands):
        arrays = [np.asarray(x.array if isinstance(x, Tensor) else x) for x in operands]
        out = self.forward(*arrays)
        parents = [
            (name, array.shape, x.node)
            for name, array, x in zip(self.operands, arrays, operands)
            if isinstance(x, Tensor) and x.node
        ]
        if not parents:
            return Tensor(out)
        known = dict(zip(self.operands, arrays), out=out)
        kept = {name: known[name] for operand, *_ in parents for name in self.rules[operand][1]}
        return Tensor(out, Node(self, parents, kept))


def parameters(function):
    return list(inspect.signature(function).parameters)


add = Op(lambda x, y: x + y)
add.gradient("x")(lambda g: g)
add.gradient("y")(lambda g: g)

multiply = Op(lambda x, y: x * y)
multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)

total = Op(lambda x: np.sum(x))
total.gradient("x")(lambda g, x: np.full(x.shape, g))

rows = Tensor(np.ones((3, 2))).needs_gradient()
bias = Tensor([1.0, 2.0]).needs_gradient()
column = Tensor([[1.0], [2.0], [3.0]]).needs_gradient()
total((rows + bias) * column).backward()
print(rows.grad.tolist())  # → [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
print(bias.grad)  # 1 + 2 + 3 for each  # → [6. 6.]
print(column.grad.tolist())  # 1 + 1 + 1 + 2 for each  # → [[5.0], [5.0], [5.0]]
