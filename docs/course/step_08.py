"""8. An operation is an object

Every function so far has its mathematics and its book-keeping in one. The book-keeping is always
the same, so it moves into a class. What is left of an operation is its forward, and for each
operand a rule: what reaches it when g reaches the result.

New: `Op`. From here on a new operation is a line for each rule.
"""

import heapq
import math
from itertools import count

clock = count()


class Number:
    def __init__(self, value, op=None, parents=()):
        self.value, self.op, self.parents = value, op, parents
        self.grad, self.stamp = 0.0, next(clock)

    def backward(self):
        self.grad = 1.0
        waiting, known = [(-self.stamp, self)], {self}
        while waiting:
            _, number = heapq.heappop(waiting)
            values = [parent.value for parent in number.parents]
            for i, parent in enumerate(number.parents):
                parent.grad += number.op.rules[i](number.grad, number.value, *values)
                if parent not in known:
                    known.add(parent)
                    heapq.heappush(waiting, (-parent.stamp, parent))

    __add__ = __radd__ = lambda self, other: add(self, other)
    __mul__ = __rmul__ = lambda self, other: multiply(self, other)


class Op:
    """A forward of values, and a rule for each operand: of g, the result, and the operands."""

    def __init__(self, forward, *rules):
        self.forward, self.rules = forward, rules

    def __call__(self, *operands):
        numbers = [x if isinstance(x, Number) else Number(x) for x in operands]
        return Number(self.forward(*[x.value for x in numbers]), self, numbers)


add = Op(lambda x, y: x + y, lambda g, out, x, y: g, lambda g, out, x, y: g)
multiply = Op(lambda x, y: x * y, lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
exp = Op(math.exp, lambda g, out, x: g * out)
sin = Op(math.sin, lambda g, out, x: g * math.cos(x))
log = Op(math.log, lambda g, out, x: g / x)

x = Number(2.0)
y = exp(sin(x)) * log(x) + 5
y.backward()
by_hand = math.exp(math.sin(2)) * (math.cos(2) * math.log(2) + 1 / 2)
print(round(x.grad, 9), round(by_hand, 9))  # → 0.52518682 0.52518682
