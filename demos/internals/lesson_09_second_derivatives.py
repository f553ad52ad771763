"""Second derivatives, and the gradient penalty

A gradient is computed by operations. With create_graph=True these are recorded too, so that the
gradient is on a tape of its own, and can be differentiated again. No op has a second rule for this:
the one rule that it has is written with ops, and is handed tensors instead of arrays
(minigrad/plan.py, `gradients`).

WGAN-GP needs it: its critic is to have slope 1 between data and samples, so its loss contains
(|d score / d x| - 1)^2, and training differentiates that by the critic's weights
(models/penalties.py).
"""

from pathlib import Path

from matplotlib.figure import Figure

import minigrad as mg
from minigrad import nn, optim
from models.gan import MLPDiscriminator
from models.penalties import gradient_penalty


def main(out: Path) -> None:
    # x^4 at 2, and its derivatives: 32, 48, 48, 24.
    x = mg.tensor(2.0, dtype=mg.float64, requires_grad=True)
    y, found = x**4, []
    for _ in range(4):
        (y,) = mg.grad(y, x, create_graph=True)
        found.append(y.item())
    print(found)  # → [32.0, 48.0, 48.0, 24.0]

    # The matrix of second derivatives, times a vector, without the matrix: of f(a, b) = a^2 b it is
    # [[2b, 2a], [2a, 0]], at (3, 5) times (1, 10): (10 + 60, 6).
    p = mg.tensor([3.0, 5.0], dtype=mg.float64, requires_grad=True)
    (slope,) = mg.grad(p[0] * p[0] * p[1], p, create_graph=True)
    (product,) = mg.grad((slope * mg.tensor([1.0, 10.0], dtype=mg.float64)).sum(), p)
    print(slope.tolist(), product.tolist())  # → [30.0, 9.0] [70.0, 6.0]

    # The penalty of a linear critic, score = w . x, can be worked out: its slope is w everywhere.
    # With w = (3, 4), |w| = 5: the penalty is 16, its gradient 2 (|w| - 1) w / |w| = (4.8, 6.4).
    critic = nn.Linear(2, 1, dtype=mg.float64)
    with mg.no_grad():
        critic.weight.copy_(mg.tensor([[3.0, 4.0]]))
    real, fake = mg.randn(8, 2, dtype=mg.float64), mg.randn(8, 2, dtype=mg.float64)
    penalty = gradient_penalty(critic, real, fake)
    penalty.backward()
    print(f"{penalty.item():.6f}", [round(v, 6) for v in critic.weight.grad[0].tolist()])
    # → 16.000000 [4.8, 6.4]

    # A critic of two layers is checked by differences, as any function is: of the penalty as a
    # function of the weights.
    mg.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def penalty_of(*weights: mg.Tensor) -> mg.Tensor:
        mg.manual_seed(1)  # the same points between data and samples each time
        with mg.enable_grad():  # gradcheck's differences record nothing, but the slope needs a tape
            return gradient_penalty(net, real, fake)

    print(mg.gradcheck(penalty_of, list(net.parameters())[:3]))  # → True

    # The tape of that: the forward, the gradient's own operations, and the penalty at the end.
    small = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    with mg.record_modules(critic=small):
        drawn = gradient_penalty(small, mg.randn(8, 2), mg.randn(8, 2))
    mg.draw(drawn, out / "09_penalty.svg", gradients=True)

    # The penalty alone, minimised: a critic whose slope is 1 almost everywhere.
    mg.manual_seed(0)
    critic = MLPDiscriminator((2,), [32, 32])
    optimizer = optim.Adam(critic.parameters(), lr=0.01)
    losses = []
    for _ in range(100):
        loss = gradient_penalty(critic, 3 * mg.randn(64, 2), 3 * mg.randn(64, 2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(
        f"{losses[0]:.2f}, then below 0.1: {max(losses[-10:]) < 0.1}"
    )  # → 0.77, then below 0.1: True
    draw(out, losses)


def draw(out: Path, losses: list[float]) -> None:
    figure = Figure(figsize=(5.5, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.semilogy(losses)
    axes.set_xlabel("step")
    axes.set_title("the mean of (|slope of the critic| - 1)²", fontsize=10)
    figure.savefig(out / "09_second_derivatives.png")
