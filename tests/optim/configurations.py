"""Each optimizer with each of its options, and the textbook's updates."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

# Each optimizer with each of its options: what is compared with an independent reference.
CONFIGURATIONS = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    "SGD momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "SGD dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    "SGD nesterov": (
        optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "RMSprop": (optim.RMSprop, {"lr": 0.01, "alpha": 0.9}),
    "RMSprop momentum": (optim.RMSprop, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "RMSprop centered": (optim.RMSprop, {"lr": 0.01, "centered": True}),
    "RMSprop all": (
        optim.RMSprop,
        {"lr": 0.01, "centered": True, "momentum": 0.5, "weight_decay": 0.1, "eps": 1e-3},
    ),
    "Adam": (optim.Adam, {"lr": 0.01}),
    "Adam decay": (optim.Adam, {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    "AdamW": (optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    "Adam amsgrad": (optim.Adam, {"lr": 0.01, "betas": (0.5, 0.6), "amsgrad": True}),
    "Adagrad": (optim.Adagrad, {"lr": 0.3}),
    "Adagrad all": (
        optim.Adagrad,
        {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.1},
    ),
    "Adadelta": (optim.Adadelta, {"lr": 1.0, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
}
configurations = pytest.mark.parametrize(
    ("cls", "options"), CONFIGURATIONS.values(), ids=CONFIGURATIONS
)


def reference(cls, p, grads, o):
    """The textbook's update, one number at a time as it were, in float64."""
    m = b = most = 0.0
    v = o.get("initial_accumulator_value", 0.0)
    for t, g in enumerate(grads, 1):
        decay = o.get("weight_decay", 0.01 if cls is optim.AdamW else 0)
        if cls is optim.AdamW:
            p = p - o["lr"] * decay * p
        else:
            g = g + decay * p
        if cls is optim.SGD:
            mu, tau = o.get("momentum", 0), o.get("dampening", 0)
            b = g if t == 1 else mu * b + (1 - tau) * g
            p = p - o["lr"] * (g + mu * b if o.get("nesterov") else b if mu else g)
        elif cls is optim.RMSprop:
            a, mu = o.get("alpha", 0.99), o.get("momentum", 0)
            v = a * v + (1 - a) * g**2
            m = a * m + (1 - a) * g
            step = g / (np.sqrt(v - m**2 if o.get("centered") else v) + o.get("eps", 1e-8))
            b = mu * b + step
            p = p - o["lr"] * b
        elif cls is optim.Adagrad:
            v = v + g**2
            rate = o["lr"] / (1 + (t - 1) * o.get("lr_decay", 0))
            p = p - rate * g / (np.sqrt(v) + o.get("eps", 1e-10))
        elif cls is optim.Adadelta:
            rho, eps = o["rho"], o["eps"]
            v = rho * v + (1 - rho) * g**2
            step = g * np.sqrt(b + eps) / np.sqrt(v + eps)
            b = rho * b + (1 - rho) * step**2
            p = p - o["lr"] * step
        else:
            b1, b2 = o.get("betas", (0.9, 0.999))
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            most = np.maximum(most, v) if o.get("amsgrad") else v
            m_hat, v_hat = m / (1 - b1**t), most / (1 - b2**t)
            p = p - o["lr"] * m_hat / (np.sqrt(v_hat) + o.get("eps", 1e-8))
    return p


def run(cls, options, start, grads):
    """Where a parameter that starts as the array `start` is after steps with these gradients."""
    p = nn.Parameter(start)
    opt = cls([p], **options)
    for g in grads:
        p.grad = mg.from_numpy(np.array(g, p.dtype))
        opt.step()
    assert p.array is start
    return p.numpy(force=True)
