"""6. A clock instead of a sort

The sort visits everything before anything happens, and it calls itself: a chain of a thousand
numbers is too deep for Python. But the order is known already. A number is always younger than
those that it was made of, so a clock stamps each at its birth, and a heap hands out the youngest
that is waiting. This is how minigrad walks, too: `walk` in minigrad/tape.py.

New: `clock`, `stamp`, and a heap. Gone: `in_order`.
"""

import heapq
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


def multiply(x, y):
    return Number(x.value * y.value, [(x, y.value), (y, x.value)])


def add(x, y):
    return Number(x.value + y.value, [(x, 1.0), (y, 1.0)])


x = Number(1.0)
z = x
for _ in range(20):
    z = multiply(z, z)
z.backward()
print(x.grad)  # → 1048576.0

x, one = Number(0.0), Number(1.0)
z = x
for _ in range(100_000):
    z = add(z, one)
z.backward()
print(z.value, x.grad, one.grad)  # → 100000.0 1.0 100000.0
