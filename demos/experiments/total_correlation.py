"""Do latents follow more of the factors of faces when their total correlation is made small?

PCA follows six of the eleven and the VAEs of `factors-faces` three. Their variance of a pixel is
learned, and small; a nat of KL is then cheap beside the reconstruction, whatever beta is. Here the
pixels' standard deviation is fixed, and the objectives are compared over seeds.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
from demos.common.evaluation import flat
from demos.common.figures import Figure, bars, sheet
from demos.common.games import in_steps, learn
from demos.common.kept import Setting
from demos.common.latents import encode
from demos.common.run import CommandError
from demos.common.seeds import over_seeds, seconds, table_row
from demos.experiments.factors import FITTED
from demos.experiments.finding import Finding
from minigrad import optim
from minigrad.data import ImageDataset
from models.likelihoods import Gaussian
from models.measures.factors import Codes, measure
from models.measures.linear import pca
from models.model import Learner
from models.total_correlation import BetaTCVAE, total_correlation
from models.vae import VAE, conv_vae

CLAIM = "latents follow more factors of faces where their total correlation is made small"
LATENT, BATCH, LR = 12, 64, 3e-3
SIGMA = 0.1  # of a pixel
OBJECTIVES: dict[str, dict[str, Any]] = {
    "beta 1": {},
    "TC 30": {"kind": "tc", "beta": 30.0},
}
MEASURES = ("mig", "followed", "total correlation", "kl", "mse", "core seconds")


def run(
    setting: Setting, *, steps: int = 600, seeds: int = 5, jobs: int | None = 1,
    objectives: Mapping[str, dict[str, Any]] = OBJECTIVES, limit: int | None = None,
) -> Finding:  # fmt: skip
    """Every objective with `seeds` seeds, each for so many steps; PCA beside them."""
    if setting.dataset not in (None, "faces"):
        raise CommandError(f"total-correlation: it is about faces, not {setting.dataset}")
    train, test = setting.images("faces", limit)
    steps = setting.times(steps)
    rows = {name: {"steps": steps, **how} for name, how in objectives.items()}
    one = partial(play, train, test, setting.device)
    runs = over_seeds(setting, "total-correlation", one, rows, seeds, jobs)
    table = {name: table_row(some, MEASURES) for name, some in runs.items()}
    linear = measure(pca(flat(train)[:FITTED], LATENT).encode(flat(test)), test.factors)
    names = linear.names
    followed = {
        name: {
            factor: sum(float(run["best"][i]) > 0.5 for run in some)
            for i, factor in enumerate(names)
        }
        for name, some in runs.items()
    }
    numbers = {
        "seeds in which a factor is followed": followed,
        "core seconds of all trainings": seconds(runs),
        "tables": {f"{steps} steps": table},
    }
    control = {"PCA": {"mig": linear.mig, "followed": linear.followed}}
    control["PCA by factor"] = linear.by_factor()
    result = "; ".join(
        f"{name}: MIG {row['mig']['mean']:.3f} ± {row['mig']['std']:.3f}, "
        f"{row['followed']['mean']:.1f} of {len(names)}"
        for name, row in table.items()
    )
    beside = f"PCA: MIG {linear.mig:.3f}, {linear.followed} of {len(names)}"
    return Finding(CLAIM, result, beside, numbers, control, draw(runs, linear))


def network(kind: str, beta: float) -> VAE:
    """The small convolutional VAE of faces, its pixels having a fixed deviation."""
    plain = conv_vae((3, 32, 32), LATENT, 128, (16, 32), likelihood="gaussian", beta=beta)
    parts = (plain.encoder, plain.decoder, "gaussian")
    if kind == "tc":
        plain = BetaTCVAE(*parts, beta=beta)
    plain.likelihood = Gaussian(variance=SIGMA**2)
    plain.likelihood.requires_grad_(False)
    return plain


def play(
    train: ImageDataset, test: ImageDataset, device: str, *, steps: int, seed: int,
    kind: str = "", beta: float = 1,
) -> dict[str, Any]:  # fmt: skip
    """One training, and what its codes have of the factors."""
    mg.manual_seed(seed)
    model = network(kind, beta)
    learned = [p for p in model.parameters() if p.requires_grad]
    learner = Learner(model, optim.Adam(learned, LR))
    pixels = lambda x, labels: (x,)
    learn(learner, train, in_steps(steps), batch=BATCH, seed=seed, device=device, prepared=pixels)
    codes, kl = encode(model, test)
    x = mg.tensor(test[:1000][0])
    found: Codes = measure(codes, test.factors)
    with mg.no_grad():
        mu, logvar = model.encoder(x)
        tc = total_correlation(model.encoder.draw(x)[0], mu, logvar).item()
        mse = (model.reconstruct(x) - x).square().mean().item()
    return {
        "mig": found.mig, "followed": found.followed, "total correlation": tc,
        "kl": float(kl.sum(1).mean()), "mse": mse, "best": found.r2.max(1).tolist(),
        "together": found.together.tolist(),
        "r2": found.r2[:, found.order].astype(np.float32),
    }  # fmt: skip


def draw(runs: Mapping[str, Sequence[Mapping[str, Any]]], linear: Codes) -> Figure:
    """What a single code has of each factor, for the first seed; MIG, and factors followed."""
    matrices = {name: some[0]["r2"] for name, some in runs.items()}
    matrices["PCA"] = linear.r2[:, linear.order]
    above = "abcdefgh"[: len(matrices)]
    title = "faces: the share of a code's variance that a factor explains, first seed"
    figure, (*panels, left, right) = sheet(f"{above}/yz", (14, 7.5), title)
    for axes, (name, r2) in zip(panels, matrices.items(), strict=True):
        image = axes.imshow(r2, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axes.set_yticks(range(len(linear.names)), linear.names if axes is panels[0] else [])
        axes.tick_params(labelsize=8)
        axes.set_xticks([])
        axes.set_title(name, fontsize=9)
    panels[-1].figure.colorbar(image, ax=panels, label="R²", pad=0.01)
    for axes, measure_name, heading in (
        (left, "mig", "mutual information gap, a dot for each seed"),
        (right, "followed", f"factors of {len(linear.names)} followed by one code"),
    ):
        values = {name: [run[measure_name] for run in some] for name, some in runs.items()}
        values["PCA"] = [getattr(linear, measure_name)]
        bars(axes, {heading: values}, heading, lying=True, text="{:.2f}")
    return figure
