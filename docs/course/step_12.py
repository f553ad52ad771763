"""12. A matrix product, and the first thing learned

A layer is a matrix product. Its rules can be read off the shapes: with X (n, i), W (i, o) and g
(n, o), what reaches X must be (n, i), and g W' is; what reaches W must be (i, o), and X' g is.
With that a line is fitted to points: compute how wrong it is, ask where down is, go a little that
way, again.

New: `matmul`.
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
    __matmul__ = lambda self, other: matmul(self, other)


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

matmul = Op(lambda x, y: x @ y)
matmul.gradient("x")(lambda g, y: g @ y.T)
matmul.gradient("y")(lambda g, x: x.T @ g)

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 2))
y = X @ np.array([[3.0], [-1.0]]) + 0.5

W = Tensor(np.zeros((2, 1))).needs_gradient()
b = Tensor(np.zeros(1)).needs_gradient()
for _ in range(200):
    error = matmul(Tensor(X), W) + b - y
    loss = total(error * error) * (1 / len(X))
    W.node.grad = b.node.grad = None
    loss.backward()
    W.array -= 0.1 * W.grad
    b.array -= 0.1 * b.grad
print(W.array.ravel().round(3), b.array.round(3))  # → [ 3. -1.] [0.5]
