"""log(1 - D), which the generator minimises in the minimax game, is flat where its samples are
known as fake; -log D is steep there: Goodfellow et al. 2014, section 3, and the lecture's plot."""

from typing import Any

import numpy as np

from demos.common.figures import Figure, curves, sheet
from demos.experiments.finding import Finding, Setting
from demos.experiments.toys import toy
from models.measures.game import gradients, slope

CLAIM = (
    "from a strong discriminator, log(1 - D) gives the generator next to no gradient, -log D does"
)
LEVELS = (0.5, 0.1, 0.03, 0.01, 0.003, 0.001)  # of the mean D(G(z)) at which gradients are measured
MOST_STEPS = 20_000


def run(setting: Setting, *, levels: tuple[float, ...] = LEVELS) -> Finding:
    """Trains a discriminator only, against the generator as it is initialised, and measures the
    generator's gradient under both objectives on the way."""
    game = toy("ring", setting.seed, lr=3e-4, betas=(0.5, 0.999))
    noise = game.gan.draw_noise(1024)
    rows = [gradients(game.gan, noise)]
    for _ in range(MOST_STEPS):
        if rows[-1]["D(G(z))"] <= levels[-1]:
            break
        game.gan.discriminator_step(game.data())
        now = gradients(game.gan, noise)
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


def draw(rows: list[dict[str, Any]]) -> Figure:
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
