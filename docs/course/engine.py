"""What steps 1 to 17 have built, in one file: a tape, operations, and derivatives of any order."""

import heapq
import inspect
from itertools import count

import numpy as np

clock = count()
freed = object()


class Tensor:
    """An array, and its place on the tape (steps 2 and 10)."""

    __array_ufunc__ = None

    def __init__(self, array, node=None):
        self.array, self.node = np.asarray(array, float), node
        self.changed = next(clock)

    @property
    def shape(self):
        return self.array.shape

    @property
    def grad(self):
        return self.node.grad

    def needs_gradient(self):
        self.node = Node(None, (), {})
        return self

    def step(self, by):
        """Changes the array itself, and says when (step 16)."""
        self.array -= by
        self.changed = next(clock)

    def backward(self, again=False):
        ones = np.ones(self.shape)
        walk(self.node, Tensor(ones) if again else ones, again)

    __add__ = __radd__ = lambda self, other: add(self, other)
    __mul__ = __rmul__ = lambda self, other: multiply(self, other)
    __neg__ = lambda self: self * -1.0
    __sub__ = lambda self, other: self + -other
    __rsub__ = lambda self, other: -self + other
    __matmul__ = lambda self, other: matmul(self, other)


class no_tape:
    """Within it no notes are taken (step 14)."""

    on = 0

    def __enter__(self):
        no_tape.on += 1

    def __exit__(self, *error):
        no_tape.on -= 1


class Node:
    """What backward needs to know of a result."""

    def __init__(self, op, parents, kept):
        self.op, self.parents, self.kept = op, parents, kept
        self.grad, self.stamp = None, next(clock)

    def unchanged(self, name):
        tensor = self.kept[name]
        if tensor.changed > self.stamp:
            raise RuntimeError(f"{name} was changed after it was used, and is needed as it was")
        return tensor


def walk(last, g, again):
    """From the youngest node to the oldest (step 6). With `again` the rules get tensors, and so
    what they do is on the tape itself (step 17)."""
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
            kept = [node.unchanged(name) for name in reads]
            part = fitted(rule(g, *(kept if again else [tensor.array for tensor in kept])), shape)
            if parent in on_their_way:
                on_their_way[parent] = on_their_way[parent] + part
            else:
                on_their_way[parent] = part
                heapq.heappush(waiting, (-parent.stamp, parent))
        if not again:
            node.op, node.parents, node.kept = freed, (), {}  # step 15


def fitted(g, shape):
    """Summed over the axes along which an operand of that shape was repeated (step 11)."""
    return g if g.shape == shape else fit(g, shape=shape)


class Op:
    """A forward, whose parameters are the operands, and a rule for each (steps 8 and 9)."""

    def __init__(self, forward):
        self.forward, self.operands, self.rules = forward, parameters(forward), {}

    def gradient(self, operand):
        def register(rule):
            self.rules[operand] = rule, parameters(rule)[1:]
            return rule

        return register

    def __call__(self, *operands, **settings):
        if not any(isinstance(x, Tensor) for x in operands):
            return self.forward(*operands, **settings)  # as in a rule that is given arrays
        tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in operands]
        out = Tensor(self.forward(*[x.array for x in tensors], **settings))
        parents = [
            (name, x.shape, x.node)
            for name, x in zip(self.operands, tensors)
            if x.node and not no_tape.on
        ]
        if parents:
            known = dict(zip(self.operands, tensors), out=out)
            kept = {name: known[name] for operand, *_ in parents for name in self.rules[operand][1]}
            out.node = Node(self, parents, kept)
        return out


def parameters(function):
    every = inspect.signature(function).parameters.values()
    return [p.name for p in every if p.kind is not p.KEYWORD_ONLY]


# ---- operations: rules are written with them, and so have derivatives themselves -----------------

add = Op(lambda x, y: x + y)
add.gradient("x")(lambda g: g)
add.gradient("y")(lambda g: g)

multiply = Op(lambda x, y: x * y)
multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)

transpose = Op(lambda x: x.T)
transpose.gradient("x")(lambda g: transpose(g))

matmul = Op(lambda x, y: x @ y)
matmul.gradient("x")(lambda g, y: g @ transpose(y))
matmul.gradient("y")(lambda g, x: transpose(x) @ g)

tanh = Op(lambda x: np.tanh(x))
tanh.gradient("x")(lambda g, out: g * (1 - out * out))

exp = Op(lambda x: np.exp(x))
exp.gradient("x")(lambda g, out: g * out)

log = Op(lambda x: np.log(x))
log.gradient("x")(lambda g, x: g * one_over(x))

one_over = Op(lambda x: 1 / x)
one_over.gradient("x")(lambda g, out: -g * out * out)

relu = Op(lambda x: np.maximum(x, 0))
relu.gradient("x")(lambda g, out: g * above_0(out))
above_0 = Op(lambda x: (x > 0) * 1.0)
above_0.gradient("x")(lambda g: g * 0.0)

spread = Op(lambda x, *, shape: np.broadcast_to(x, shape))
spread.gradient("x")(lambda g: g)  # the walk sums it

total = Op(lambda x: np.sum(x))
total.gradient("x")(lambda g, x: spread(g, shape=x.shape))


@Op
def fit(x, *, shape):
    x = x.sum(tuple(range(x.ndim - len(shape))))
    return x.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


fit.gradient("x")(lambda g, x: spread(g, shape=x.shape))
