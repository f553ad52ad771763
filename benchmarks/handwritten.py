"""Case 1 with no framework: the MLP VAE's training step as a careful person writes it in NumPy.

The bar for "the tape costs nothing". Every array is made once; every operation writes in place; the
two heads are one layer; the parameters lie in one flat buffer, so that Adam is a few passes over
blocks that stay in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SIZES = {"encoder": (400, 784), "heads": (40, 400), "hidden": (400, 20), "output": (784, 400)}


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) on flat buffers, `block` numbers at a time."""

    def __init__(self, size: int, lr: float = 1e-3, block: int = 65536) -> None:
        self.lr, self.beta1, self.beta2, self.eps = lr, 0.9, 0.999, 1e-8
        self.steps, self.size, self.block = 0, size, block
        self.m, self.v = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.scratch = np.empty(block, np.float32)

    def step(self, parameters: Array, gradient: Array) -> None:
        """Update `parameters` in place.

        The moments are kept divided by (1 - beta), which saves a pass each; the bias corrections
        move from the moments into two numbers, the rate and eps.
        """
        self.steps += 1
        scale_m = (1 - self.beta1) / (1 - self.beta1**self.steps)
        scale_v = math.sqrt((1 - self.beta2) / (1 - self.beta2**self.steps))
        rate, eps = self.lr * scale_m / scale_v, self.eps / scale_v
        for start in range(0, self.size, self.block):
            part = slice(start, start + self.block)
            p, g, m, v = parameters[part], gradient[part], self.m[part], self.v[part]
            t = self.scratch[: len(p)]
            m *= self.beta1
            m += g
            v *= self.beta2
            np.multiply(g, g, out=t)
            v += t
            np.sqrt(v, out=t)
            t += eps
            np.divide(m, t, out=t)
            t *= rate
            p -= t


