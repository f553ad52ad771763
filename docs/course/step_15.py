"""15. The tape is torn up while it is read

A node is done when it has handed on: nobody will ask it again. What it kept, the largest arrays
of a program, can go at that moment, and not when everything is over: going back, memory falls as
it rose. The price: a tape is read once, and whoever tries a second time is told so.

New: `freed`.
"""

import heapq
import inspect
from itertools import count

import numpy as np

clock = count()
freed = object()


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


class no_tape:
    """Within it no notes are taken."""

    on = 0

    def __enter__(self):
        no_tape.on += 1

    def __exit__(self, *error):
        no_tape.on -= 1


class Node:
    def __init__(self, op, parents, kept):
        self.op, self.parents, self.kept = op, parents, kept
        self.grad, self.stamp = None, next(clock)


def walk(last, g):
    on_their_way, waiting = {last: g}, [(-last.stamp, last)]
    while waiting:
        _, node = heapq.heappop(waiting)
        g = on_their_way.pop(node)
        if node.op is freed:
            raise RuntimeError("this tape has been read: compute the result again")
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
        node.op, node.parents, node.kept = freed, (), {}  # its memory is free while we walk


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
            if isinstance(x, Tensor) and x.node and not no_tape.on
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

import weakref  # noqa: E402  to see when an array is gone

x = Tensor(np.ones(1000)).needs_gradient()
layers = [x]
for _ in range(3):
    layers.append(tanh(layers[-1] * 1.5))
loss = total(layers[-1])
alive = [weakref.ref(layer.array) for layer in layers[1:]]
del layers
print([ref() is not None for ref in alive])  # kept for the rules  # → [True, True, True]
loss.backward()
print([ref() is not None for ref in alive])  # → [False, False, False]
try:
    loss.backward()
except RuntimeError as error:
    print(error)  # → this tape has been read: compute the result again
