"""13. Is the rule right?

A wrong rule trains, too, only worse, and nobody sees it. But step 1 knows the truth without any
rule. So every rule is asked whether it agrees with differences of its forward, element by
element. This test is worth more than all others together: minigrad has one for each of its
operations.

New: `check`.
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

tanh = Op(lambda x: np.tanh(x))
tanh.gradient("x")(lambda g, out: g * (1 - out * out))


def check(op, *arrays, h=1e-6):
    """Whether the rules of an op agree with differences; else the first element that does not."""
    tensors = [Tensor(array).needs_gradient() for array in arrays]
    weights = np.random.default_rng(0).normal(size=op(*tensors).array.shape)
    total(op(*tensors) * weights).backward()
    for tensor in tensors:
        for index in np.ndindex(tensor.array.shape):
            ends = []
            for step in (h, -h):
                tensor.array[index] += step
                ends.append((op(*tensors).array * weights).sum())
                tensor.array[index] -= step
            numeric, ours = (ends[0] - ends[1]) / (2 * h), tensor.grad[index]
            if abs(numeric - ours) > 1e-4 * (1 + abs(numeric)):
                return f"element {index}: the rule says {ours:.4f}, differences say {numeric:.4f}"
    return True


x, y = np.array([[0.5, -1.0], [2.0, 0.1]]), np.array([1.5, -0.3])
print(check(add, x, y), check(multiply, x, y), check(tanh, x))  # → True True True

wrong = Op(lambda x: np.tanh(x))
wrong.gradient("x")(lambda g, out: g * (1 - out))  # the square was forgotten
print(check(wrong, x))
# → element (0, 0): the rule says 0.0676, differences say 0.0989
