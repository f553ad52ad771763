"""How likely a VAE says MNIST is: the bounds of Kingma & Welling 2013 and of Burda et al. 2016.

The protocol is the latter's, but for the number of epochs: one layer of 50 latents, two hidden
layers of 200 tanh units each way, pixels drawn anew at every use; L_5000 of test images.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import minigrad as mg
from demos.common import datasets, pictures
from demos.common.evaluation import mean_terms
from demos.common.kept import Setting
from demos.common.run import Run
from demos.common.store import measured
from demos.common.training import Trainer, random_numbers
from demos.experiments.finding import Finding
from minigrad import Tensor, nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.likelihoods import binarize
from models.model import Learner, Losses
from models.vae import VAE, mlp_vae

CLAIM = "the ELBO bounds log p(x) from below; PyTorch in 60 epochs: -ELBO 97.4, -L_5000 92.6 nats"
LATENT, HIDDEN = 50, (200, 200)
LR, LAST_LR = 1e-3, 1e-4
ACTIVE = 0.01  # the variance of a mean over the data from which on its latent counts as used
MAIN, FIXED = "VAE", "VAE, fixed binarization"
# An epoch of k = 50 decodes 50 times as much: the objectives are compared after fewer epochs, in
# the paper's batches of 20, so that these are steps enough.
COMPARED = {
    k: f"{'VAE' if k == 1 else f'IWAE, k = {k}'}, 2 epochs of batches of 20" for k in (1, 5, 50)
}
RUNS: dict[str, dict[str, Any]] = {
    MAIN: {"k": 1, "epochs": 60, "batch": 100, "images": 500},
    FIXED: {"k": 1, "epochs": 12, "batch": 100, "images": 100},
    **{name: {"k": k, "epochs": 2, "batch": 20, "images": 100} for k, name in COMPARED.items()},
}
Row = dict[str, Any]


def run(
    setting: Setting,
    *,
    runs: Mapping[str, Mapping[str, Any]] = RUNS,
    samples: int = 5000,
    limit: int | None = None,
) -> Finding:
    """Trains each model, and estimates its bounds on the test set by `samples` samples of z.

    The fixed binarization is that of Larochelle & Murray 2011, and is tried on MNIST alone.
    """
    dataset = setting.dataset or "mnist"
    settings: dict[str, dict[str, Any]] = {}
    for name, values in runs.items():
        if name != FIXED or dataset == "mnist":
            data = "binarized-mnist" if name == FIXED else dataset
            settings[name] = {"dataset": data, **values, "samples": samples, "limit": limit}
    found = measured(
        setting.folder / "likelihood-runs.json", partial(play, setting), settings, jobs=1
    )
    main = found[MAIN]
    compared = {k: found[name] for k, name in COMPARED.items()}
    gains = {f"k = {k}": compared[1]["-L"] - row["-L"] for k, row in compared.items() if k > 1}
    numbers = {
        **{name: main[name] for name in ("-ELBO", "-L", "-L, standard error")},
        "gain of the IWAE objective in nats of L": gains,
        "what each was": settings,
        "what each reached": found,
    }
    control = {
        "PyTorch, 60 epochs of batches of 100": {"-ELBO": 97.4, "-L_5000, of 500 images": 92.6},
        "Burda et al. 2016, 3280 epochs of batches of 20": {
            "VAE": 86.76, "IWAE, k = 5": 85.54, "IWAE, k = 50": 84.78,
            "VAE, fixed binarization": 88.71,
        },
        "every pixel alone, by its mean": pixels_alone(setting, dataset, limit),
    }  # fmt: skip
    gained = ", ".join(f"{k}: {gain:.2f}" for k, gain in gains.items())
    result = (
        f"-ELBO {main['-ELBO']:.2f}, -L_{samples} {main['-L']:.2f} ± "
        f"{main['-L, standard error']:.2f}, {main['active units']} of {LATENT} units; "
        f"IWAE gains {gained}"
    )
    alone = control["every pixel alone, by its mean"]
    beside = (
        f"PyTorch 97.4, 92.6, 21 units; the paper's 3,280 epochs 86.76; pixels alone {alone:.1f}"
    )
    figure = draw(setting, settings, found)
    return Finding(CLAIM, result, beside, numbers, control, figure)


# ---- one run -------------------------------------------------------------------------------------


def play(
    setting: Setting, *, dataset: str, k: int, epochs: int, batch: int, images: int,
    samples: int, limit: int | None,
) -> Row:  # fmt: skip
    """Trains a model, or goes on with it, and measures it: `images` test images with `samples`
    samples of z each, all of them with 50."""
    train_set, test_set = datasets.load(dataset, setting.data_dir, limit)
    mg.manual_seed(setting.seed)
    x_test = binarize(mg.tensor(test_set[:][0]))
    vae = network(train_set.images.mean(0) / 255, k)
    learner = Learner(vae, optim.Adam(vae.parameters(), LR))
    schedule = CosineAnnealingLR(learner.optimizer, epochs, LAST_LR)
    trainer = Trainer(
        Run(setting.folder / folder(dataset, k, epochs, batch, limit, setting.seed), resume=True),
        DataLoader(train_set, batch, shuffle=True, seed=setting.seed, device="cpu"),
        {**learner.parts(), "schedule": schedule},
        {"dataset": dataset, "k": k, "epochs": epochs, "batch": batch},
        epochs=epochs,
        seed=setting.seed,
    )

    def step(x: Tensor, labels: Tensor) -> Losses:
        terms = learner.train_step(binarize(x))
        return {"objective": terms["loss"], "rec": terms["rec"], "kl": terms["kl"]}

    def end_of_epoch(number: int) -> dict[str, float]:
        schedule.step()
        rec, kl = bound(vae, x_test)
        return {"test_nelbo": rec + kl, "test_rec": rec, "test_kl": kl}

    trainer.fit(step, end_of_epoch)
    with random_numbers(setting.seed):
        found = measure(vae, x_test, images, samples, setting.seed)
    curve = {
        name: [row[name] for row in trainer.rows] for name in ("train_objective", "test_nelbo")
    }
    return {**found, **curve, "training seconds": trainer.clock.seconds()}


def folder(dataset: str, k: int, epochs: int, batch: int, limit: int | None, seed: int) -> str:
    """The name of a run's folder: another one for all that changes the training."""
    part = f"-first{limit}" if limit else ""
    return f"likelihood-{dataset}{part}-k{k}-{epochs}x{batch}-{seed}"


