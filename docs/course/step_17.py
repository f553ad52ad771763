"""17. Derivatives of derivatives

A rule says `g * y`. If g and y are arrays, that is a number crunched; if they are tensors, it is
an operation like any other, and lands on the tape. So hand the rules tensors, and what comes out
has derivatives itself. All that it takes: an operation that is called on arrays gives an array,
and rules are written with operations. Second derivatives cost no new code.

New: `again`. The whole engine is now a file of its own, engine.py: 190 lines with its operations.
"""

from engine import Tensor, exp, log, multiply, tanh, total


def slope(y, x):
    """dy/dx as a tensor that is on the tape itself."""
    x.node.grad = None
    y.backward(again=True)
    return x.grad


x = Tensor(2.0).needs_gradient()
first = slope(x * x * x, x)
second = slope(first, x)
third = slope(second, x)
print(first.array, second.array, third.array)  # 3x², 6x, 6  # → 12.0 12.0 6.0

# Of any operation, whose rules nobody wrote a second time for.
x = Tensor(0.5).needs_gradient()
t = tanh(x).array
print((slope(slope(tanh(x), x), x).array + 2 * t * (1 - t * t)).round(12) + 0.0)  # → 0.0
print(slope(slope(multiply(exp(x), log(x)), x), x).array.round(6))  # → -1.142807

# What it is for: a loss of a slope. Here a function is made flat.
w = Tensor([3.0, -2.0]).needs_gradient()
for _ in range(300):
    x = Tensor([[0.1], [0.2], [-0.3]]).needs_gradient()
    steepness = slope(total(tanh(x * w)), x)
    w.node.grad = None
    total(steepness * steepness).backward()
    w.step(0.05 * w.grad)
print(bool(abs(steepness.array).max() < 0.01))  # w is now as much up as down  # → True
