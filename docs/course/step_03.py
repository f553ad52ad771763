"""3. The chain rule, read backwards

If z moves a times as fast as y, and y b times as fast as x, then z moves a b times as fast as x.
So begin with the result, which moves once as fast as itself, and hand to each number that it was
made of what arrives times the slope.

New: `backward`.
"""


class Number:
    def __init__(self, value, made_of=()):
        self.value = value
        self.made_of = made_of
        self.grad = 0.0

    def backward(self, arrives=1.0):
        self.grad = arrives
        for number, slope in self.made_of:
            number.backward(arrives * slope)


def multiply(x, y):
    return Number(x.value * y.value, [(x, y.value), (y, x.value)])


x, y, w = Number(2.0), Number(3.0), Number(5.0)
z = multiply(multiply(x, y), w)
z.backward()
print(z.value, x.grad, y.grad, w.grad)  # → 30.0 15.0 10.0 6.0