def network(mean: Any, k: int) -> VAE:
    """The paper's network and its first weights: Glorot & Bengio's, and for the last biases the
    logits of the mean image (C, H, W)."""
    vae = mlp_vae(mean.shape, LATENT, HIDDEN, nn.Tanh, k=k)
    for layer in vae.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    p = np.clip(mean.ravel(), 1e-3, 1 - 1e-3)
    *_, last, _ = vae.decoder
    with mg.no_grad():
        last.bias.copy_(mg.tensor((np.log(p) - np.log1p(-p)).astype(np.float32)))
    return vae


def bound(vae: VAE, x: Tensor) -> tuple[float, float]:
    """The two parts of the negative ELBO, averaged over images."""
    return mean_terms(vae, DataLoader(TensorDataset(x.numpy()), 500, device="cpu"))


@mg.no_grad()
def measure(vae: VAE, x: Tensor, images: int, samples: int, seed: int) -> Row:
    """The bounds on a test set, in nats per image, and how many units are in use.

    NOTE: log p(x) differs by 22 nats from image to image: the mean of 500 is uncertain by 1.0. What
    L_5000 gains on L_50 differs by 1.4 only: so the mean of L_50 over all, plus the mean gain of
    these 500, says to 0.06 what L_5000 is for all.
    """
    rec, kl = bound(vae, x)
    chosen = np.random.default_rng(seed).permutation(len(x))[:images]
    l_50 = log_p(vae, x, 50)
    l_few = log_p(vae, x[chosen], samples)
    gain = l_few - l_50[chosen]
    mu, _ = vae.encoder(x)
    return {
        "-ELBO": rec + kl,
        "rec": rec,
        "kl": kl,
        "-L_50": -float(l_50.mean()),
        "-L": -float(l_50.mean() + gain.mean()),
        "-L, standard error": float(gain.std() / math.sqrt(len(gain))),
        "-L of the chosen images alone": -float(l_few.mean()),
        "its standard error": float(l_few.std() / math.sqrt(len(gain))),
        "images chosen": len(chosen),
        "active units": int((mu.numpy().var(0) > ACTIVE).sum()),
    }


