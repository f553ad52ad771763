"""5. In which order

The last step walks every way from the result back, one after the other. Where ways meet and part
again their number doubles each time: after 20 squarings there are a million. But a number needs
to hand on only once, when all that used it have handed their part to it. For that they have to be
in an order in which nobody comes before those that were made of it: here, a sort of the whole
graph.

New: `backward` goes through a sorted list.
"""


class Number:
    handed_on = 0

    def __init__(self, value, made_of=()):
        self.value = value
        self.made_of = made_of
        self.grad = 0.0

    def backward(self):
        self.grad = 1.0
        for number in reversed(in_order(self)):
            Number.handed_on += 1
            for part, slope in number.made_of:
                part.grad += number.grad * slope


def in_order(last):
    """All numbers that `last` was made of, and it, each after its own parts."""
    seen, order = set(), []

    def visit(number):
        if number not in seen:
            seen.add(number)
            for part, _ in number.made_of:
                visit(part)
            order.append(number)

    visit(last)
    return order


def multiply(x, y):
    return Number(x.value * y.value, [(x, y.value), (y, x.value)])


x = Number(1.0)
z = x
for _ in range(20):
    z = multiply(z, z)
z.backward()
print(x.grad, Number.handed_on)  # x to the power 2²⁰  # → 1048576.0 21
