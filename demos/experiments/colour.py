"""A VAE of colour images as bytes: bits per dimension by the discretised logistic likelihood."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import trange

import minigrad as mg
from demos.common import pictures
from demos.common.evaluation import mean_iwae, mean_terms
from demos.common.kept import Setting
from demos.common.run import Run
from demos.common.store import measured
from demos.common.training import Trainer, random_numbers
from demos.experiments.finding import Finding
from minigrad import Tensor, optim
from minigrad.data import DataLoader, ImageDataset
from minigrad.optim.lr_scheduler import CosineAnnealingLR
from models.likelihoods import bits_per_dimension
from models.model import Learner, Losses
from models.vae import VAE, conv_vae, grid_vae

CLAIM = "a VAE of colour images bounds their bits per dimension; even bytes have 8.00"
LR, LAST_LR, BATCH = 2e-3, 1e-4, 64
FEW, MANY = "128 latents", "a grid of latents"
MODELS: dict[str, Callable[..., VAE]] = {
    FEW: partial(conv_vae, latent=128, likelihood="logistic"),
    MANY: partial(grid_vae, likelihood="logistic"),
}
EPOCHS = {FEW: 2, MANY: 3}
PUBLISHED = {"uniform": 8.0, "Gaussian": 4.70}  # on CIFAR-10
Row = dict[str, Any]


def run(
    setting: Setting,
    *,
    epochs: Mapping[str, int] = EPOCHS,
    samples: int = 20,
    limit: int | None = None,
) -> Finding:
    """Trains two VAEs, of which one has few latents and one many, and as a control fits a Gaussian
    of all pixels to the same images."""
    dataset = setting.dataset or "faces"
    train_set, test_set = setting.images(dataset, limit)
    data = {"dataset": dataset, "limit": limit}
    settings = {
        name: {"name": name, "epochs": epochs[name], "k": samples, **data} for name in MODELS
    }
    kept = setting.folder / "colour-runs.json"
    found = measured(kept, partial(play, setting), settings, jobs=1)
    gaussian = gaussian_bits(train_set, test_set, setting.seed)
    control = {
        "uniform": math.log2(256),
        "Gaussian of all pixels, fitted here": gaussian,
        "published for CIFAR-10": PUBLISHED,
        "test images": len(test_set),
    }
    best = min(found, key=lambda name: found[name]["bound"])
    result = "; ".join(
        f"{name} ({row['latents']}): {row['bound']:.2f}" for name, row in found.items()
    )
    beside = f"uniform 8.00, a full Gaussian of the same images {gaussian:.2f} (published 4.70)"
    models = {name: trained(setting, settings[name]) for name in MODELS}
    figure = draw(found, gaussian, models, test_set, setting.seed)
    numbers = {"bits per dimension": {n: r["bound"] for n, r in found.items()}, "best": best}
    return Finding(
        CLAIM,
        f"bits per dimension, by {samples} samples: {result}",
        beside,
        {**numbers, "settings": settings, "runs": found},
        control,
        figure,
    )


# ---- training ------------------------------------------------------------------------------------


def play(
    setting: Setting, *, name: str, dataset: str, epochs: int, k: int, limit: int | None
) -> Row:
    """Trains a model, or goes on with it, and measures it in bits per dimension of test images."""
    train_set, test_set = setting.images(dataset, limit)
    mg.manual_seed(setting.seed)
    vae = MODELS[name](train_set.images.shape[1:])
    learner = Learner(vae, optim.Adam(vae.parameters(), LR))
    loader = DataLoader(train_set, BATCH, shuffle=True, seed=setting.seed, device="cpu")
    schedule = CosineAnnealingLR(learner.optimizer, epochs * len(loader), LAST_LR)
    trainer = Trainer(
        Run(setting.folder / folder(setting, name, dataset, epochs, limit), resume=True),
        loader,
        {**learner.parts(), "schedule": schedule},
        {"name": name, "dataset": dataset, "epochs": epochs},
        epochs=epochs,
        seed=setting.seed,
        checkpoint_every=100,
    )
    dimensions = train_set.images[0].size

    def step(x: Tensor, labels: Tensor) -> Losses:
        loss = learner.train_step(x)["loss"]
        schedule.step()
        return {"bpd": loss / (dimensions * math.log(2))}

    def end_of_epoch(number: int) -> dict[str, float]:
        return {f"test_{name}": bits for name, bits in evaluate(vae, test_set).items()}

    trainer.fit(step, end_of_epoch)
    with random_numbers(setting.seed):
        bound = evaluate_iwae(vae, test_set, k)
    last = trainer.rows[-1]
    rows = {name: [row[name] for row in trainer.rows] for name in ("train_bpd", "test_bpd")}
    parts = {name: last[f"test_{name}"] for name in ("bpd", "rec", "kl")}
    seconds = trainer.clock.seconds()
    return {**parts, "bound": bound, "latents": vae.latent, **rows, "training seconds": seconds}


def folder(setting: Setting, name: str, dataset: str, epochs: int, limit: int | None) -> str:
    """The name of a run's folder: another one for all that changes the training."""
    part = f"-first{limit}" if limit else ""
    return f"colour-{dataset}{part}-{name.replace(' ', '-')}-{epochs}epochs-{setting.seed}"