def log_p(vae: VAE, x: Tensor, k: int) -> Any:
    """The IWAE bound on log p(x) of each image: (N,)."""
    batches = [x[i : i + 20] for i in range(0, len(x), 20)]
    bar = tqdm(batches, f"L_{k}", leave=False, disable=None)
    return np.concatenate([vae.iwae(part, k).numpy() for part in bar])


def pixels_alone(setting: Setting, dataset: str, limit: int | None) -> float:
    """-log p(x) in nats of the test images where every pixel is drawn by itself, by its mean."""
    train_set, test_set = setting.images(dataset, limit)
    p = np.clip(train_set.images.mean(0) / 255, 1e-3, 1 - 1e-3)
    q = test_set.images.mean(0) / 255
    return -float((q * np.log(p) + (1 - q) * np.log1p(-p)).sum())


# ---- the picture ---------------------------------------------------------------------------------


def draw(
    setting: Setting, settings: Mapping[str, Mapping[str, Any]], found: Mapping[str, Row]
) -> Figure:
    """The long runs' bounds by epoch, the objectives' bounds beside each other, and samples."""
    figure = Figure((12.5, 4.2), dpi=100, layout="constrained")
    curves, bars, samples = figure.subplots(1, 3, width_ratios=(1.15, 1.25, 1))
    for i, name in enumerate(n for n in (MAIN, FIXED) if n in found):
        row = found[name]
        epochs = np.arange(1, len(row["test_nelbo"]) + 1)
        curves.plot(epochs, row["test_nelbo"], f"C{i}", label=f"{name}: test")
        curves.plot(epochs, row["train_objective"], f"C{i}:", label=f"{name}: training")
        curves.plot(epochs[-1], row["-L"], f"C{i}D", markersize=5)
    last = found[MAIN]["-ELBO"]
    curves.axhline(97.4, color="0.6", linewidth=0.8, linestyle="--")
    curves.annotate("PyTorch", (1, 97.4), (0, 3), textcoords="offset points", color="0.4")
    curves.set_ylim(found[MAIN]["-L"] - 6, last + 25)
    curves.set_xlabel("epoch")
    curves.set_ylabel("nats per image")
    curves.set_title("negative ELBO; diamonds: -L", fontsize=10)
    curves.legend(frameon=False, fontsize=8)
    compare(bars, {k: found[name] for k, name in COMPARED.items()}, settings[COMPARED[1]])
    show_samples(samples, setting, settings[MAIN])
    for axes in (curves, bars):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6, axis="y")
    return figure


def compare(axes: Any, found: Mapping[int, Row], how: Mapping[str, Any]) -> None:
    """Three bounds of each objective, side by side."""
    bounds: Sequence[tuple[str, str]] = (("-ELBO", "0.8"), ("-L_50", "C0"), ("-L", "C2"))
    for i, row in enumerate(found.values()):
        for j, (name, colour) in enumerate(bounds):
            at = i + 0.27 * (j - 1)
            axes.bar(at, row[name], 0.25, color=colour, label=name if i == 0 else None)
            axes.annotate(
                f"{row[name]:.1f}", (at, row[name]), (0, 2), textcoords="offset points",
                ha="center", fontsize=8,
            )  # fmt: skip
    values = [row[name] for row in found.values() for name, _ in bounds]
    span = max(values) - min(values)
    axes.set_ylim(min(values) - span, max(values) + 0.6 * span)
    axes.set_xticks(range(len(found)), ["VAE" if k == 1 else f"IWAE, k = {k}" for k in found])
    training = f"{how['epochs']} epochs, batches of {how['batch']}"
    axes.set_title(f"objectives after {training}: less is better", fontsize=10)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper right")


def show_samples(axes: Any, setting: Setting, values: Mapping[str, Any]) -> None:
    """The means of what the main model draws from the prior."""
    how = {name: values[name] for name in ("dataset", "k", "epochs", "batch", "limit")}
    saved = Run(setting.folder / folder(**how, seed=setting.seed), resume=True).checkpoint
    assert saved is not None
    train_set, _ = setting.images(values["dataset"], 1)
    vae = network(train_set.images[0] / 255, 1)
    vae.load_state_dict(saved["model"])
    with random_numbers(setting.seed):
        images = vae.sample(64).numpy()
    axes.imshow(pictures.tiles(images, 8, scale=1))
    axes.set_title(f"means of p(x|z), z from the prior: {MAIN}", fontsize=10)
    axes.set_axis_off()
