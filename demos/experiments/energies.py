"""Planar flows bend a Gaussian into densities with two modes, waves and forks: the more maps, the
nearer, in nats by a grid (Rezende & Mohamed 2015, figure 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.figures import Array, Axes, Figure, curves, sheet
from demos.common.kept import Falling
from demos.common.seeds import over_seeds, seconds
from demos.experiments.finding import Finding, Setting
from minigrad import Tensor, nn, optim
from models.flows import Flows, Planar
from models.measures.energies import ENERGIES, log_density, log_z
from models.model import Losses
from models.vae import reparameterize

CLAIM = "a Gaussian sent through K planar flows is nearer to a density, the larger K: KL in nats"
STEPS, BATCH, LR = 1000, 256, 1e-2
SAMPLES = 100_000  # by which the KL is known
SHOWN = 4.0  # the pictures are from -4 to 4


def run(
    setting: Setting, *, maps: Sequence[int] = (0, 2, 8, 32), steps: int = STEPS,
    samples: int = SAMPLES, seeds: int = 1, jobs: int | None = None,
) -> Finding:  # fmt: skip
    """Each energy, approximated with each number of maps; with none, a diagonal Gaussian."""
    rows = {
        f"{name}, K = {k}": {"energy": name, "maps": k, "steps": steps, "samples": samples}
        for name in ENERGIES
        for k in maps
    }
    runs = over_seeds(setting, "energies", play, rows, seeds, jobs)
    kl = {
        name: {k: np.mean([r["kl"] for r in runs[f"{name}, K = {k}"]]) for k in maps}
        for name in ENERGIES
    }
    known = {name: log_z(energy) for name, energy in ENERGIES.items()}
    coarse = {name: log_z(energy, 351) for name, energy in ENERGIES.items()}
    last = maps[-1]
    numbers = {
        "KL(q || p) by number of maps": kl,
        "its largest standard error": max(
            r["standard error"] for some in runs.values() for r in some
        ),
        "core seconds of all trainings": seconds(runs),
    }
    control = {
        "log Z by a grid": known,
        "on a grid of twice the step": coarse,
        "a diagonal Gaussian": {name: of[maps[0]] for name, of in kl.items()},
    }
    result = f"K = {last}: " + ", ".join(f"{name} {of[last]:.3f}" for name, of in kl.items())
    beside = "; ".join(
        [f"K = {k}: " + ", ".join(f"{of[k]:.2f}" for of in kl.values()) for k in maps[:-1]]
    )
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, kl, maps))


class Fitted(nn.Module):
    """A density of points: a Gaussian's, sent through planar flows. Of the features that the maps
    would depend on, there is one, which is 1."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.mu = nn.Parameter(mg.zeros(1, 2))
        self.logvar = nn.Parameter(mg.zeros(1, 2))
        self.flow = Flows(*(Planar(2, 1) for _ in range(maps)))
        self.register_buffer("ones", mg.ones(1, 1), persistent=False)

    def draw(self, n: int) -> tuple[Tensor, Tensor]:
        """n points (n, 2), and log q at them in nats, (n,)."""
        eps = mg.randn(n, 2, dtype=self.mu.dtype)
        z, log_det = self.flow(reparameterize(self.mu, self.logvar, eps), self.ones)
        constant = float(np.log(2 * np.pi))
        return z, -0.5 * (eps.square() + self.logvar).sum(1) - constant - log_det


class Bound(nn.Module):
    """E_q[log q + beta U], which is KL(q || p) - log Z where beta is 1."""

    def __init__(self, q: Fitted, energy: str) -> None:
        super().__init__()
        self.q, self.energy = q, ENERGIES[energy]

    def losses(self, beta: Tensor) -> Losses:
        z, log_q = self.q.draw(BATCH)
        return {"loss": (log_q + beta * self.energy(z)).mean()}


def play(energy: str, maps: int, steps: int, samples: int, seed: int) -> dict[str, Any]:
    """One approximation: its KL in nats, and points of it. The energy is raised from a hundredth in
    the first half of the steps (section 6.1), so that all modes are found."""
    mg.manual_seed(seed)
    q = Fitted(maps)
    learner = Falling(Bound(q, energy), optim.Adam(q.parameters(), LR), steps)
    for step in range(steps):
        learner.train_step(mg.tensor(min(1.0, 0.01 + 2 * step / steps)))
    with mg.no_grad():
        z, log_q = q.double().draw(samples)
        excess = (log_q + ENERGIES[energy](z)).numpy()
    return {
        "kl": float(excess.mean()) + log_z(ENERGIES[energy]),
        "standard error": float(excess.std() / np.sqrt(samples)),
        "points": z.numpy()[:, ::-1].astype(np.float32),
    }


def draw(
    runs: Mapping[str, Any], kl: Mapping[str, Mapping[int, float]], maps: Sequence[int]
) -> Figure:
    """A row for each energy: itself, then what was made with each number of maps; the KL below."""
    columns = 1 + len(maps)
    layout = ";".join("".join(chr(97 + columns * i + j) for j in range(columns)) for i in range(4))
    title = "densities in the plane, and a Gaussian sent through K planar flows"
    figure, (*panels, below) = sheet(layout + "/z", (2.3 * columns, 12.5), title)
    for i, name in enumerate(ENERGIES):
        density = np.exp(log_density(ENERGIES[name], 201, SHOWN))
        picture(panels[columns * i], density, f"{name}: exp(-U)")
        for j, k in enumerate(maps, 1):
            points = runs[f"{name}, K = {k}"][0]["points"]
            edges = np.linspace(-SHOWN, SHOWN, 101)
            counts = np.histogram2d(*points.T, bins=[edges, edges])[0]
            picture(panels[columns * i + j], counts, f"K = {k}: {kl[name][k]:.3f} nats")
    at = range(len(maps))
    curves(below, {name: (at, list(of.values()), "o-") for name, of in kl.items()}, "", "K",
           "KL(q || p), nats", log="y")  # fmt: skip
    below.set_xticks(list(at), list(map(str, maps)))
    return figure


def picture(axes: Axes, density: Array, title: str) -> None:
    axes.imshow(density, cmap="viridis", origin="lower", extent=(-SHOWN, SHOWN) * 2)
    axes.set_title(title, fontsize=9)
    axes.set(xticks=[], yticks=[])
