"""18. A network is a tree

Weights in a list are soon too many to name. A layer holds its own, a network holds layers, and
that is a tree; whoever needs all the weights walks it. A name in the tree is a path,
`layers.0.weight`, and with names the weights can be saved.

New: `Module`, `Linear`, `Network`.
"""

from itertools import pairwise

import numpy as np
from engine import Tensor, relu, total


class Module:
    def named(self):
        """The weights by their paths."""
        for name, part in vars(self).items():
            if isinstance(part, Tensor):
                yield name, part
            elif isinstance(part, Module):
                yield from ((f"{name}.{path}", weight) for path, weight in part.named())
            elif isinstance(part, list):
                for i, each in enumerate(part):
                    yield from ((f"{name}.{i}.{path}", weight) for path, weight in each.named())

    def weights(self):
        return [weight for _, weight in self.named()]


class Linear(Module):
    def __init__(self, inputs, outputs, rng):
        scale = 1 / np.sqrt(inputs)  # so that numbers neither grow nor vanish from layer to layer
        self.weight = Tensor(rng.uniform(-scale, scale, (inputs, outputs))).needs_gradient()
        self.bias = Tensor(np.zeros(outputs)).needs_gradient()

    def __call__(self, x):
        return x @ self.weight + self.bias


class Network(Module):
    """Linear layers with a bend between them."""

    def __init__(self, *sizes, rng):
        self.layers = [Linear(n, m, rng) for n, m in pairwise(sizes)]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = relu(layer(x))
        return self.layers[-1](x)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    network = Network(1, 32, 32, 1, rng=rng)
    print([name for name, _ in network.named()][:3])
    # → ['layers.0.weight', 'layers.0.bias', 'layers.1.weight']
    print(sum(weight.array.size for weight in network.weights()))  # → 1153

    x = np.linspace(-3, 3, 100)[:, None]
    for _ in range(800):
        error = network(Tensor(x)) - np.sin(x)
        loss = total(error * error) * (1 / len(x))
        for weight in network.weights():
            weight.node.grad = None
        loss.backward()
        for weight in network.weights():
            weight.step(0.05 * weight.grad)
    print(bool(loss.array < 0.01))  # it has learned a sine  # → True