def trained(setting: Setting, values: Mapping[str, Any]) -> VAE:
    """The model of a run that is done."""
    how = {name: values[name] for name in ("name", "dataset", "epochs", "limit")}
    saved = Run(setting.folder / folder(setting, **how), resume=True).checkpoint
    assert saved is not None
    train_set, _ = setting.images(values["dataset"], 1)
    vae = MODELS[values["name"]](train_set.images.shape[1:])
    vae.load_state_dict(saved["model"])
    return vae


def evaluate(vae: VAE, images: ImageDataset) -> dict[str, float]:
    """The negative ELBO and its two parts, in bits per dimension."""
    rec, kl = mean_terms(vae, DataLoader(images, 100, device="cpu"))
    nats = {"bpd": rec + kl, "rec": rec, "kl": kl}
    return {name: bits_per_dimension(n, images.images[0].size) for name, n in nats.items()}


def evaluate_iwae(vae: VAE, images: ImageDataset, k: int) -> float:
    """Minus the IWAE bound of k samples, in bits per dimension."""
    nats = mean_iwae(vae, DataLoader(images, 20, device="cpu"), k, rows=200)
    return bits_per_dimension(nats, images.images[0].size)


# ---- the control ---------------------------------------------------------------------------------


def gaussian_bits(train_set: ImageDataset, test_set: ImageDataset, seed: int) -> float:
    """Bits per dimension of test images by a Gaussian with the training set's mean and covariance.

    A byte stands for the interval of length 1 that is rounded to it: with uniform noise of that
    length added, the density's mean logarithm bounds that of the bytes' probability (Theis et al.
    2016, section 3.1).
    """
    images = train_set.images.reshape(len(train_set), -1)
    size = images.shape[1]
    mean = images.mean(0, dtype=np.float64) - 128
    covariance = -np.outer(mean, mean)
    # Whole numbers from -128 to 127: float32 adds a thousand of their products without rounding.
    for i in trange(0, len(images), 1000, desc="covariance", leave=False, disable=None):
        part = images[i : i + 1000].astype(np.float32) - 128
        covariance += (part.T @ part).astype(np.float64) / len(images)
    covariance[np.diag_indices(size)] += 1 / 12  # the noise's variance
    noise = np.random.default_rng(seed).random((len(test_set), size)) - 0.5
    centred = test_set.images.reshape(len(test_set), -1) + noise - 128 - mean
    root: NDArray[Any] = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, centred.T)
    log_p = -0.5 * (white**2).sum(0) - np.log(np.diag(root)).sum()
    nats = -log_p.mean() + 0.5 * size * math.log(2 * math.pi)
    return bits_per_dimension(float(nats), size)


# ---- the picture ---------------------------------------------------------------------------------


def draw(
    found: Mapping[str, Row],
    gaussian: float,
    models: Mapping[str, VAE],
    images: ImageDataset,
    seed: int,
) -> Figure:
    """Bits per dimension beside the controls; for each model reconstructions and samples."""
    figure = Figure((12.5, 5.4), dpi=100, layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1.25, 1.25))
    show_bits(figure.add_subplot(grid[:, 0]), found, gaussian)
    x, _ = images[:16]
    for i, (name, vae) in enumerate(models.items()):
        recon = vae.reconstruct(mg.tensor(x)).numpy()
        with random_numbers(seed):
            drawn = vae.sample(32).numpy()
        halves = [part for at in (0, 8) for part in (x[at : at + 8], recon[at : at + 8])]
        for j, (what, shown) in enumerate(
            (("test images and reconstructions", np.concatenate(halves)), ("samples", drawn))
        ):
            axes = figure.add_subplot(grid[i, j + 1])
            axes.imshow(pictures.tiles(shown, 8, scale=2))
            axes.set_title(f"{name}: {what}", fontsize=10)
            axes.set_axis_off()
    return figure


def show_bits(axes: Any, found: Mapping[str, Row], gaussian: float) -> None:
    bars = {"uniform": 8.0, "Gaussian of\nall pixels": gaussian}
    bars |= {f"VAE,\n{name}".replace(" of ", " of\n"): row["bound"] for name, row in found.items()}
    for i, bits in enumerate(bars.values()):
        axes.bar(i, bits, color="0.75" if i < 2 else "C0")
        axes.annotate(
            f"{bits:.2f}", (i, bits), (0, 3), textcoords="offset points", ha="center", fontsize=9
        )
    axes.set_xticks(range(len(bars)), list(bars), fontsize=8)
    axes.set_title("bits per dimension of test images: less is better", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