class VAE:
    """784-400-20 with ReLU; `weights[name]` is (out, in), `biases[name]` (out,), as in PyTorch."""

    def __init__(self, batch: int, seed: int = 0) -> None:
        self.batch = batch
        size = sum(out * (inputs + 1) for out, inputs in SIZES.values())
        self.parameters, self.gradient = np.empty(size, np.float32), np.empty(size, np.float32)
        self.weights, self.biases = self._views(self.parameters)
        self.grad_w, self.grad_b = self._views(self.gradient)
        self.adam = Adam(size)
        rng = np.random.default_rng(seed)
        for name, (_, inputs) in SIZES.items():
            for array in (self.weights[name], self.biases[name]):
                array[...] = rng.uniform(-1, 1, array.shape) / math.sqrt(inputs)
        shapes = {"h": 400, "heads": 40, "std": 20, "z": 20, "h2": 400, "logits": 784}
        self.buffers = {n: np.empty((batch, width), np.float32) for n, width in shapes.items()}
        self.grads = {n: np.empty_like(b) for n, b in self.buffers.items()}
        self.ones = np.ones(batch, np.float32)
        self.masks = {n: np.empty((batch, 400), np.bool_) for n in ("h", "h2")}
        self.work = np.empty((batch, 784), np.float32)
        self.small = np.empty((batch, 20), np.float32)

    @staticmethod
    def _views(flat: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        weights, biases, start = {}, {}, 0
        for name, (out, inputs) in SIZES.items():
            middle, end = start + out * inputs, start + out * (inputs + 1)
            weights[name], biases[name] = flat[start:middle].reshape(out, inputs), flat[middle:end]
            start = end
        return weights, biases

    def step(self, x: Array, noise: Array) -> np.float32:
        """Train on `x` (batch, 784) with `noise` (batch, 20).

        Returns the negative ELBO in nats, averaged over the batch.
        """
        loss = self._forward(x, noise)
        self._backward(x, noise)
        self.adam.step(self.parameters, self.gradient)
        return loss

    def _linear(self, name: str, x: Array, out: Array) -> Array:
        np.matmul(x, self.weights[name].T, out=out)
        out += self.biases[name]
        return out

    def _forward(self, x: Array, noise: Array) -> np.float32:
        """Fill the buffers; leave sigmoid(logits) in `work` and exp(logvar) in `small`."""
        b = self.buffers
        h = self._linear("encoder", x, b["h"])
        np.maximum(h, 0, out=h)
        heads = self._linear("heads", h, b["heads"])
        mu, logvar = heads[:, :20], heads[:, 20:]
        std = np.multiply(logvar, 0.5, out=b["std"])
        np.exp(std, out=std)
        z = np.multiply(std, noise, out=b["z"])
        z += mu
        h2 = self._linear("hidden", z, b["h2"])
        np.maximum(h2, 0, out=h2)
        logits = self._linear("output", h2, b["logits"])

        var = np.multiply(std, std, out=self.small)
        kl = -0.5 * (mu.size + logvar.sum() - np.einsum("ij,ij", mu, mu) - var.sum())
        return np.float32((self._bce_with_logits(logits, x) + kl) / self.batch)

    def _bce_with_logits(self, logits: Array, x: Array) -> np.float32:
        """Return sum(softplus(-a) + (1 - x)·a), a the logits, and leave sigmoid(a) in `work`.

        Both come from 1 + e^-a: its logarithm and its reciprocal. Clipped at -80, where e^-a still
        has room in float32 and the sigmoid is 0 to any use.
        """
        np.maximum(logits, -80, out=logits)
        work, log = self.work, self.grads["logits"]
        np.negative(logits, out=work)
        np.exp(work, out=work)
        work += 1
        np.log(work, out=log)
        np.reciprocal(work, out=work)
        return np.float32(log.sum() + logits.sum() - np.vdot(logits, x))

    def _backward(self, x: Array, noise: Array) -> None:
        b, g = self.buffers, self.grads
        scale = 1 / self.batch
        grad = np.subtract(self.work, x, out=g["logits"])
        grad *= scale
        self._grad_parameters("output", b["h2"], grad)
        grad = self._grad_relu("h2", grad, "output")
        self._grad_parameters("hidden", b["z"], grad)
        grad_z = np.matmul(grad, self.weights["hidden"], out=g["z"])

        # z = mu + std·noise and the KL: d/dmu = dz + mu, d/dlogvar = (dz·noise·std + var - 1) / 2.
        mu, grad_mu, grad_logvar = b["heads"][:, :20], g["heads"][:, :20], g["heads"][:, 20:]
        np.multiply(mu, scale, out=grad_mu)
        grad_mu += grad_z
        np.multiply(grad_z, noise, out=grad_logvar)
        grad_logvar *= b["std"]
        self.small -= 1
        self.small *= scale
        grad_logvar += self.small
        grad_logvar *= 0.5

        self._grad_parameters("heads", b["h"], g["heads"])
        grad = self._grad_relu("h", g["heads"], "heads")
        self._grad_parameters("encoder", x, grad)

    def _grad_parameters(self, name: str, x: Array, grad: Array) -> None:
        np.matmul(grad.T, x, out=self.grad_w[name])
        np.matmul(self.ones, grad, out=self.grad_b[name])

    def _grad_relu(self, hidden: str, grad: Array, layer: str) -> Array:
        """Carry `grad` back through `layer` and the ReLU before it, whose output is `hidden`."""
        below = np.matmul(grad, self.weights[layer], out=self.grads[hidden])
        below *= np.greater(self.buffers[hidden], 0, out=self.masks[hidden])
        return below


def mlp_vae_step(batch: int) -> Callable[[], np.float32]:
    """Return the step that case 1 times, with its noise and its data made as in `workloads`."""
    model, rng = VAE(batch), np.random.default_rng(1)
    data = [rng.random((batch, 784), np.float32) for _ in range(4)]
    noise = np.empty((batch, 20), np.float32)
    turn = 0

    def step() -> np.float32:
        nonlocal turn
        turn += 1
        rng.standard_normal(dtype=np.float32, out=noise)
        return model.step(data[turn % 4], noise)

    return step


def chain_step(ops: int) -> Callable[[], Array]:
    """Cases 5 and 6: the values and the gradient of the chain, by hand."""
    x = np.ones(4, np.float32)

    def step() -> Array:
        y = x
        for _ in range(ops // 2):
            y = y * 1.0001 + 0.1
        y.sum()
        grad = np.ones(4, np.float32)
        for _ in range(ops // 2):
            grad = grad * 1.0001
        return grad

    return step
