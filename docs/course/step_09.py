"""9. Keep what is needed, and nothing else

The rule of exp reads its result, that of log its operand, that of add nothing at all. What no
rule reads need not be remembered, which with large arrays is most of a program's memory. A rule
already says what it reads: by the names of its parameters. So ask it, and keep that.

New: a rule belongs to an operand by name, and `kept`.
"""

import heapq
import inspect
import math
from itertools import count

clock = count()


class Number:
    def __init__(self, value, op=None, parents=(), kept=None):
        self.value, self.op, self.parents, self.kept = value, op, parents, kept
        self.grad, self.stamp = 0.0, next(clock)

    def backward(self):
        self.grad = 1.0
        waiting, known = [(-self.stamp, self)], {self}
        while waiting:
            _, number = heapq.heappop(waiting)
            for parent, operand in zip(number.parents, number.op.operands if number.op else ()):
                rule, reads = number.op.rules[operand]
                parent.grad += rule(number.grad, *[number.kept[name] for name in reads])
                if parent not in known:
                    known.add(parent)
                    heapq.heappush(waiting, (-parent.stamp, parent))

    __add__ = __radd__ = lambda self, other: add(self, other)
    __mul__ = __rmul__ = lambda self, other: multiply(self, other)


class Op:
    """A forward, whose parameters are the operands, and a rule for each."""

    def __init__(self, forward):
        self.forward, self.operands, self.rules = forward, parameters(forward), {}

    def gradient(self, operand):
        def register(rule):
            self.rules[operand] = rule, parameters(rule)[1:]  # the first is g

        return register

    def __call__(self, *operands):
        numbers = [x if isinstance(x, Number) else Number(x) for x in operands]
        values = [x.value for x in numbers]
        out = self.forward(*values)
        known = dict(zip(self.operands, values), out=out)
        kept = {name: known[name] for _, reads in self.rules.values() for name in reads}
        return Number(out, self, numbers, kept)


def parameters(function):
    return list(inspect.signature(function).parameters)


add = Op(lambda x, y: x + y)
add.gradient("x")(lambda g: g)
add.gradient("y")(lambda g: g)

multiply = Op(lambda x, y: x * y)
multiply.gradient("x")(lambda g, y: g * y)
multiply.gradient("y")(lambda g, x: g * x)

exp = Op(lambda x: math.exp(x))
exp.gradient("x")(lambda g, out: g * out)

log = Op(lambda x: math.log(x))
log.gradient("x")(lambda g, x: g / x)

x = Number(2.0)
print(sorted(add(x, 1.0).kept), sorted((x * 3).kept))  # → [] ['x', 'y']
print(sorted(exp(x).kept), sorted(log(x).kept))  # → ['out'] ['x']
y = exp(x) * log(x)
y.backward()
print(round(x.grad, 6), round(math.exp(2) * (math.log(2) + 1 / 2), 6))  # → 8.816231 8.816231
