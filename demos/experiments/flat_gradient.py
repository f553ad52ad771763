"""log(1 - D), which the generator minimises in the minimax game, is flat where its samples are
known as fake; -log D is steep there: Goodfellow et al. 2014, section 3, and the lecture's plot."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import minigrad as mg
from demos.common.figures import curves, sheet
from demos.common.kept import Setting
from demos.experiments.finding import Finding
from demos.experiments.toys import Toy, toy
from models.objectives import OBJECTIVES

CLAIM = (
    "from a strong discriminator, log(1 - D) gives the generator next to no gradient, -log D does"
)
LEVELS = (0.5, 0.1, 0.03, 0.01, 0.003, 0.001)  # of the mean D(G(z)) at which gradients are measured
MOST_STEPS = 20_000
Row = dict[str, Any]


def run(setting: Setting, *, levels: tuple[float, ...] = LEVELS) -> Finding:
    """Trains a discriminator only, against the generator as it is initialised, and measures the
    generator's gradient under both objectives on the way."""
    game = toy("ring", setting.seed, lr=3e-4, betas=(0.5, 0.999))
    noise = game.gan.draw_noise(1024)
    rows = [gradients(game, noise)]
    for _ in range(MOST_STEPS):
        if rows[-1]["D(G(z))"] <= levels[-1]:
            break
        game.gan.discriminator_step(game.data())
        now = gradients(game, noise)
        if now["D(G(z))"] < rows[-1]["D(G(z))"]:
            rows.append(now)
    found = {level: next((r for r in rows if r["D(G(z))"] <= level), None) for level in levels}
    strong = found[0.01]
    assert strong is not None, "the discriminator did not get to D(G(z)) below 0.01"
    numbers = {
        "D(G(z))": strong["D(G(z))"],
        "gradient norm, log(1 - D)": strong["minimax"],
        "gradient norm, -log D": strong["non-saturating"],
        "ratio": strong["ratio"],
        "by D(G(z))": {str(level): row for level, row in found.items() if row},
        "slope of log(1 - D) at D = 0.0025": slope("minimax", 0.0025),
        "slope of -log D at D = 0.0025": slope("non-saturating", 0.0025),
    }
    result = (
        f"at D(G(z)) = {strong['D(G(z))']:.4f} the gradient of -log D is {strong['ratio']:.0f} "
        "times that of log(1 - D)"
    )
    beside = f"before training D: {rows[0]['ratio']:.2f} times"
    return Finding(CLAIM, result, beside, numbers, {"before training D": rows[0]}, draw(rows))


def gradients(game: Toy, noise: mg.Tensor) -> Row:
    """The norm of the generator's gradient under both objectives, and the mean D(G(z))."""
    gan = game.gan
    scores = gan.discriminator(gan.generator(noise))
    row: Row = {"D(G(z))": scores.sigmoid().mean().item()}
    for name in ("minimax", "non-saturating"):
        loss = OBJECTIVES[name].generator(scores).mean()
        parts = mg.grad(loss, list(gan.generator.parameters()), retain_graph=True)
        row[name] = math.sqrt(sum(g.square().sum().item() for g in parts))
    # A gradient that is 0 but for what float32 can hold is the claim at its strongest.
    ratio = row["non-saturating"] / row["minimax"] if row["minimax"] else math.inf
    return {**row, "ratio": ratio}


def slope(name: str, d: float) -> float:
    """The slope of a generator's loss in the score a, where D = sigmoid(a) is d."""
    a = mg.tensor(math.log(d / (1 - d)), dtype=mg.float64).requires_grad_()
    (g,) = mg.grad(OBJECTIVES[name].generator(a), [a])
    return float(g.item())


def draw(rows: list[Row]) -> Figure:
    figure, (losses, slopes, norms) = sheet("abc", (12, 3.8))
    d = np.linspace(0.002, 0.998, 499)
    lines = {"log(1 - D)": (d, np.log(1 - d)), "-log D": (d, -np.log(d))}
    curves(losses, lines, "what G minimises", "D(G(z))", "the generator's loss (nats)")
    losses.annotate("samples known as fake:\nflat", (0.02, -0.1), (0.08, -3.6), color="C0",
                    arrowprops={"arrowstyle": "->", "color": "C0"}, fontsize=9)  # fmt: skip
    names = {"minimax": "log(1 - D): size D", "non-saturating": "-log D: size 1 - D"}
    lines = {label: (d, [abs(slope(name, x)) for x in d]) for name, label in names.items()}
    curves(slopes, lines, "the size of their slope in the score a, D = sigmoid(a)", "D(G(z))")
    at = [row["D(G(z))"] for row in rows]
    lines = {f"_{name}": (at, [row[name] for row in rows]) for name in names}
    title, label = "norm of the generator's gradient, 8-mode ring", "mean D(G(z)) as D is trained"
    curves(norms, lines, title, label, log="xy")
    norms.invert_xaxis()
    norms.axvline(0.01, color="0.6", linewidth=0.8, linestyle=":")
    return figure
