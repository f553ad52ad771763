"""16. What is changed too early

An optimizer's step writes into the weights, and the tape still holds the same memory. Between
forward and backward that is a wrong gradient without a word: the worst kind of mistake. The clock
of step 6 knows better: an array that was changed after the node was made is younger than the
node. So ask.

New: `changed`, `step`, `unchanged`.
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
        self.changed = next(clock)

    def needs_gradient(self):
        self.node = Node(None, (), {})
        return self

    @property
    def grad(self):
        return self.node.grad

    def step(self, by):
        """Changes the array itself, and says when."""
        self.array -= by
        self.changed = next(clock)

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

    def unchanged(self, name):
        tensor = self.kept[name]
        if tensor.changed > self.stamp:
            raise RuntimeError(f"{name} was changed after it was used, and is needed as it was")
        return tensor.array


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
            part = fitted(rule(g, *[node.unchanged(name) for name in reads]), shape)
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
        tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in operands]
        out = Tensor(self.forward(*[x.array for x in tensors]))
        parents = [
            (name, x.array.shape, x.node)
            for name, x in zip(self.operands, tensors)
            if x.node and not no_tape.on
        ]
        if parents:
            known = dict(zip(self.operands, tensors), out=out)
            kept = {name: known[name] for operand, *_ in parents for name in self.rules[operand][1]}
            out.node = Node(self, parents, kept)
        return out


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

w = Tensor([1.0, 2.0]).needs_gradient()
loss = total(w * w)
loss.backward()
w.step(0.1 * w.grad)
print(w.array)  # in the right order  # → [0.8 1.6]

loss = total(w * w)
w.step(1.0)
try:
    loss.backward()
except RuntimeError as error:
    print(error)  # → y was changed after it was used, and is needed as it was

loss = total(w + w)  # a rule that reads nothing does not mind
w.step(1.0)
loss.backward()
print(w.grad)  # 2w of the first, and 2  # → [4. 6.]
