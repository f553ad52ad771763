"""19. Reading digits

What is left is what makes it practical. A loss for classes: minus the logarithm of the
probability that is given to the right one. Batches: a step needs no more than some of the images.
And Adam, which gives each weight its own step: the mean of its gradients over the root of the
mean of their squares. The digits are drawn by minigrad, as step 20 needs them; nothing else of it
is used here.

New: `cross_entropy`, `Adam`.
"""

import numpy as np
from engine import Tensor, exp, log, no_tape, total
from step_18 import Network

from minigrad import data


def cross_entropy(scores, labels):
    """Mean of -log p(right class); scores (N, C) are made smaller by their largest, or exp
    overflows."""
    largest = scores.array.max(1, keepdims=True)
    right = np.eye(scores.shape[1])[labels]
    p = exp(scores - largest)
    rows = np.ones((scores.shape[1], 1))
    each = log(p @ rows) - (scores - largest) * right @ rows
    return total(each) * (1 / len(labels))


class Adam:
    def __init__(self, weights, rate, decays=(0.9, 0.999)):
        self.weights, self.rate, self.decays, self.steps = weights, rate, decays, 0
        self.moments = [np.zeros((2, *weight.shape)) for weight in weights]

    def step(self):
        self.steps += 1
        a, b = self.decays
        for weight, moments in zip(self.weights, self.moments):
            moments[0] += (1 - a) * (weight.grad - moments[0])
            moments[1] += (1 - b) * (weight.grad**2 - moments[1])
            mean = moments[0] / (1 - a**self.steps)  # they began at 0, and so are too small
            square = moments[1] / (1 - b**self.steps)
            weight.step(self.rate * mean / (np.sqrt(square) + 1e-8))
            weight.node.grad = None


images, labels = data.load("glyphs", "train", limit=2000)[:]
images = images.reshape(len(images), -1)
rng = np.random.default_rng(0)
network = Network(784, 64, 10, rng=rng)
adam = Adam(network.weights(), 2e-3)
for _ in range(3):
    for batch in np.split(rng.permutation(len(images)), 40):
        cross_entropy(network(Tensor(images[batch])), labels[batch]).backward()
        adam.step()

images, labels = data.load("glyphs", "test", limit=500)[:]
with no_tape():
    scores = network(Tensor(images.reshape(len(images), -1)))
print((scores.array.argmax(1) == labels).mean() > 0.9)  # of digits that it never saw  # → True
