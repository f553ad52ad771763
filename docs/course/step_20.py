"""20. The real one

This is the same network in minigrad, which has the same ideas in the same places. Its walk is the
one of engine.py with hooks and observers; its operations keep what their rules name; its clock
stamps nodes and changes. What it has besides is speed (nothing is looked up twice, memory is used
again), a second kind of array for the GPU, and 140 operations where we have ten.

    engine.py                 minigrad
    Tensor                    tensor.py; its methods are ops: methods.py
    Node, walk, clock         tape.py
    Op, gradient              op.py; what a call keeps is planned once, in plan.py
    unchanged                 tape.py, `mutated_since`
    fitted                    broadcasting.py
    add, multiply, exp, ...   ops/elementwise.py; matmul is in ops/linalg.py
    no_tape, backward         autograd.py
    step_13's check           tools/gradcheck.py
    step_18's Module          nn/module.py
    step_19's Adam            optim/adam.py

From here docs/engine.md goes on.
"""

import engine
import numpy as np

import minigrad as mg
from minigrad import nn

x = np.linspace(-1, 1, 12).reshape(3, 4)
W = np.linspace(-2, 1, 8).reshape(4, 2)

ours = engine.Tensor(W).needs_gradient()
engine.total(engine.tanh(engine.Tensor(x) @ ours) * 2.0).backward()

theirs = mg.tensor(W, requires_grad=True)
(mg.tanh(mg.tensor(x) @ theirs) * 2.0).sum().backward()
print(np.allclose(ours.grad, theirs.grad.numpy()))  # → True

# The rule that both have, and what it makes the tape keep.
print(engine.tanh.rules["x"][1], list(mg.tanh(theirs).node.plan.kept))  # → ['out'] ['out']

network = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
print([name for name, _ in network.named_parameters()][:2])  # → ['0.weight', '0.bias']
