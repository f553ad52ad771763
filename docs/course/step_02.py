"""2. A number that remembers how it was made

The other way is to take notes. A result knows the numbers that it was made of, and for each of
them the slope: how fast it moves when that one does. For a product that is the other factor.
These notes are called the tape, and one of them is a node.
"""


class Number:
    def __init__(self, value, made_of=()):
        self.value = value
        self.made_of = made_of  # pairs: a number, and the slope in it


def multiply(x, y):
    return Number(x.value * y.value, [(x, y.value), (y, x.value)])


def add(x, y):
    return Number(x.value + y.value, [(x, 1.0), (y, 1.0)])


x, y = Number(3.0), Number(4.0)
z = multiply(x, y)
print(z.value, [slope for _, slope in z.made_of])  # → 12.0 [4.0, 3.0]
