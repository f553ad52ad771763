"""7. It reads like mathematics

`add(multiply(x, x), y)` is `x * x + y` if the class has operators. A plain number on either side
becomes a Number first; Python asks the right-hand one (`__rmul__`) where the left one knows
nothing.

New: operators, and three functions.
"""

import heapq
import math
from itertools import count

clock = count()


class Number:
    def __init__(self, value, made_of=()):
        self.value = value
        self.made_of = made_of
        self.grad = 0.0
        self.stamp = next(clock)

    def backward(self):
        self.grad = 1.0
        waiting, known = [(-self.stamp, self)], {self}
        while waiting:
            _, number = heapq.heappop(waiting)
            for part, slope in number.made_of:
                part.grad += number.grad * slope
                if part not in known:
                    known.add(part)
                    heapq.heappush(waiting, (-part.stamp, part))

    def __add__(self, other):
        other = as_number(other)
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        other = as_number(other)
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])

    def __pow__(self, n):
        return Number(self.value**n, [(self, n * self.value ** (n - 1))])

    __radd__, __rmul__ = __add__, __mul__
    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -other
    __rsub__ = lambda self, other: -self + other


def as_number(x):
    return x if isinstance(x, Number) else Number(x)


def exp(x):
    value = math.exp(x.value)
    return Number(value, [(x, value)])


def sin(x):
    return Number(math.sin(x.value), [(x, math.cos(x.value))])


x = Number(2.0)
y = 1 - 3 * x**2 + x * sin(x)
y.backward()
print(round(x.grad, 6))  # → -11.922996
print(round(-6 * 2 + math.sin(2) + 2 * math.cos(2), 6))  # by hand  # → -11.922996

# Rosenbrock's valley, down its gradient: the first thing that such a tape is good for.
x, y = Number(-1.0), Number(1.5)
for _ in range(20_000):
    x.grad = y.grad = 0.0
    ((1 - x) ** 2 + 100 * (y - x**2) ** 2).backward()
    x.value -= 1e-3 * x.grad
    y.value -= 1e-3 * y.grad
print(round(x.value, 2), round(y.value, 2))  # the valley's lowest point  # → 1.0 1.0
