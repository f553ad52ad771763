"""How likely a VAE says MNIST is: the bounds of Kingma & Welling 2013 and of Burda et al. 2016.

The protocol is the latter's, but for the number of epochs: one layer of 50 latents, two hidden
layers of 200 tanh units each way, pixels drawn anew at every use; L_5000 of test images.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from demos.common.figures import Figure, bars, curves, sheet, strips
from demos.common.references import BURDA, PYTORCH, PYTORCH_ACTIVE_UNITS
from demos.common.store import measured
from demos.common.training import random_numbers
from demos.experiments.finding import Finding, Setting
from demos.experiments.likelihood_vaes import LATENT, trained
from models.measures.bounds import bounds
from models.measures.pixels import pixels_alone
from models.vae import VAE

ELBO_OF_PYTORCH, L_OF_PYTORCH = PYTORCH.values()
CLAIM = (
    f"the ELBO bounds log p(x) from below; PyTorch in 60 epochs: -ELBO {ELBO_OF_PYTORCH}, "
    f"-L_5000 {L_OF_PYTORCH} nats"
)
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
    setting: Setting, *, runs: Mapping[str, Mapping[str, Any]] = RUNS, samples: int = 5000,
    limit: int | None = None,
) -> Finding:  # fmt: skip
    """Trains each model, and estimates its bounds on the test set by `samples` samples of z.

    The fixed binarization is that of Larochelle & Murray 2011, and is tried on MNIST alone.
    """
    dataset = setting.dataset or "mnist"
    settings = {
        name: {"dataset": dataset, **values, "samples": samples, "limit": limit}
        for name, values in runs.items()
        if name != FIXED or dataset == "mnist"
    }
    if FIXED in settings:
        settings[FIXED]["dataset"] = "binarized-mnist"
    kept_in = setting.runs("likelihood")
    found = measured(kept_in, partial(play, setting), settings, jobs=1)
    main = found[MAIN]
    compared = {k: found[name] for k, name in COMPARED.items()}
    gains = {f"k = {k}": compared[1]["-L"] - row["-L"] for k, row in compared.items() if k > 1}
    numbers = {
        **{name: main[name] for name in ("-ELBO", "-L", "-L, standard error")},
        "gain of the IWAE objective in nats of L": gains,
        "what each was": settings,
        "what each reached": found,
    }
    alone = pixels_alone(*setting.images(dataset, limit))
    control = {
        "PyTorch, 60 epochs of batches of 100": PYTORCH,
        "Burda et al. 2016, 3280 epochs of batches of 20": BURDA,
        "every pixel alone, by its mean": alone,
    }
    result = (
        f"-ELBO {main['-ELBO']:.2f}, -L_{samples} {main['-L']:.2f} ± "
        f"{main['-L, standard error']:.2f}, {main['active units']} of {LATENT} units; "
        f"IWAE gains {', '.join(f'{k}: {gain:.2f}' for k, gain in gains.items())}"
    )
    beside = (
        f"PyTorch {ELBO_OF_PYTORCH}, {L_OF_PYTORCH}, {PYTORCH_ACTIVE_UNITS} units; the paper's "
        f"3,280 epochs {BURDA['VAE']}; pixels alone {alone:.1f}"
    )
    vae = trained(setting, settings[MAIN])[0].model
    figure = draw(found, settings[COMPARED[1]], vae, setting.seed)
    above = main["-L"] - 4 * main["-L, standard error"]
    invariants = {f"L_{samples} is not below the ELBO": above < main["-ELBO"]}
    return Finding(CLAIM, result, beside, numbers, control, figure, invariants)


def play(setting: Setting, *, images: int, samples: int, **how: Any) -> Row:
    """Trains a model, or goes on with it, and measures it: `images` test images with `samples`
    samples of z each, all of them with 50."""
    found, x_test = trained(setting, how)
    with random_numbers(setting.seed):
        measures = bounds(found.model, x_test, images, samples, setting.seed)
    curve = {name: [row[name] for row in found.rows] for name in ("train_objective", "test_nelbo")}
    return {**measures, **curve, "training seconds": found.seconds}


def draw(found: Mapping[str, Row], how: Mapping[str, Any], vae: VAE, seed: int) -> Figure:
    """The long runs' bounds by epoch, the objectives' bounds beside each other, and samples."""
    figure, (left, middle, right) = sheet("aabbbcc", (12.5, 4.2))
    lines: dict[str, Any] = {}
    for i, name in enumerate(n for n in (MAIN, FIXED) if n in found):
        row = found[name]
        epochs = range(1, len(row["test_nelbo"]) + 1)
        lines[f"{name}: test"] = (epochs, row["test_nelbo"], f"C{i}")
        lines[f"{name}: training"] = (epochs, row["train_objective"], f"C{i}:")
        lines[f"_{name}"] = (epochs[-1:], [row["-L"]], f"C{i}D")
    title, main = "negative ELBO; diamonds: -L", found[MAIN]
    curves(left, lines, title, "epoch", "nats per image", levels={"PyTorch": ELBO_OF_PYTORCH})
    left.set_ylim(main["-L"] - 6, main["-ELBO"] + 25)
    compared = {"VAE" if k == 1 else f"IWAE, k = {k}": found[name] for k, name in COMPARED.items()}
    names = ("-ELBO", "-L_50", "-L")
    series = {bound: {name: row[bound] for name, row in compared.items()} for bound in names}
    values = [height for heights in series.values() for height in heights.values()]
    title = f"objectives after {how['epochs']} epochs, batches of {how['batch']}: less is better"
    bars(middle, series, title, text="{:.1f}", colours=("0.7", "C0", "C2"), legend="upper center")
    span = max(values) - min(values)
    middle.set_ylim(min(values) - span, max(values) + 0.6 * span)
    with random_numbers(seed):
        images = vae.sample(64).numpy()
    title = f"means of p(x|z), z from the prior: {MAIN}"
    strips(right, images, title, columns=8, scale=1, gap=2)
    return figure
