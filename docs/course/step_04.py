"""4. What is used twice

In x * x the same number comes in on two ways, and its derivative is the sum over both. With `=`
the second way overwrites the first: half of the answer. So gradients are added up, and somebody
has to set them to zero before the next time.

New: `+=` in `backward`.
"""


class Number:
    def __init__(self, value, made_of=()):
        self.value = value
        self.made_of = made_of
        self.grad = 0.0

    def backward(self, arrives=1.0):
        self.grad += arrives
        for number, slope in self.made_of:
            number.backward(arrives * slope)


def multiply(x, y):
    return Number(x.value * y.value, [(x, y.value), (y, x.value)])


x = Number(3.0)
multiply(x, x).backward()
print(x.grad)  # 2x  # → 6.0
multiply(x, x).backward()
print(x.grad)  # the second time was added to the first  # → 12.0
x.grad = 0.0
multiply(x, multiply(x, x)).backward()
print(x.grad)  # 3x²  # → 27.0
