"""1. A derivative, by asking twice

A derivative says how fast a result moves when its input does. Whoever can compute f can ask: move
x a little to both sides, and look. It needs no mathematics, but it is never quite right, and a
network of a million numbers would have to be run two million times. The other nineteen steps do
better.
"""


def f(x):
    return x * x + 3 * x


def derivative(f, x, h=1e-4):
    return (f(x + h) - f(x - h)) / (2 * h)


print(round(derivative(f, 2.0), 6))  # → 7.0
print(2 * 2.0 + 3)  # by hand: 2x + 3  # → 7.0
