"""DCGANs for the experiments: trained once, kept in the folder, taken from there by the next."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigrad as mg
from demos import datasets
from demos.experiments.finding import Setting
from demos.run import CommandError, Run
from demos.training import Trainer
from minigrad import Tensor, optim
from minigrad.data import DataLoader, ImageDataset
from models.dcgan import DCGANDiscriminator, DCGANGenerator
from models.gan import GAN, Shape

SAMPLED_AT_ONCE = 500


@dataclass(frozen=True)
class Recipe:
    """How a DCGAN is made and trained. `undone` are the options of both networks that undo a
    guideline, `leak` of the discriminator among them."""

    epochs: int = 8
    batch_size: int = 64
    noise: int = 64
    width: int = 32
    lr: float = 2e-4
    ema: float = 0.999
    undone: dict[str, Any] = field(default_factory=dict)


def build(shape: Shape, classes: int = 0, recipe: Recipe = Recipe()) -> GAN:
    """An untrained DCGAN of images (C, H, W), conditional if there are classes."""
    generators = {name: value for name, value in recipe.undone.items() if name != "leak"}
    generator = DCGANGenerator(recipe.noise, shape, recipe.width, classes, **generators)
    discriminator = DCGANDiscriminator(shape, recipe.width, classes, **recipe.undone)
    g_optimizer, d_optimizer = (
        optim.Adam(network.parameters(), recipe.lr, (0.5, 0.999))
        for network in (generator, discriminator)
    )
    return GAN(
        generator, discriminator, g_optimizer, d_optimizer, noise=recipe.noise, ema=recipe.ema
    )


def trained(
    setting: Setting,
    dataset: str,
    *,
    conditional: bool = False,
    limit: int | None = None,
    end_of_epoch: Callable[[GAN], Mapping[str, float]] | None = None,
    **changes: Any,
) -> GAN:
    """A DCGAN of the training set, or its first `limit` images; `changes` are to the Recipe.

    It is kept in the setting's folder, as a run: one that was killed goes on, one that is there is
    loaded. Its metrics.csv has the seconds of one core of each epoch, and what `end_of_epoch` gives
    in the first training. Raises CommandError if what is there was trained otherwise.
    """
    recipe = Recipe(**changes)
    kind = "-conditional" if conditional else ""
    run = Run(setting.folder / f"dcgan-{dataset}{kind}-{setting.seed}", resume=True)
    data, _ = datasets.load(dataset, setting.data_dir, limit)
    args = {"dataset": dataset, "conditional": conditional, "limit": limit, **asdict(recipe)}
    if run.checkpoint is not None and run.checkpoint["args"] != args:
        raise CommandError(
            f"the DCGAN in {run.folder} was trained with {run.checkpoint['args']}, and not with "
            f"{args}: remove it, or choose another --out"
        )
    mg.manual_seed(setting.seed)
    gan = build(data.images.shape[1:], len(data.classes) if conditional else 0, recipe)
    train(gan, data, recipe, run, args, setting.seed, end_of_epoch)
    return gan


def train(
    gan: GAN,
    data: ImageDataset,
    recipe: Recipe,
    run: Run,
    args: Mapping[str, Any],
    seed: int,
    end_of_epoch: Callable[[GAN], Mapping[str, float]] | None,
) -> None:
    batch = min(recipe.batch_size, len(data))
    loader = DataLoader(data, batch, shuffle=True, drop_last=True, seed=seed, device="cpu")
    trainer = Trainer(run, loader, {"gan": gan}, args, epochs=recipe.epochs, seed=seed)
    conditional = args["conditional"]
    start = time.process_time()

    def step(x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return gan.train_step(2 * x - 1, *([labels] if conditional else []))._asdict()

    def measured(number: int) -> dict[str, float]:
        nonlocal start
        seconds = time.process_time() - start
        found = end_of_epoch(gan) if end_of_epoch else {}
        start = time.process_time()
        return {**found, "core_seconds": seconds}

    trainer.fit(step, measured)


def samples(gan: GAN, n: int, labels: NDArray[Any] | None = None) -> NDArray[Any]:
    """n images (n, C, H, W) in [0, 1], of labels (n,) if it is conditional."""
    return decode(gan, gan.draw_noise(n).numpy(), labels)


def decode(gan: GAN, z: NDArray[Any], labels: NDArray[Any] | None = None) -> NDArray[Any]:
    """The images (n, C, H, W) in [0, 1] of noise z (n, noise), each on its own."""
    parts = []
    for i in range(0, len(z), SAMPLED_AT_ONCE):
        rows = slice(i, i + SAMPLED_AT_ONCE)
        given = [] if labels is None else [mg.from_numpy(labels[rows])]
        parts.append(gan.sample(mg.from_numpy(z[rows]), *given).numpy())
    images: NDArray[Any] = (np.concatenate(parts) + 1) / 2
    return images
